//! Checks services with the code of the command, and reads its exit codes.

use std::{net::SocketAddr, process::ExitCode, time::Duration};

use axum::{Router, http::StatusCode, routing::get};
use clap::Parser;
use tokio::{io::AsyncWriteExt, net::TcpListener, task};
use tower_vitals::{
    cli::Check,
    health::{self, Health, Role},
};

use crate::support::{
    dsn::{Answer, Dsn},
    server::Server,
    stacks::with_health,
    waiting::eventually,
};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    check: Check,
}

/// The exit code of `vitals check` with these arguments; `None` if it refuses them, which is exit code 2.
async fn check(arguments: &[&str]) -> Option<u8> {
    let command = Command::try_parse_from(["check"].iter().chain(arguments)).ok()?;
    let code = task::spawn_blocking(move || command.check.run())
        .await
        .unwrap();
    let code = format!("{code:?}");
    (0..=2).find(|number| code == format!("{:?}", ExitCode::from(*number)))
}

async fn service(database: bool, cache: bool) -> (Server, String) {
    let answer = |up: bool| move || async move { if up { Ok(()) } else { Err("down") } };
    let health = Health::builder()
        .check(health::Check::new("database", answer(database)).healthy_label("connected"))
        .check(health::Check::new("cache", answer(cache)).role(Role::Optional))
        .start()
        .unwrap();
    let round = || {
        health
            .reports()
            .iter()
            .all(|report| report.runs > 0 && report.latency > Duration::ZERO)
            .then_some(())
    };
    eventually(round).await.unwrap();
    let vitals = with_health(health.service());
    let server = Server::start(vitals.routes()).await;
    let url = format!("http://{}/health", server.address);
    (server, url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_follows_the_health() {
    let (_well, well) = service(true, true).await;
    let (_degraded, degraded) = service(true, false).await;
    let (_down, down) = service(false, true).await;
    for (url, more, code) in [
        (&well, &[][..], Some(0)),
        (
            &well,
            &["--strict", "--verbose", "--format", "json"],
            Some(0),
        ),
        (&well, &["--check", "database", "--check", "cache"], Some(0)),
        (&degraded, &[], Some(0)),
        (&degraded, &["--strict"], Some(1)),
        (&degraded, &["--check", "cache"], Some(1)),
        (&degraded, &["--check", "database"], Some(0)),
        (&degraded, &["--exclude", "cache", "--strict"], Some(0)),
        (&down, &[], Some(1)),
        (&down, &["--check", "cache"], Some(0)),
        (&down, &["--exclude", "database"], Some(0)),
        // Wrong use: an unknown check, and invalid arguments.
        (&well, &["--check", "queue"], Some(2)),
        (&well, &["--timeout", "0"], None),
        (&well, &["--timeout", "soon"], None),
        (&well, &["--format", "xml"], None),
    ] {
        let arguments: Vec<_> = ["--url", url.as_str()]
            .iter()
            .chain(more)
            .copied()
            .collect();
        assert_eq!(check(&arguments).await, code, "{arguments:?}");
    }
}

async fn bound() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_does_not_answer_is_unreachable_and_not_unhealthy() {
    let (closed, nobody) = bound().await;
    drop(closed);
    let (_silent, silence) = bound().await;
    let (dripping, drip) = bound().await;
    let drops = tokio::spawn(async move {
        let (mut socket, _) = dripping.accept().await.unwrap();
        while socket.write_all(b"H").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let strange = Router::new()
        .route("/text", get(async || "all is well"))
        .route("/json", get(async || (StatusCode::OK, "{}")));
    let strange = Server::start(strange).await;
    for url in [
        format!("http://{nobody}/health"),
        format!("http://{silence}/health"),
        format!("http://{drip}/health"),
        format!("http://{}/text", strange.address),
        format!("http://{}/json", strange.address),
        format!("http://{}/nothing", strange.address),
        "https://127.0.0.1/health".into(),
        "http://user@127.0.0.1/health".into(),
        "nonsense".into(),
    ] {
        assert_eq!(
            check(&["--url", &url, "--timeout", "200ms"]).await,
            Some(2),
            "{url}"
        );
    }
    drops.abort();
}

/// Runs `vitals deploy` as a pipeline does; returns its exit code and its output.
fn deploy(dsn: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vitals"))
        .arg("deploy")
        .args(arguments)
        .env_clear()
        .env("SENTRY_DSN", dsn)
        .env("DEPLOYED_BY", "pipeline")
        .output()
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text.trim().to_owned())
}

#[test]
fn a_deployment_is_recorded_or_the_pipeline_hears_of_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let new = [
        "--version",
        "shop@2.0",
        "--environment",
        "canary",
        "--changes",
        "all new",
    ];
    let output = deploy(&dsn.url(), &new);
    assert_eq!(output, (Some(0), "✓ shop@2.0 in canary".into()));
    let event = dsn.event();
    assert_eq!(event["logentry"]["message"], "deployed shop@2.0 to canary");
    assert_eq!(event["tags"]["deployed_by"], "pipeline");
    let refusing = Dsn::start(Answer::Status(500));
    assert_eq!(
        deploy(&refusing.url(), &new),
        (Some(2), "✗ Sentry did not take it".into())
    );
    let (code, output) = deploy("", &new);
    assert_eq!((code, output.contains("SENTRY_DSN")), (Some(2), true));
    let (code, output) = deploy(&dsn.url(), &[]);
    assert_eq!((code, output.contains("--version")), (Some(2), true));
}
