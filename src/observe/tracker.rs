//! Collects the facts of one exchange, and reports its end to the observer exactly once.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, request};
use tokio::{runtime::Handle, time::Instant};

use super::{Engine, ObserverContext};
use crate::facts::{
    Facts,
    current::{EnterMode, Entered},
    exchange::{Exchange, Outcome, Shared},
    grpc,
    layer_kinds::LayerKinds,
    route::Endpoint,
};

// Functions that move the tracker or the facts are `#[inline]`. Otherwise each move is a copy of some hundred bytes.

/// The drop guard of one exchange. The response future owns it first, then the response body. `Drop` reports the end if
/// nothing else did. More methods are in `response.rs` and `examine.rs`.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) engine: Arc<Engine>,
    pub(super) active: LayerKinds,
    /// The layer may examine the error behind a failure.
    pub(super) examines: bool,
    pub(super) exchange: Arc<Exchange>,
    /// The layer excludes the path. Of the observer's hooks only `excluded` runs.
    pub(super) excluded: bool,
    /// True while code of the inner service runs. If it is still true in `Drop`, that code panicked. `thread::panicking` does
    /// not tell, because an outer `catch_unwind` can have reset it.
    running: bool,
    ended: bool,
    /// The status of the response, and the time to its head.
    pub(super) head: Option<(StatusCode, Duration)>,
    /// The `content-length` of the response, else the exact size hint of its body.
    pub(super) expected_length: Option<u64>,
    /// The body has no exact size hint.
    pub(super) streamed: bool,
    pub(super) grpc: Option<grpc::Call>,
    /// The content type of the response is gRPC. Its status comes in the trailers, so no data frame ends the body.
    pub(super) is_grpc_response: bool,
    pub(super) bytes: u64,
}

/// Makes the exchange current, then runs code of the inner service. After a panic, `running` stays true.
pub(super) fn run<T>(tracker: &mut Option<Tracker>, code: impl FnOnce() -> T) -> T {
    let Some(tracker) = tracker else {
        return code();
    };
    let _entered = tracker.enter(tracker.enter_mode());
    tracker.running = true;
    let value = code();
    tracker.running = false;
    value
}

// === impl Tracker ===

impl Tracker {
    /// Finds or makes the exchange, claims its kinds, and runs the hooks before the inner call.
    ///
    /// `None` if an outer layer excludes the request, or if outer layers are active for every kind of this engine. An
    /// inactive layer still sets its overrides.
    #[inline(always)]
    pub(super) fn begin(engine: &Arc<Engine>, request: &mut request::Parts) -> Option<Self> {
        let exchange = match request.extensions.get::<Shared>() {
            Some(Shared(exchange)) => Arc::clone(exchange),
            None => {
                let exchange = Arc::new(Exchange::new(request));
                request.extensions.insert(Shared(Arc::clone(&exchange)));
                exchange
            }
        };
        if exchange.is_excluded() {
            return None;
        }
        let observer = &engine.observer;
        let kinds = observer.kinds();
        let needs = observer.needs();
        // Also if the path is excluded: one layer of each kind counts the excluded request.
        let active = exchange.claim(kinds, needs);
        let excluded = engine.exclude.matches(exchange.path());
        if excluded {
            exchange.exclude();
        } else {
            let endpoint = Endpoint::of(&request.extensions);
            exchange.update(|overrides| {
                // A route that is matched here wins over one that was set before.
                overrides.endpoint = endpoint.or(overrides.endpoint.take());
                observer.override_settings(active, overrides);
            });
            if !active.is_empty() {
                let cx = ObserverContext {
                    active,
                    exchange: &exchange,
                    layer_metrics: engine.metrics.as_ref(),
                };
                observer.request(&cx, request);
            }
        }
        (!active.is_empty()).then(|| Self {
            engine: Arc::clone(engine),
            active,
            examines: needs.of_error(),
            exchange,
            excluded,
            running: false,
            ended: false,
            head: None,
            expected_length: None,
            streamed: false,
            grpc: grpc::Call::of(&request.headers),
            is_grpc_response: false,
            bytes: 0,
        })
    }

    /// Makes the exchange the current one. `None` if the layer excludes the path.
    pub(super) fn enter(&self, mode: EnterMode) -> Option<Entered> {
        (!self.excluded).then(|| self.exchange.enter(mode))
    }

    /// Reports the end, with the current time.
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.end_at(Instant::now, outcome);
    }

    #[inline]
    pub(super) fn context(&self) -> ObserverContext<'_> {
        ObserverContext {
            active: self.active,
            exchange: &self.exchange,
            layer_metrics: self.engine.metrics.as_ref(),
        }
    }

    const fn enter_mode(&self) -> EnterMode {
        if self.active.overlaps(LayerKinds::SENTRY) {
            EnterMode::RunWithHub
        } else {
            EnterMode::Run
        }
    }

    /// Reports the end. The clock is read only if facts are needed.
    fn end_at(&mut self, now: impl FnOnce() -> Instant, outcome: Outcome) {
        self.ended = true;
        let observer = &self.engine.observer;
        if self.excluded && self.cannot_have_failed(outcome) {
            return observer.excluded(&self.context(), None);
        }
        let facts = self.facts(now(), outcome);
        if self.excluded {
            observer.excluded(&self.context(), Some(&facts));
        } else {
            observer.end(&self.context(), &facts);
        }
    }

    /// Fast path: success decided without facts or clock. A gRPC call needs its facts.
    fn cannot_have_failed(&self, outcome: Outcome) -> bool {
        let no_failure = matches!(
            outcome,
            Outcome::Completed | Outcome::Aborted | Outcome::Cancelled
        );
        let no_5xx = self.head.is_none_or(|(status, _)| status.as_u16() < 500);
        no_failure && no_5xx && self.grpc.is_none()
    }

    #[inline(always)]
    fn facts(&self, now: Instant, outcome: Outcome) -> Facts {
        let total = now.duration_since(self.exchange.started());
        let head = self.head.map_or(total, |(_, head)| head);
        let overrides = self.exchange.overrides();
        let grpc = self.grpc_status(outcome, total);
        Facts {
            outcome,
            status: self.head.map(|(status, _)| status),
            head,
            total,
            bytes: self.bytes,
            streamed: self.streamed,
            length_mismatch: outcome == Outcome::Completed
                && self
                    .expected_length
                    .is_some_and(|declared| declared != self.bytes),
            // The method of a gRPC call, if it is known. If only the response shows that it is gRPC, there is no endpoint, and
            // the call counts as unmatched. In all other cases the route.
            endpoint: match &grpc {
                Some(grpc) if grpc.method.is_some() || self.is_grpc_response => {
                    grpc.method.clone().map(Endpoint::Method)
                }
                _ => overrides.endpoint,
            },
            bands: overrides.bands.unwrap_or_default(),
            judged: if overrides.judge_at_end { total } else { head },
            grpc,
            evidence: overrides.evidence,
            handler: overrides.handler,
            report_policy: overrides.report_policy,
        }
    }

    /// The status of a gRPC call. Without a `grpc-status`, it is inferred from the outcome.
    fn grpc_status(&self, outcome: Outcome, total: Duration) -> Option<grpc::Status> {
        let call = self.grpc?;
        let inferred = match outcome {
            Outcome::Aborted | Outcome::Cancelled if call.is_late(total) => {
                grpc::Code::DEADLINE_EXCEEDED
            }
            Outcome::Aborted | Outcome::Cancelled => grpc::Code::CANCELLED,
            _ => grpc::Code::UNKNOWN,
        };
        // A data frame proves that the server has the method.
        let answered = call.code.or((self.bytes > 0).then_some(grpc::Code::OK));
        Some(grpc::Status {
            code: call.code.unwrap_or(inferred),
            method: grpc::known(self.exchange.path(), answered),
        })
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let outcome = if self.running {
            Outcome::Panicked
        } else if self.head.is_some() {
            Outcome::Aborted
        } else {
            Outcome::Cancelled
        };
        self.end_at(late_now, outcome);
    }
}

/// The current time, also on a thread that is ending. There the clock of tokio panics if a test can pause it.
fn late_now() -> Instant {
    match Handle::try_current() {
        #[expect(
            clippy::disallowed_types,
            reason = "the clock of tokio is already destroyed here"
        )]
        Err(error) if error.is_thread_local_destroyed() => std::time::Instant::now().into(),
        _ => Instant::now(),
    }
}
