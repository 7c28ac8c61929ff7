//! A service with two dependencies, probes and a shutdown that drains: SQLite is the database, a TCP port the cache.
//!
//! `cargo run --example health`, then what it prints. `CACHE` is the cache's address, `PORT` our own.

use std::{env, error::Error, time::Duration};

use axum::{Router, routing::get};
use sqlx::SqlitePool;
use tokio::net::{TcpListener, TcpStream};
use tower_vitals::{
    Vitals,
    health::{Check, Health, Role},
    logs,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logs::init()?;
    let database = SqlitePool::connect("sqlite::memory:").await?;
    let cache = env::var("CACHE").unwrap_or_else(|_| "127.0.0.1:6379".into());
    let second = Duration::from_secs(1);
    let health = Health::builder()
        .check(
            Check::new("database", move || {
                let database = database.clone();
                async move { sqlx::query("SELECT 1").execute(&database).await.map(drop) }
            })
            .word("connected")
            .interval(second),
        )
        .check(
            Check::new("cache", move || {
                let cache = cache.clone();
                async move { TcpStream::connect(cache).await.map(drop) }
            })
            .role(Role::Optional)
            .interval(second),
        )
        .start()?;
    let vitals = Vitals::from_env()?.health(health.service()).build()?;
    let app = Router::new()
        .route("/", get(async || "hello\n"))
        .layer(vitals.layer())
        .merge(vitals.routes());

    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!(
        "Probes on http://{address}. Try, with something on the cache's port and without:

  curl -i http://{address}/livez
  curl -i http://{address}/readyz?verbose
  curl -s http://{address}/health
  cargo run --features cli --bin vitals -- check --url http://{address}/health
  kill -TERM {}    # readiness fails first, the server drains after 5 s
",
        std::process::id()
    );
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.drained());
    let drained = vitals.run(server).await?;
    println!("{} requests were cut off", drained.unfinished);
    Ok(())
}
