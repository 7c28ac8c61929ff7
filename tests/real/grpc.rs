//! Checks our gRPC health service with Python's `grpcio-health-checking`.

use std::{
    env,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use tokio::task;
use tower_vitals::health::{Check, Health};

use crate::servers::serve;

const HANGING: u8 = 0;

const UP: u8 = 1;

const DOWN: u8 = 2;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PYTHON (default python3) with grpcio-health-checking; .ci/run makes one"]
async fn pythons_grpc_client_sees_what_the_checks_see() {
    let mood = Arc::new(AtomicU8::new(HANGING));
    let database = Check::new("database", {
        let mood = Arc::clone(&mood);
        move || {
            let mood = mood.load(Ordering::Relaxed);
            async move {
                match mood {
                    UP => Ok(()),
                    DOWN => Err("down"),
                    _ => std::future::pending().await,
                }
            }
        }
    });
    // The first run of the check hangs until Python has seen the state before it.
    let health = Health::builder()
        .check(database.interval(Duration::from_millis(20)))
        .start()
        .unwrap();
    let becomes = |now| {
        let mood = Arc::clone(&mood);
        get(async move || mood.store(now, Ordering::Relaxed))
    };
    let grpc = health.grpc(&["shop.v1.Prices"]);
    let app = Router::new()
        .route("/up", becomes(UP))
        .route("/down", becomes(DOWN))
        .route("/drain", get(async move || health.drain()))
        .route_service("/grpc.health.v1.Health/{*method}", grpc);
    let address = serve(app).await;

    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/ask_health.py");
    let asked = task::spawn_blocking(move || {
        Command::new(python)
            .arg(script)
            .arg(address.to_string())
            .output()
            .unwrap()
    });
    let asked = asked.await.unwrap();
    let (output, error) = (
        String::from_utf8(asked.stdout),
        String::from_utf8(asked.stderr),
    );
    assert!(
        asked.status.success(),
        "{}{}",
        output.unwrap(),
        error.unwrap()
    );
}
