//! Measures calls of other services through clients that are no Tower service, and calls that have ended.

mod answer;
mod body;
mod call;
mod layer;
#[cfg(feature = "reqwest")]
mod reqwest;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    time::Duration,
};

use self::call::Call;
#[cfg(feature = "reqwest")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "reqwest")))]
pub use self::reqwest::ReqwestFuture;
pub use self::{
    body::OutboundBody,
    layer::{OutboundFuture, OutboundLayer, OutboundService},
};
use super::{
    finished::{SLOW, Subject},
    judged,
};
use crate::{
    facts::work::{CallOutcome, Work},
    metrics::Metrics,
};

/// Calls of another service to measure. See [`outbound`].
#[derive(Clone, Debug)]
#[must_use = "nothing is measured before something runs"]
pub struct Outbound {
    subject: Subject<'static>,
    metrics: Option<Metrics>,
}

/// Measures calls of the service `service` through an SDK, or through any client that is no Tower service. For those that are,
/// there is [`OutboundLayer`], which also carries the request id onward.
///
/// Each run counts in `external_calls_total{service,outcome}` and `external_call_duration_seconds{service}`. A run that returns
/// an error, times out or panics is told to the request for which it ran, as [`OutboundLayer`] says.
///
/// ```
/// use std::time::Duration;
/// use tower_vitals::operations::outbound;
///
/// # async fn complete(prompt: &str) -> Result<String, std::io::Error> { Ok(prompt.into()) }
/// # async fn handler() -> Result<String, std::io::Error> {
/// let groq = outbound("groq").threshold(Duration::from_secs(5));
/// groq.run(complete("Name three rivers.")).await
/// # }
/// ```
pub const fn outbound(service: &'static str) -> Outbound {
    Outbound {
        subject: Subject {
            work: Work::Outbound,
            name: service,
            detail: 0,
            threshold: SLOW,
        },
        metrics: None,
    }
}

/// Counts a call that has ended, in the counters of the process. For others there is [`Outbound::record`].
///
/// ```
/// use std::time::{Duration, Instant};
/// use tower_vitals::operations::{CallOutcome, record_call};
///
/// let started = Instant::now();
/// // An SDK that calls back, for example.
/// record_call("groq", CallOutcome::Success, started.elapsed());
/// ```
pub fn record_call(service: &'static str, outcome: CallOutcome, duration: Duration) {
    outbound(service).record(outcome, duration);
}

// === impl Outbound ===

impl Outbound {
    /// Above this a call is slow. Defaults to 1 s.
    pub const fn threshold(mut self, threshold: Duration) -> Self {
        self.subject.threshold = threshold;
        self
    }

    /// Counts in these counters. Defaults to those of the process.
    pub fn metrics(mut self, metrics: &Metrics) -> Self {
        self.metrics = Some(metrics.clone());
        self
    }

    /// Runs one call, and judges its `Result`, as `try_run` of [`monitored`](super::monitored()) does. An `Err` is a timeout if
    /// it, or one of its causes, is known to be one by its type, as [`Rules`](crate::category::Rules) lists them; else it is an
    /// error. A run that is dropped was cancelled. A run that panics counts as an error.
    ///
    /// # Errors
    ///
    /// If `future` returns an error.
    pub async fn run<F, T, E>(self, future: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: 'static,
    {
        let mut call = self.begin();
        let mut future = pin!(future);
        let result = poll_fn(|cx| call.run(|| future.as_mut().poll(cx))).await;
        call.end(judged::outcome(&result));
        result
    }

    /// Counts a call that has ended. One of more than a year counts as a year. A panic counts as an error. If it failed, the
    /// [current](crate::exchange::Exchange::current) request is told, as [`OutboundLayer`] says.
    pub fn record(&self, outcome: CallOutcome, duration: Duration) {
        call::record(self.subject, self.metrics.as_ref(), outcome, duration);
    }

    fn begin(&self) -> Call {
        Call::begin(self.subject, self.metrics.clone())
    }

    const fn service(&self) -> &'static str {
        self.subject.name
    }
}
