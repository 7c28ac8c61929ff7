//! What `check --direct` asks and says.

use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;
use tokio::{net::TcpListener, task};
use tower_vitals::{
    cli,
    health::{Check, Health, Role},
};

use crate::{nobody::nobody, served::vitals};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    check: cli::Check,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_addresses_of_the_environment_are_asked_before_a_service_runs() {
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let database = format!("postgres://u:s3cret@{}/shop", open.local_addr().unwrap());
    let ran = vitals(&["check", "--direct"], &[("DATABASE_URL", &database)]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.says("✓ database healthy");
    assert!(
        ran.out.contains(" memory ") && ran.out.contains(" disk "),
        "{ran:?}"
    );
    assert!(!ran.out.contains("redis"), "{ran:?}");
    let database = format!("postgres://u:s3cret@{}/shop", nobody());
    // The address of a service does not matter.
    let gone = [
        ("DATABASE_URL", database.as_str()),
        ("HEALTH_URL", "http://127.0.0.1:1/health"),
    ];
    let ran = vitals(&["check", "--direct", "--verbose"], &gone).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("✗ database unhealthy (took "), "{ran:?}");
    assert!(
        !ran.out.contains("s3cret") && !ran.err.contains("s3cret"),
        "{ran:?}"
    );
    let left_out = [
        "check",
        "--direct",
        "--exclude",
        "database",
        "--format",
        "json",
    ];
    let ran = vitals(&left_out, &gone).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["checks"]["database"], Value::Null);
    let redis = [("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0")];
    let ran = vitals(&["check", "--direct", "--check", "redis"], &redis).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        !ran.out.contains("s3cret") && !ran.err.contains("s3cret"),
        "{ran:?}"
    );
    let wrong = [("DATABASE_URL", "a s3cret in no address")];
    let ran = vitals(&["check", "--direct"], &wrong).await;
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (2, "✗ DATABASE_URL: it has no host\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_runs_its_own_checks_with_the_arguments_of_the_command() {
    for (arguments, code) in [
        (&["check"][..], 0),
        (&["check", "--strict"], 1),
        (&["check", "--check", "cache"], 1),
        (&["check", "--strict", "--exclude", "cache"], 0),
        (&["check", "--check", "nothing"], 2),
    ] {
        let command = Command::try_parse_from(arguments).unwrap();
        let answer = |up: bool| move || async move { if up { Ok(()) } else { Err("down") } };
        let health = Health::builder()
            .check(Check::new("database", answer(true)))
            .check(Check::new("cache", answer(false)).role(Role::Optional));
        let ran = task::spawn_blocking(move || command.check.run_direct(health));
        let code = ExitCode::from(code);
        assert_eq!(
            format!("{:?}", ran.await.unwrap()),
            format!("{code:?}"),
            "{arguments:?}"
        );
    }
}
