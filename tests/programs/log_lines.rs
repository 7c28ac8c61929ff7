//! Logs many lines and ends at once, in the way that its argument says: a program for tests.

use std::{env, error::Error, process, time::Duration};

use tower_vitals::{
    Vitals,
    logging::{self, Format},
    scrub::Scrubbing,
    sentry::SentryOptions,
};
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

fn main() -> Result<(), Box<dyn Error>> {
    let end = env::args().nth(1);
    match end.as_deref() {
        Some("health-layer") => {
            let layer = logging::layer(Format::Text, std::io::stdout, false);
            tracing_subscriber::registry().with(layer).init();
        }
        _ => _ = logging::init()?,
    }
    if let Some("health" | "health-layer" | "sentence") = end.as_deref() {
        if end.as_deref() != Some("sentence") {
            let options = SentryOptions::from_env()?.scrubbing(Scrubbing::health_data());
            Vitals::builder().sentry(options).build()?;
        }
        tracing::warn!(patient = "Anna", token = "abc", "Anna is ill");
        return Ok(());
    }
    for n in 0..5_000 {
        tracing::info!(n, "a line");
    }
    match end.as_deref() {
        Some("return") => {}
        Some("exit") => process::exit(0),
        Some("panic") => panic!("as it was asked"),
        // The reader takes nothing until this is said.
        Some("flush") => {
            let vitals = Vitals::builder().isolated().build()?;
            eprintln!("{}", vitals.flush(Duration::from_millis(200)));
        }
        other => return Err(format!("no such end: {other:?}").into()),
    }
    Ok(())
}
