//! Keeps the last requests that failed, for people who look at the service.
//!
//! A failure is what the log has at `ERROR`: the server failed. What a client did wrong is none, else a scanner would push out all
//! that matters. Nothing of a header but the id, of a body, of a query or of a path is kept: of an error there is its text, which is
//! scrubbed before it is shown.

#[cfg_attr(not(feature = "scrub"), path = "failures/causes/off.rs")]
mod causes;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use self::causes::Causes;
use crate::{
    facts::{
        Facts,
        category::ErrorCategory,
        evidence::Needs,
        exchange::{Exchange, Outcome},
        judge,
        layer_kinds::LayerKinds,
        route::Endpoint,
    },
    observe::{Observer, ObserverContext},
    sentry::SentryOptions,
    text, timestamp,
};

/// The most bytes of a request id.
const LONGEST_ID: usize = 128;

/// The most bytes of an endpoint.
const LONGEST_ENDPOINT: usize = 256;

/// The observer that keeps failures. One that is off has no kind, and so no hook of it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailuresObserver {
    pub(crate) failures: Option<Arc<Failures>>,
}

/// The last failures, so many at most.
pub(crate) struct Failures {
    most: usize,
    causes: Causes,
    last: Mutex<Last>,
}

/// Locked by the end of a failed request for a push, and by who looks for a copy of pointers.
#[derive(Default)]
struct Last {
    /// How many there were since the start.
    total: u64,
    all: VecDeque<Arc<Failure>>,
}

/// One request that failed.
pub(crate) struct Failure {
    /// When it ended, by the wall clock, since 1970.
    pub(crate) at: Duration,
    pub(crate) request_id: Option<Box<str>>,
    pub(crate) method: &'static str,
    endpoint: Option<Endpoint>,
    /// The status of the head. `None` if there was no response.
    pub(crate) status: Option<u16>,
    pub(crate) grpc_status: Option<u8>,
    pub(crate) category: Option<ErrorCategory>,
    /// The time to its end.
    pub(crate) duration: Duration,
    pub(crate) outcome: Outcome,
    /// As the error has it. It is never shown like this.
    text: Option<Arc<str>>,
    /// As it is shown.
    cause: OnceLock<Option<String>>,
}

// === impl FailuresObserver ===

impl FailuresObserver {
    /// Keeps the last `most` failures. Their texts are scrubbed as those for Sentry are.
    pub(crate) fn keep(most: usize, sentry: Option<&SentryOptions>) -> Self {
        let failures = (most > 0).then(|| Failures::new(most, Causes::of(sentry)));
        Self {
            failures: failures.map(Arc::new),
        }
    }
}

impl Observer for FailuresObserver {
    fn kinds(&self) -> LayerKinds {
        match self.failures {
            Some(_) => LayerKinds::FAILURES,
            None => LayerKinds::NONE,
        }
    }

    fn needs(&self) -> Needs {
        match self.failures {
            Some(_) => Needs::TEXT,
            None => Needs::NONE,
        }
    }

    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        if let Some(failures) = &self.failures
            && judge::is_server_failure(facts)
        {
            failures.add(Failure::of(cx.exchange, facts));
        }
    }
}

// === impl Failures ===

impl Failures {
    fn new(most: usize, causes: Causes) -> Self {
        Self {
            most,
            causes,
            last: Mutex::default(),
        }
    }

    fn add(&self, failure: Failure) {
        let failure = Arc::new(failure);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.total += 1;
        let gone = match last.all.len() >= self.most {
            true => last.all.pop_front(),
            false => None,
        };
        last.all.push_back(failure);
        drop(last);
        // It is freed after the lock is released.
        drop(gone);
    }

    /// How many are kept at most.
    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// How many there were, and the last ones, the newest first.
    pub(crate) fn last(&self) -> (u64, Vec<Arc<Failure>>) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (last.total, last.all.iter().rev().map(Arc::clone).collect())
    }

    /// The text of the error behind a failure, without secrets. Who asks first waits for that.
    pub(crate) fn cause<'f>(&self, failure: &'f Failure) -> Option<&'f str> {
        let text = failure.text.as_deref()?;
        let cause = failure.cause.get_or_init(|| self.causes.shown(text));
        cause.as_deref()
    }
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Failures");
        shown.field("most", &self.most);
        shown.finish_non_exhaustive()
    }
}

// === impl Failure ===

impl Failure {
    fn of(exchange: &Exchange, facts: &Facts) -> Self {
        let id = exchange.id();
        Self {
            at: timestamp::since_1970(),
            request_id: id.map(|id| text::shortened(id, LONGEST_ID).into()),
            method: exchange.method(),
            endpoint: facts.endpoint.clone(),
            status: facts.status.map(|status| status.as_u16()),
            grpc_status: facts.grpc.as_ref().map(|grpc| grpc.code.number()),
            category: judge::category(facts),
            duration: facts.total,
            outcome: facts.outcome,
            text: facts.cause_text(),
            cause: OnceLock::new(),
        }
    }

    /// Its route, or `unmatched`: never its path.
    pub(crate) fn endpoint(&self) -> String {
        let name = Endpoint::name(self.endpoint.as_ref());
        text::shortened(name, LONGEST_ENDPOINT).into_owned()
    }
}
