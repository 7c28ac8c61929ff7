//! Watches background jobs: counts, exchanges, log, Sentry, health and queues.

mod counting;
mod exchanges;
mod health;
mod logs;
mod queues;
mod reports;

use std::{error::Error, fmt, num::ParseIntError};

use tower_vitals::{
    Vitals,
    operations::{CallOutcome, Job},
};

use crate::exposition::Exposition;

/// A stack whose numbers no other test changes, and a job that counts there.
fn watched(name: &'static str) -> (Vitals, Job) {
    crate::panics::silence_panics_that_were_asked_for();
    let vitals = Vitals::builder().isolated().build().unwrap();
    let job = tower_vitals::job(name).metrics(vitals.metrics());
    (vitals, job)
}

/// The runs of a job by outcome, in the order of [`CallOutcome::ALL`].
fn runs(vitals: &Vitals, job: &str) -> [f64; 5] {
    let scrape = Exposition::of(vitals);
    CallOutcome::ALL.map(|outcome| {
        let labels = [("job", job), ("outcome", outcome.as_str())];
        scrape.sum("job_runs_total", &labels)
    })
}

#[derive(Debug)]
struct NoOrder(ParseIntError);

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such order")
    }
}

impl Error for NoOrder {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn no_order() -> NoOrder {
    NoOrder("x".parse::<u8>().unwrap_err())
}
