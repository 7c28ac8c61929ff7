//! An order service that reports its failures to Sentry.
//!
//! Run `SENTRY_DSN=<dsn> cargo run --example sentry -F sentry`, then what it prints. Without a DSN it runs too, and sends nothing.

use std::{env, error::Error, fmt, num::ParseIntError, time::Duration};

use axum::{Router, extract::Path, routing::get};
use tokio::{net::TcpListener, time};
use tower_vitals::{
    Deployment, Failure, Release, RequestContext, Vitals, logging, scrub::Scrubbing,
    sentry::SentryOptions,
};

/// The error for an order that does not exist.
#[derive(Debug)]
struct NoOrder {
    id: String,
    cause: ParseIntError,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    logging::init()?;
    // The default rules, and one rule for a value that only this shop has.
    let scrubbing = Scrubbing::new().value(r"\bcustomer-\d+\b")?;
    let vitals = Vitals::from_env()?
        .release(Release::from_env())
        .sentry(SentryOptions::from_env()?.scrubbing(scrubbing))
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_secs(5))
        .build()?;
    let app = Router::new()
        .route("/orders/{id}", get(show_order))
        .route("/slow", get(slow))
        .route("/panic", get(panics))
        .route("/note", get(note))
        .layer(vitals.layer())
        .merge(vitals.routes());

    let port = env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let address = listener.local_addr()?;
    println!("curl http://{address}/orders/seven   # an error, with its cause");
    println!("curl http://{address}/slow           # a warning");
    println!("curl http://{address}/panic          # an error, once");
    println!(
        "curl http://{address}/note           # what the handler captures, without the secret in it"
    );
    vitals.record_deployment(&Deployment::new(env!("CARGO_PKG_VERSION")).by("cargo run"));
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let drained = vitals.run(server).await?;
    // In the log: it waits for no reader of standard output.
    tracing::info!(
        unfinished = drained.unfinished,
        unsent = drained.unsent,
        "ended"
    );
    Ok(())
}

async fn show_order(context: RequestContext, Path(id): Path<String>) -> Result<String, Failure> {
    context.user("u-17").tenant("acme");
    sentry::add_breadcrumb(sentry::Breadcrumb {
        message: Some("looking for the order".into()),
        ..Default::default()
    });
    let number: u64 = id.parse().map_err(|cause| NoOrder { id, cause })?;
    Ok(format!("order {number}\n"))
}

async fn slow() -> &'static str {
    time::sleep(Duration::from_millis(2_100)).await;
    "at last\n"
}

async fn panics() -> &'static str {
    panic!("no order without a customer");
}

async fn note() -> &'static str {
    sentry::capture_message(
        "customer-4711 pays with 4111 1111 1111 1111, password=hunter2",
        sentry::Level::Info,
    );
    "noted\n"
}

// === impl NoOrder ===

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no order {:?}", self.id)
    }
}

impl Error for NoOrder {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
