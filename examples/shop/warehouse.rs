//! Packs orders from a queue, and adds them up from time to time.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::http::{Method, StatusCode};
use tokio::time;
use tower_vitals::{
    Vitals, category::ErrorCategory, config::ConfigError, job, job_queue, operations::Job,
};

use crate::{business, trouble::Trouble, work};

/// How often the orders are added up.
const ROLL_UP_EVERY: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
pub(crate) struct Warehouse {
    /// How many orders wait.
    waiting: Arc<AtomicUsize>,
}

// === impl Warehouse ===

impl Warehouse {
    /// An empty queue, whose length is published.
    pub(crate) fn start() -> Result<Self, ConfigError> {
        let waiting = Arc::new(AtomicUsize::new(0));
        let watched = Arc::clone(&waiting);
        job_queue("orders", move || watched.load(Relaxed)).start()?;
        Ok(Self { waiting })
    }

    /// The job that adds up the orders.
    pub(crate) const fn rollup(&self) -> Job {
        job("rollup").every(ROLL_UP_EVERY)
    }

    pub(crate) fn take(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// Works until the process ends.
    pub(crate) async fn work(self, vitals: Vitals) {
        tokio::join!(self.pack_orders(&vitals), self.roll_up());
    }

    /// Takes orders from the queue. No layer sees that, so it is counted after the fact.
    async fn pack_orders(&self, vitals: &Vitals) {
        loop {
            let begun = time::Instant::now();
            work(20).await;
            let wait = |waiting: usize| waiting.checked_sub(1);
            if self.waiting.fetch_update(Relaxed, Relaxed, wait).is_err() {
                continue;
            }
            let metrics = vitals.metrics();
            metrics.record_request(
                &Method::POST,
                "queue/orders",
                StatusCode::OK,
                begun.elapsed(),
            );
            if fastrand::u8(..10) == 0 {
                metrics.record_error(ErrorCategory::ExternalService, "queue/orders");
            }
            business::packed();
        }
    }

    async fn roll_up(&self) {
        loop {
            time::sleep(ROLL_UP_EVERY).await;
            // What went wrong is in the log, in the metrics and in Sentry.
            let _ = self.rollup().try_run(add_up()).await;
        }
    }
}

async fn add_up() -> io::Result<()> {
    work(if Trouble::Rollup.is_now() { 300 } else { 3 }).await;
    match fastrand::u8(..20) {
        0 => Err(io::Error::other("the books do not balance")),
        _ => Ok(()),
    }
}
