//! Collects the facts of one exchange, and ends it exactly once.

use std::{sync::Arc, time::Duration};

use bytes::Buf;
use http::{HeaderMap, StatusCode, header, request, response};
use http_body::{Body, Frame};
use tokio::{runtime::Handle, time::Instant};

use super::{Engine, ObserverContext};
use crate::{
    exchange::{Exchange, Outcome},
    facts::{
        Facts,
        current::{EnterMode, Entered},
        exchange::Shared,
        grpc,
        layer_kinds::LayerKinds,
        route::Endpoint,
    },
};

// Functions that move the tracker or the facts are `#[inline]`. Otherwise each move is a copy of some hundred bytes.

/// The guard of an exchange. It is made before the inner call and moves from the future into the body. `Drop` ends the
/// exchange if nothing else did.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) engine: Arc<Engine>,
    pub(super) active: LayerKinds,
    /// The layer examines the error behind a failure, if it is active for that.
    pub(super) examines: bool,
    pub(super) exchange: Arc<Exchange>,
    /// The path is excluded, so the exchange is not observed.
    pub(super) excluded: bool,
    /// Set while the inner service runs. If a drop finds it set, the service panicked. That is right even if an outer
    /// `catch_unwind` has already set `thread::panicking` back to false.
    running: bool,
    ended: bool,
    head: Option<(StatusCode, Duration)>,
    /// The declared length of the body.
    declared: Option<u64>,
    streamed: bool,
    grpc: Option<grpc::Call>,
    /// A gRPC response has its status in the trailers, so its body can end only there.
    ends_in_trailers: bool,
    bytes: u64,
}

/// Runs code of the inner service with its exchange current. A panic leaves the tracker marked as running.
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
    /// Finds or makes the exchange. `None` if layers further out are active for every kind of this engine.
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
        let active = exchange.claim(kinds, needs);
        let excluded = engine.exclude.matches(exchange.path());
        if excluded {
            exchange.exclude();
        } else {
            let endpoint = Endpoint::of(&request.extensions);
            exchange.update(|overrides| {
                overrides.endpoint = endpoint.or(overrides.endpoint.take());
                observer.override_settings(active, overrides);
            });
            if !active.is_empty() {
                let cx = ObserverContext {
                    active,
                    exchange: &exchange,
                    metrics: engine.metrics.as_ref(),
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
            declared: None,
            streamed: false,
            grpc: grpc::Call::of(&request.headers),
            ends_in_trailers: false,
            bytes: 0,
        })
    }

    /// Makes the exchange the current one, unless it is not observed.
    pub(super) fn enter(&self, mode: EnterMode) -> Option<Entered> {
        (!self.excluded).then(|| self.exchange.enter(mode))
    }

    /// Notes the head of the response. Returns the tracker if a body is still to come.
    pub(super) fn head<B: Body>(
        mut self,
        response: &mut response::Parts,
        body: &B,
        head_only: bool,
    ) -> Option<Self> {
        self.head = Some((response.status, self.exchange.started().elapsed()));
        if !self.excluded {
            self.examine_response(response);
            self.engine.observer.head(&self.context(), response);
        }
        // hyper sends no body for these and drops it without polling. After 101 the connection has another protocol.
        let no_body = head_only
            || response.status.is_informational()
            || matches!(
                response.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let (is_grpc, length) = announced(&response.headers);
        self.ends_in_trailers = is_grpc;
        if self.ends_in_trailers {
            if let Some(call) = &mut self.grpc {
                call.code = grpc::Code::read(&response.headers);
            }
        } else {
            // The request had a gRPC content type, but the response is plain HTTP.
            self.grpc = None;
        }
        let hint = body.size_hint().exact();
        self.declared = length.or(hint);
        if no_body || body.is_end_stream() || (self.declared == Some(0) && !self.ends_in_trailers) {
            self.declared = None;
            self.end(Outcome::Completed);
            return None;
        }
        self.streamed = hint.is_none();
        Some(self)
    }

    /// Notes a frame of the body. Returns the outcome if it is the last frame for which a server asks.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>, at_end: bool) -> Option<Outcome> {
        if let Some(trailers) = frame.trailers_ref() {
            if let Some(call) = &mut self.grpc {
                call.code = call.code.or_else(|| grpc::Code::read(trailers));
            }
            return Some(Outcome::Completed);
        }
        let length = frame.data_ref().map_or(0, Buf::remaining);
        self.bytes = self.bytes.saturating_add(length as u64);
        // hyper stops polling at the declared length.
        let sent_all = self.declared.is_some_and(|declared| self.bytes >= declared);
        ((at_end || sent_all) && !self.ends_in_trailers).then_some(Outcome::Completed)
    }

    /// Ends the exchange.
    pub(super) fn end(&mut self, outcome: Outcome) {
        self.end_at(Instant::now, outcome);
    }

    #[inline]
    pub(super) fn context(&self) -> ObserverContext<'_> {
        ObserverContext {
            active: self.active,
            exchange: &self.exchange,
            metrics: self.engine.metrics.as_ref(),
        }
    }

    const fn enter_mode(&self) -> EnterMode {
        if self.active.overlaps(LayerKinds::SENTRY) {
            EnterMode::RunWithHub
        } else {
            EnterMode::Run
        }
    }

    fn end_at(&mut self, now: impl FnOnce() -> Instant, outcome: Outcome) {
        self.ended = true;
        let observer = &self.engine.observer;
        if self.excluded && self.succeeded(outcome) {
            return observer.excluded(&self.context(), None);
        }
        let facts = self.facts(now(), outcome);
        if self.excluded {
            observer.excluded(&self.context(), Some(&facts));
        } else {
            observer.end(&self.context(), &facts);
        }
    }

    /// Fast path: success decided without facts or clock.
    fn succeeded(&self, outcome: Outcome) -> bool {
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
                && self.declared.is_some_and(|declared| declared != self.bytes),
            // A gRPC method names the endpoint better than a route with a wildcard. Without a response, the client's content
            // type alone does not take the request from its route.
            endpoint: match &grpc {
                Some(grpc) if grpc.method.is_some() || self.ends_in_trailers => {
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

    /// The status of a gRPC call. If nobody sent one, it follows from the way the call ended.
    fn grpc_status(&self, outcome: Outcome, total: Duration) -> Option<grpc::Status> {
        let call = self.grpc?;
        let inferred = match outcome {
            Outcome::Aborted | Outcome::Cancelled if call.is_late(total) => {
                grpc::Code::DEADLINE_EXCEEDED
            }
            Outcome::Aborted | Outcome::Cancelled => grpc::Code::CANCELLED,
            _ => grpc::Code::UNKNOWN,
        };
        // A server that sends a message has the method, whatever status follows.
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

/// Whether the response is gRPC, and the declared length of its body. One walk past the few headers of a response is cheaper
/// than two look-ups by hash.
fn announced(headers: &HeaderMap) -> (bool, Option<u64>) {
    let (mut kind, mut length) = (None, None);
    for (name, value) in headers {
        match *name {
            header::CONTENT_TYPE => kind = kind.or(Some(value)),
            header::CONTENT_LENGTH => length = length.or(Some(value)),
            _ => {}
        }
    }
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    (kind.is_some_and(grpc::is_content_type), length)
}

/// The time, also on a thread that is ending. There tokio's clock panics if it can be paused.
fn late_now() -> Instant {
    match Handle::try_current() {
        #[expect(
            clippy::disallowed_types,
            reason = "no test pauses a clock that is gone"
        )]
        Err(error) if error.is_thread_local_destroyed() => std::time::Instant::now().into(),
        _ => Instant::now(),
    }
}
