//! Reports requests that still have no response when they are already critical.

#[cfg(all(feature = "health", feature = "statistics"))]
mod listed;

use std::{
    collections::HashMap,
    ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::response;
use tokio::time::{self, Instant, MissedTickBehavior};

use crate::{
    config::ConfigError,
    emit,
    facts::{
        Facts,
        current::{EnterMode, Entered},
        exchange::{Exchange, Outcome},
        layer_kinds::LayerKinds,
        marks::Mark,
        route::Endpoint,
        trace_context::TraceContext,
    },
    metrics::Metrics,
    observe::{Observer, ObserverContext},
    runtime,
    sentry::SentryObserver,
    text::{millis, printable_path},
};

/// How often the waiting requests are checked.
const EVERY: Duration = Duration::from_secs(1);

#[cfg(all(feature = "health", feature = "statistics"))]
pub(crate) use self::listed::StuckRequest;

/// The observer that remembers waiting requests. One that is off has no kind, and so no hook of it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct StuckObserver {
    waiting: Option<Arc<Waiting>>,
}

/// The requests without a response, by the address of their exchange.
#[derive(Debug)]
struct Waiting {
    requests: Mutex<HashMap<usize, Request>>,
    metrics: Metrics,
    sentry: SentryObserver,
}

#[derive(Debug)]
struct Request {
    exchange: Arc<Exchange>,
    reported: bool,
}

// === impl StuckObserver ===

impl StuckObserver {
    /// Checks from now on if it is on, by one task on the current runtime, for as long as a layer of the stack is in memory.
    pub(crate) fn start(
        is_on: bool,
        metrics: &Metrics,
        sentry: &SentryObserver,
    ) -> Result<Self, ConfigError> {
        if !is_on {
            return Ok(Self::default());
        }
        let runtime = runtime::with_clock("log_stuck")?;
        let waiting = Arc::new(Waiting {
            requests: Mutex::default(),
            metrics: metrics.clone(),
            sentry: sentry.clone(),
        });
        runtime.spawn(check(Arc::downgrade(&waiting)));
        Ok(Self {
            waiting: Some(waiting),
        })
    }

    fn forget(&self, exchange: &Exchange) {
        if let Some(waiting) = &self.waiting {
            // The request that is taken out is dropped after the lock is released.
            let _gone = waiting.lock().remove(&address(exchange));
        }
    }
}

impl Observer for StuckObserver {
    fn kinds(&self) -> LayerKinds {
        match self.waiting {
            Some(_) => LayerKinds::STUCK,
            None => LayerKinds::NONE,
        }
    }

    fn shared(&self, active: LayerKinds, exchange: &Arc<Exchange>) {
        if let Some(waiting) = &self.waiting
            && active.overlaps(LayerKinds::STUCK)
        {
            let request = Request {
                exchange: Arc::clone(exchange),
                reported: false,
            };
            waiting.lock().insert(address(exchange), request);
        }
    }

    /// A stream that goes on is not stuck, unless the route is judged by its whole time.
    fn head(&self, cx: &ObserverContext<'_>, _: &mut response::Parts) {
        if !cx.exchange.read(|overrides| overrides.judge_at_end) {
            self.forget(cx.exchange);
        }
    }

    fn end(&self, cx: &ObserverContext<'_>, _: &Facts) {
        self.forget(cx.exchange);
    }

    fn excluded(&self, cx: &ObserverContext<'_>, _: Outcome, _: Option<&Facts>) {
        self.forget(cx.exchange);
    }
}

// === impl Waiting ===

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests that became critical since the last check.
    fn newly_critical(&self) -> Vec<Arc<Exchange>> {
        let mut requests = self.lock();
        let critical = requests.values_mut().filter(|request| {
            let bands = request.exchange.read(|overrides| overrides.bands);
            let [_, _, critical] = bands.copied().unwrap_or_default().edges();
            // A route that is not observed, such as a stream of probes, may stay open.
            !request.reported
                && !request.exchange.marks().has(Mark::Unobserved)
                && request.exchange.own_time(Instant::now()) >= critical
        });
        let reported = critical.map(|request| {
            request.reported = true;
            Arc::clone(&request.exchange)
        });
        reported.collect()
    }
}

async fn check(waiting: Weak<Waiting>) {
    let mut ticks = time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        let Some(waiting) = waiting.upgrade() else {
            return;
        };
        for exchange in waiting.newly_critical() {
            emit::counted(Some(&waiting.metrics), || {
                let mut lent = None;
                let _entered = Entered::new(&exchange, &mut lent, EnterMode::RunWithHub);
                write(&exchange);
            });
            waiting.sentry.stuck(&exchange);
        }
    }
}

fn write(exchange: &Exchange) {
    let endpoint = exchange.read(|overrides| overrides.endpoint.clone());
    let trace = exchange.trace();
    tracing::warn!(
        target: "tower_vitals",
        parent: exchange.span().and_then(|span| span.id()),
        request_id = exchange.id(),
        trace_id = trace.map(TraceContext::trace_id),
        span_id = trace.map(TraceContext::span_id),
        method = exchange.method(),
        path = &*printable_path(exchange.path()),
        endpoint = Endpoint::name(endpoint.as_ref()),
        age_ms = millis(exchange.started().elapsed()),
        "still running"
    );
}

fn address(exchange: &Exchange) -> usize {
    ptr::from_ref(exchange).addr()
}
