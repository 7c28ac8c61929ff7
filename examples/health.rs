//! A service with a database, a cache, probes and a shutdown that drains.
//!
//! Run `cargo run -p tower-vitals-tests --example health`, then what it prints. The database is the PostgreSQL of `DATABASE_URL`, or the one on its
//! usual port, or else SQLite in memory. The cache is the Redis of `REDIS_URL`, by default on its usual port. `PORT` is the port of the example.

use std::{env, error::Error, time::Duration};

use axum::{Router, routing::get};
use sqlx::{Connection, PgConnection, PgPool, SqlitePool};
use tokio::net::TcpListener;
use tower_vitals::{
    Vitals,
    health::{Check, Health, Role},
    logging,
};

/// The default address of PostgreSQL.
const USUAL: &str = "postgres://postgres@127.0.0.1/postgres";

const SECOND: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    let (database, kind) = database().await?;
    let redis = env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1".into());
    let cache = Check::redis("cache", redis::Client::open(redis)?);
    let health = Health::builder()
        .check(database.interval(SECOND)) // critical: not ready without it
        .check(cache.role(Role::Optional).interval(SECOND)) // degraded without it
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
        "Probes on http://{address}, over {kind} and Redis. Stop one of them, start it, and ask:

  curl -i http://{address}/livez
  curl -i http://{address}/readyz?verbose
  curl -s http://{address}/health
  cargo run --features cli --bin vitals -- check --url http://{address}/health
  kill -TERM {}    # readiness fails first, the server drains after 5 s; a second signal ends it
",
        std::process::id()
    );
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // In the log: it waits for no reader of standard output.
    tracing::info!(unfinished = drained.unfinished, "ended");
    Ok(())
}

/// The check of the available database, and its name.
async fn database() -> Result<(Check, &'static str), sqlx::Error> {
    let url = match env::var("DATABASE_URL") {
        Ok(url) => url,
        Err(_) if PgConnection::connect(USUAL).await.is_ok() => USUAL.into(),
        Err(_) => {
            let pool = SqlitePool::connect("sqlite::memory:").await?;
            return Ok((Check::sqlx("database", pool), "SQLite"));
        }
    };
    // It may still be down; until it is up, the service is not ready.
    let pool = PgPool::connect_lazy(&url)?;
    Ok((Check::sqlx("database", pool), "PostgreSQL"))
}
