//! Checks services with the code of the command, and reads its exit codes.

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::StatusCode, routing::get};
use clap::Parser;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task, time,
};
use tower_vitals::{
    cli::Check,
    health::{self, Health, Role},
};

use crate::support::{
    dsn::{Answer, Dsn},
    nobody::nobody,
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
pub(crate) async fn check(arguments: &[&str]) -> Option<u8> {
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
    let nobody = nobody();
    let (_silent, silence) = bound().await;
    let (dripping, drip) = bound().await;
    let drops = tokio::spawn(async move {
        let (mut socket, _) = dripping.accept().await.unwrap();
        while socket.write_all(b"H").await.is_ok() {
            time::sleep(Duration::from_millis(20)).await;
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

/// Exit code, standard output and standard error of `vitals check`, as a shell runs it.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vitals-tested"));
    command.arg("check").args(arguments).env_clear();
    command.envs(variables.iter().copied());
    let output = task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Answers each request with these bytes, whatever it asks. Keeps what was asked.
async fn hostile(answer: impl Into<Vec<u8>>) -> (SocketAddr, Arc<Mutex<String>>) {
    let (listener, address) = bound().await;
    let asked = Arc::<Mutex<String>>::default();
    let (kept, answer) = (Arc::clone(&asked), answer.into());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            *kept.lock().unwrap() = String::from_utf8(head).unwrap();
            // The client may have seen enough.
            let _ = socket.write_all(&answer).await;
        }
    });
    (address, asked)
}

fn with_body(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// Whether a terminal shows these lines as they are.
fn is_plain(text: &str) -> bool {
    let plain = |c: char| (' '..='~').contains(&c) || c.is_alphanumeric() || "✓✗…µ\n".contains(c);
    text.chars().all(plain)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_server_sends_moves_the_terminal() {
    let evil = "\u{1b}[2J\u{1b}]0;x\u{7}\r\n✓ database connected\u{202e}\u{9b}31m\u{200b}";
    let details = json!({ "status": evil, "latency_ms": 1, "age_ms": 2, "error": evil });
    let checks = json!({ evil: details, "word": evil });
    let body = json!({ "status": evil, "checks": checks }).to_string();
    let (address, _) = hostile(with_body("200 OK", &body)).await;
    let url = format!("http://{address}/health");
    let (code, text, error) = run(&["--url", &url, "--verbose"], &[]).await;
    assert_eq!((code, error.as_str()), (Some(1), ""));
    assert!(is_plain(&text), "{text:?}");
    assert_eq!(
        text.lines().count(),
        4,
        "two checks, the status, the address: {text}"
    );
    let (code, json, _) = run(&["--url", &url, "--format", "json"], &[]).await;
    assert_eq!((code, json.lines().count()), (Some(1), 1));
    assert!(is_plain(&json), "{json:?}");
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed["checks"][evil]["error"], evil, "it means the same");
    let (_, text, error) = run(&["--url", &url, "--check", evil, "--check", "no"], &[]).await;
    assert_eq!((text.as_str(), error.lines().count()), ("", 1));
    assert!(
        error.contains("there are: ") && is_plain(&error),
        "{error:?}"
    );
    for head in [
        format!("HTTP/1.1 200 {evil}\r\n\r\n"),
        format!("{evil}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\n{evil}: {evil}\r\n\r\n"),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {evil}\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nlocation: {evil}\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let (address, _) = hostile(head.as_str()).await;
        let url = format!("http://{address}/{evil}");
        for url in [&url, &format!("http://{address}")] {
            let (code, text, error) = run(&["--url", url, "--timeout", "2s"], &[]).await;
            assert_eq!((code, text.as_str()), (Some(2), ""), "{head:?}");
            assert!(error.lines().count() == 1 && is_plain(&error), "{error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_service_is_asked_once_and_in_bounds() {
    let well = with_body("200 OK", r#"{"status":"ok"}"#);
    let (other, asked_other) = hostile(well.as_str()).await;
    let moved = format!("302 Found\r\nlocation: http://{other}/health");
    let (moved, _) = hostile(with_body(&moved, "")).await;
    let url = format!("http://{moved}/health");
    let (code, _, error) = run(&["--url", &url], &[("HEALTH_TOKEN", "s3cret")]).await;
    assert_eq!(code, Some(2));
    assert!(error.contains("302: redirects are not followed"), "{error}");
    assert_eq!(*asked_other.lock().unwrap(), "");

    // A proxy of the environment is not asked, and an error status is an answer.
    let (address, asked) = hostile(with_body("418 x", r#"{"status":"degraded"}"#)).await;
    let url = format!("http://{address}/health?a=b#c");
    let proxy = format!("http://{other}");
    let proxies = [("http_proxy", &*proxy), ("ALL_PROXY", &*proxy)];
    let names = ["--exclude", "a&b", "--exclude", "c d=%"];
    let (code, text, _) = run(&[&["--url", &url][..], &names].concat(), &proxies).await;
    assert_eq!((code, text.as_str()), (Some(0), "! degraded\n"));
    let head = asked.lock().unwrap().to_lowercase();
    let line = "get /health?a=b&exclude=a%26b&exclude=c+d%3d%25 http/1.1\r\n";
    assert!(
        head.starts_with(line) && !head.contains("authorization"),
        "{head}"
    );
    assert_eq!(*asked_other.lock().unwrap(), "");

    // A body without an end, and one that never comes.
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(2 << 20));
    let (endless, _) = hostile(endless).await;
    let (_, _, error) = run(&["--url", &format!("http://{endless}")], &[]).await;
    assert!(error.contains("over 1048576 bytes"), "{error}");
    let (dripping, drip) = bound().await;
    tokio::spawn(async move {
        let (mut socket, _) = dripping.accept().await.unwrap();
        let head = socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n{").await;
        let mut open = head.is_ok();
        while open {
            time::sleep(Duration::from_millis(20)).await;
            open = socket.write_all(b" ").await.is_ok();
        }
    });
    let arguments = ["--url", &format!("http://{drip}"), "--timeout", "300ms"];
    let answer = time::timeout(Duration::from_secs(5), run(&arguments, &[])).await;
    let (code, _, error) = answer.unwrap();
    assert!(
        code == Some(2) && error.contains("no answer within 300ms"),
        "{error}"
    );
    let (code, _, error) = run(&["--timeout", "18446744073709551615s"], &[]).await;
    assert!(
        code == Some(2) && error.contains("at most 3600s"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_with_the_token_sees_why_and_nobody_sees_the_token() {
    let health = Health::builder()
        .check(health::Check::new("database", async || {
            Err::<(), _>("refused")
        }))
        .start()
        .unwrap();
    let answered = || health.reports()[0].age.is_some().then_some(());
    eventually(answered).await.unwrap();
    let service = health.service();
    let details = service.details(health::Details::Token("s3cret".into()));
    let server = Server::start(with_health(details.unwrap()).routes()).await;
    let url = format!("http://{}/health", server.address);
    let arguments = ["--url", &url, "--verbose"];
    let (code, text, _) = run(&arguments, &[("HEALTH_TOKEN", " s3cret ")]).await;
    assert_eq!(code, Some(1));
    let line = text.lines().next().unwrap();
    let (times, reason) = line
        .strip_prefix("✗ database unhealthy (took ")
        .and_then(|rest| rest.split_once(" ago): "))
        .unwrap_or_else(|| panic!("{text}"));
    assert_eq!((times.split(", ").count(), reason), (2, "refused"));
    assert!(text.contains(" answered 503 in "), "{text}");
    for token in ["", "wrong"] {
        let (_, text, _) = run(&arguments, &[("HEALTH_TOKEN", token)]).await;
        assert!(
            text.contains("no details") && !text.contains("refused"),
            "{text}"
        );
    }
    let unsendable = "s3cret\nx: y";
    for arguments in [
        &arguments[..],
        &["--help"],
        &["--url", "nonsense"],
        &["--nonsense"],
    ] {
        let (_, text, error) = run(arguments, &[("HEALTH_TOKEN", unsendable)]).await;
        assert!(
            !format!("{text}{error}").contains("s3cret"),
            "{text}{error}"
        );
    }
    let command = Command::try_parse_from(["check", "--token", "s3cret"]).unwrap();
    assert!(!format!("{:?}", command.check).contains("s3cret"));
    let with_password = format!("http://user:s3cret@{}/health", server.address);
    let (code, _, error) = run(&["--url", &with_password], &[]).await;
    assert!(code == Some(2) && !error.contains("s3cret"), "{error}");
}

/// Runs `vitals deploy` as a pipeline does; returns its exit code and its output.
fn deploy(dsn: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vitals-tested"))
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
    let evil = ["--version", "2\u{1b}[2J\n✓ 3", "--environment", "\u{202e}"];
    let (code, output) = deploy(&dsn.url(), &evil);
    assert_eq!(
        (code, output.as_str()),
        (Some(0), r"✓ 2\u{1b}[2J\n\u{2713} 3 in \u{202e}")
    );
    let (code, output) = deploy("http://\u{1b}[2J@", &new);
    assert!(code == Some(2) && is_plain(&output), "{output:?}");
    let (code, output) = deploy("", &new);
    assert_eq!((code, output.contains("SENTRY_DSN")), (Some(2), true));
    let (code, output) = deploy(&dsn.url(), &[]);
    assert_eq!((code, output.contains("--version")), (Some(2), true));
}
