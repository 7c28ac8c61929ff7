//! Holds a run of a job from its begin to its end, which it reports exactly once.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    error::{Ended, Judged},
    log,
};
use crate::{
    emit,
    facts::{
        Facts,
        caught_panic::CaughtPanic,
        current::{self, EnterMode},
        evidence::{Evidence, Needs},
        exchange::Exchange,
        given_id::GivenId,
        trace_context::TraceContext,
        work::CallOutcome,
    },
    metrics::Metrics,
    observe::{Entered, RequestSpan},
    operations::finished::{self, Subject},
    request_id,
    runtime::late_now,
    sentry, timestamp,
};

/// A run that has begun. If it is dropped before its end, it was cancelled.
#[derive(Debug)]
pub(super) struct Run {
    subject: Subject<'static>,
    /// The counters of the process if `None`.
    metrics: Option<Metrics>,
    exchange: Arc<Exchange>,
    /// The same, to be lent to the thread while code of the run runs.
    lent: Option<Arc<Exchange>>,
    span: Option<Box<RequestSpan>>,
    ended: bool,
}

/// What a panic carries.
pub(super) type Payload = Box<dyn Any + Send>;

/// How a run ended, and what tells why.
struct End {
    at: Instant,
    outcome: CallOutcome,
    evidence: Option<Evidence>,
    /// The thread is surely not ending.
    alive: bool,
}

// === impl Run ===

impl Run {
    pub(super) fn begin(subject: Subject<'static>, metrics: Option<Metrics>) -> Self {
        let mut exchange = Exchange::of_job(subject.name);
        let started = exchange.started();
        let start = exchange.start_mut();
        start.id = Some(GivenId::made(request_id::new_id(started)));
        start.trace = Some(Box::new(TraceContext::begun(true)));
        start.sentry = sentry::job::begin();
        let exchange = Arc::new(exchange);
        let mut lent = None;
        let open = || RequestSpan::open(&exchange, &mut lent, EnterMode::RunWithHub);
        let span = RequestSpan::is_wanted().then(open).flatten();
        Self {
            subject,
            metrics,
            exchange,
            lent,
            span,
            ended: false,
        }
    }

    /// Runs code of the application in the exchange of the run.
    pub(super) fn enter<T>(&mut self, code: impl FnOnce() -> T) -> Result<T, Payload> {
        self.enter_as(EnterMode::RunWithHub, code)
    }

    /// Runs a destructor in the exchange of the run.
    pub(super) fn enter_drop(&mut self, code: impl FnOnce()) -> Result<(), Payload> {
        self.enter_as(EnterMode::Drop, code)
    }

    /// Ends it: its code returned.
    pub(super) fn end(&mut self, ended: Ended) {
        let (outcome, evidence) = match ended {
            Ended::Success => (CallOutcome::Success, None),
            Ended::Failed(Judged {
                outcome,
                evidence,
                panics,
            }) => {
                for _ in 0..panics {
                    Metrics::note_hook_failed(self.metrics.as_ref());
                }
                (outcome, Some(evidence))
            }
        };
        self.report(End {
            at: Instant::now(),
            outcome,
            evidence,
            alive: true,
        });
    }

    /// Ends it: its code panicked.
    pub(super) fn panicked(&mut self, payload: &(dyn Any + Send)) {
        self.report(End::panicked(Instant::now(), payload, true));
    }

    /// The same, in a destructor.
    pub(super) fn panicked_in_drop(&mut self, payload: &(dyn Any + Send)) {
        self.report(End::panicked(late_now(), payload, false));
    }

    fn enter_as<T>(&mut self, mode: EnterMode, code: impl FnOnce() -> T) -> Result<T, Payload> {
        let span = self.span.as_deref();
        let _entered = Entered::new(&self.exchange, &mut self.lent, span, mode);
        catch_unwind(AssertUnwindSafe(code))
    }

    fn report(&mut self, end: End) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let End {
            at,
            outcome,
            evidence,
            alive,
        } = end;
        let duration = at.saturating_duration_since(self.exchange.started());
        if let Some(evidence) = evidence {
            let evidence = Some(Box::new(evidence));
            self.exchange
                .update(|overrides| overrides.rare_mut().evidence = evidence);
        }
        self.count(outcome, duration, alive);
        let facts = Facts::of_job(&self.exchange, outcome, duration);
        if let Some(span) = &self.span {
            span.record_outcome(outcome);
        }
        {
            // A subscriber can make a breadcrumb or a log of Sentry of the event.
            let mode = enter_mode(alive || thread::panicking());
            let _entered = current::Entered::new(&self.exchange, &mut self.lent, mode);
            emit::counted(self.metrics.as_ref(), || {
                log::write(self.subject.name, &self.exchange, &facts, outcome);
            });
        }
        sentry::job::report(&self.exchange, &facts, alive);
        self.release_spans();
    }

    fn count(&mut self, outcome: CallOutcome, duration: Duration, alive: bool) {
        // What is told of a slow run names the run.
        let mode = enter_mode(alive);
        let _entered = current::Entered::new(&self.exchange, &mut self.lent, mode);
        if outcome == CallOutcome::Success {
            let now = timestamp::seconds_since_1970();
            Metrics::note_job_success(self.metrics.as_ref(), self.subject.name, now);
        }
        let ended = self.subject.ended(outcome, duration);
        finished::report(&ended, self.metrics.as_ref());
    }

    /// Lets the span close. Tasks can hold the exchange for longer.
    fn release_spans(&mut self) {
        if let Some(span) = self.span.take() {
            emit::guarded(|| self.exchange.release_span());
            span.close();
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.ended {
            self.report(End {
                at: late_now(),
                outcome: CallOutcome::Cancelled,
                evidence: None,
                alive: false,
            });
        }
    }
}

// === impl End ===

impl End {
    fn panicked(at: Instant, payload: &(dyn Any + Send), alive: bool) -> Self {
        let panic = CaughtPanic::of(payload);
        Self {
            at,
            outcome: CallOutcome::Panicked,
            evidence: Some(panic.evidence(Needs::TEXT.and(Needs::LINKS))),
            alive,
        }
    }
}

/// `alive`: the thread is surely not ending.
const fn enter_mode(alive: bool) -> EnterMode {
    match alive {
        true => EnterMode::RunWithHub,
        false => EnterMode::Drop,
    }
}
