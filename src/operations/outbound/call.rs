//! Follows a call of another service to its end, and tells the request for which it was made.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::super::{
    finished::{self, Subject},
    running::Running,
};
use crate::{
    facts::{
        current::{EnterMode, Entered},
        exchange::Exchange,
        work::CallOutcome,
    },
    metrics::Metrics,
    runtime::late_now,
    sentry,
};

/// A call that has begun. It is reported once, however it ends, also if it is dropped.
#[derive(Debug)]
pub(super) struct Call {
    running: Running,
    service: &'static str,
    /// The request for which the call was made.
    exchange: Option<Arc<Exchange>>,
    answered: Option<Answered>,
}

/// A call whose service has answered, and not with a failure.
#[derive(Clone, Copy, Debug)]
struct Answered {
    /// When the head of the answer came.
    at: Instant,
    /// Only the end of the body tells how the call ended.
    is_open: bool,
    /// Somebody waits for the rest of the body.
    is_awaited: bool,
}

// === impl Call ===

impl Call {
    pub(super) fn begin(subject: Subject<'static>, metrics: Option<Metrics>) -> Self {
        Self {
            service: subject.name,
            exchange: Exchange::current(),
            running: Running::begin(subject, metrics),
            answered: None,
        }
    }

    /// Runs code of the client.
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        sentry::ready_for_work();
        self.running.enter(code)
    }

    /// Notes that the head of the answer came, and is no failure. `is_open`: only the end of the body tells how the call ended.
    pub(super) fn answered(&mut self, is_open: bool) {
        self.answered = Some(Answered {
            at: Instant::now(),
            is_open,
            is_awaited: false,
        });
    }

    /// Whether only the end of the body tells how the call ended.
    pub(super) fn is_open(&self) -> bool {
        self.answered.is_some_and(|answered| answered.is_open)
    }

    /// Notes whether somebody waits for the rest of the body.
    pub(super) const fn awaited(&mut self, is_awaited: bool) {
        if let Some(answered) = &mut self.answered {
            answered.is_awaited = is_awaited;
        }
    }

    /// Ends it. A success took until its head.
    pub(super) fn end(&mut self, outcome: CallOutcome) {
        let head = self.answered.filter(|_| outcome == CallOutcome::Success);
        self.tell(outcome);
        self.in_request(EnterMode::Run, |running| match head {
            Some(answered) => running.end_as_of(answered.at, Instant::now, outcome),
            None => running.end(outcome),
        });
    }

    /// Reports in the request for which the call was made. A task without a request can read the body, and so can another
    /// request.
    fn in_request(&mut self, mode: EnterMode, report: impl FnOnce(&mut Running)) {
        let mut lent = None;
        let exchange = self.exchange.as_ref();
        let _entered = exchange.map(|exchange| Entered::new(exchange, &mut lent, mode));
        report(&mut self.running);
    }

    fn tell(&self, outcome: CallOutcome) {
        if let Some(exchange) = &self.exchange {
            exchange.note_call(self.service, outcome);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.running.has_ended() {
            return;
        }
        if self.running.is_in_code() {
            self.tell(CallOutcome::Panicked);
            self.in_request(EnterMode::Drop, |running| {
                running.end_late(CallOutcome::Panicked);
            });
        } else if let Some(answered) = self.answered {
            // How long its reader stayed is not the other service's doing.
            let outcome = if answered.is_open || answered.is_awaited {
                CallOutcome::Cancelled
            } else {
                // Nobody wants the rest of the body.
                self.tell(CallOutcome::Success);
                CallOutcome::Success
            };
            self.in_request(EnterMode::Drop, |running| {
                running.end_as_of(answered.at, late_now, outcome);
            });
        } else {
            self.in_request(EnterMode::Drop, |running| {
                running.end_late(CallOutcome::Cancelled);
            });
        }
    }
}

/// The longest call that is recorded. Beyond this, the application has subtracted the wrong way, and the sum of all durations
/// would wrap soon.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Reports a call that has ended, and tells the current request.
pub(super) fn record(
    subject: Subject<'static>,
    metrics: Option<&Metrics>,
    outcome: CallOutcome,
    duration: Duration,
) {
    if let Some(exchange) = Exchange::current() {
        exchange.note_call(subject.name, outcome);
    }
    let duration = duration.min(LONGEST);
    finished::report(&subject.ended(outcome, duration), metrics);
}
