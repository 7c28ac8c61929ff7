//! Tells of requests that are still running when they should have been answered long ago.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{request, response};
use tokio::time::{self, MissedTickBehavior};

#[cfg(feature = "sentry")]
use crate::sentry::SentryObserver;
use crate::{
    config::ConfigError,
    exchange::{Exchange, LayerKinds},
    log,
    metrics::Metrics,
    observe::{Facts, Observer},
    runtime,
};

/// How often those that run are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The observer that remembers what runs; one that is off is asked nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct StuckObserver {
    running: Option<Arc<Running>>,
}

/// The requests without an answer, by the address of their exchange.
#[derive(Debug)]
struct Running {
    exchanges: Mutex<HashMap<usize, Waiting>>,
    metrics: Metrics,
    #[cfg(feature = "sentry")]
    reporter: SentryObserver,
}

#[derive(Debug)]
struct Waiting {
    exchange: Arc<Exchange>,
    told: bool,
}

// === impl Stuck ===

impl StuckObserver {
    /// Watches from now on, by one task on the current runtime, for as long as a layer lives.
    pub(crate) fn watching(
        metrics: Metrics,
        #[cfg(feature = "sentry")] reporter: SentryObserver,
    ) -> Result<Self, ConfigError> {
        let runtime = runtime::with_clock("log_stuck")?;
        let running = Arc::new(Running {
            exchanges: Mutex::default(),
            metrics,
            #[cfg(feature = "sentry")]
            reporter,
        });
        runtime.spawn(watch(Arc::downgrade(&running)));
        Ok(Self {
            running: Some(running),
        })
    }

    fn forget(&self, exchange: &Arc<Exchange>) {
        if let Some(running) = &self.running {
            // What is taken out is dropped outside the lock.
            let _gone = running.lock().remove(&address(exchange));
        }
    }
}

impl Observer for StuckObserver {
    fn kinds(&self) -> LayerKinds {
        match self.running {
            Some(_) => LayerKinds::STUCK,
            None => LayerKinds::NONE,
        }
    }

    fn request(&self, _: LayerKinds, exchange: &Arc<Exchange>, _: &mut request::Parts) {
        if let Some(running) = &self.running {
            let waiting = Waiting {
                exchange: Arc::clone(exchange),
                told: false,
            };
            running.lock().insert(address(exchange), waiting);
        }
    }

    /// A stream that goes on is no stuck request, unless its whole time is what counts.
    fn head(&self, _: LayerKinds, exchange: &Arc<Exchange>, _: &mut response::Parts) {
        if !exchange.overrides().judge_at_end {
            self.forget(exchange);
        }
    }

    fn end(&self, _: LayerKinds, exchange: &Arc<Exchange>, _: &Facts) {
        self.forget(exchange);
    }
}

// === impl Running ===

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Waiting>> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are beyond their critical band and of whom nobody was told.
    fn overdue(&self) -> Vec<Arc<Exchange>> {
        let mut running = self.lock();
        let overdue = running.values_mut().filter(|waiting| {
            let critical = waiting
                .exchange
                .overrides()
                .bands
                .unwrap_or_default()
                .edges()[2];
            !waiting.told && waiting.exchange.started().elapsed() >= critical
        });
        let told = overdue.map(|waiting| {
            waiting.told = true;
            Arc::clone(&waiting.exchange)
        });
        told.collect()
    }
}

async fn watch(running: Weak<Running>) {
    let mut ticks = time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let Some(running) = running.upgrade() else {
            return;
        };
        for exchange in running.overdue() {
            log::still_running(&running.metrics, &exchange);
            #[cfg(feature = "sentry")]
            running.reporter.stuck(&exchange);
        }
    }
}

fn address(exchange: &Arc<Exchange>) -> usize {
    Arc::as_ptr(exchange).addr()
}
