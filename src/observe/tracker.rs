//! Collects the facts of one exchange, and reports its end to the observer exactly once.

use std::{any::Any, sync::Arc, time::Duration};

use http::StatusCode;
use tokio::time::Instant;
use tracing::{Span, dispatcher};

use super::{
    Beginning, EngineHandle, ObserverContext,
    catching::Catching,
    grpc_call::GrpcCall,
    span::{Entered, RequestSpan, Running},
};
use crate::{
    emit,
    facts::{
        client_left,
        current::{self, EnterMode},
        exchange::{Exchange, Outcome},
        layer_kinds::LayerKinds,
        marks::Mark,
    },
    runtime::late_now,
};

// Functions that move the tracker or the facts are `#[inline]`. Otherwise each move is a copy of some hundred bytes.

/// The drop guard of one exchange. The response future owns it first, then the response body. `Drop` reports the end if
/// nothing else did. More methods are in `begin.rs`, `response.rs`, `examine.rs` and `ending.rs`.
#[derive(Debug)]
pub(super) struct Tracker {
    pub(super) engine: EngineHandle,
    pub(super) active: LayerKinds,
    pub(super) exchange: Arc<Exchange>,
    /// The same, to be lent to the thread while code of the inner service runs. So it is counted once and not at each poll.
    lent: Option<Arc<Exchange>>,
    /// The span of the request, if this layer opened one.
    pub(super) span: Option<Box<RequestSpan>>,
    /// What the answer in place of a panic needs.
    pub(super) catching: Option<Box<Catching>>,
    /// The request is not observed: the layer excludes its path, or it reached a route that is not observed. Of the observer's
    /// hooks only `excluded` runs.
    pub(super) excluded: bool,
    pub(super) beginning: Beginning,
    /// True while code of the inner service runs. If it is still true in `Drop`, that code panicked. `thread::panicking` does
    /// not tell, because an outer `catch_unwind` can have reset it.
    pub(super) running: bool,
    /// The body of the request was at its end from the beginning: no client can leave while it sends it.
    pub(super) has_whole_request: bool,
    polled: bool,
    pub(super) ended: bool,
    /// The status of the response, the time to its head, and how much of that was waiting for the client.
    pub(super) head: Option<Head>,
    /// The `content-length` of the response, else the exact size hint of its body.
    pub(super) expected_length: Option<u64>,
    /// The body has no exact size hint.
    pub(super) streamed: bool,
    pub(super) grpc: Option<Box<GrpcCall>>,
    /// The content type of the response is gRPC.
    pub(super) is_grpc_response: bool,
    /// Trailers end the body, and no data frame does.
    pub(super) ends_in_trailers: bool,
    /// Over HTTP/1 no trailers can follow the expected length.
    is_http1: bool,
    pub(super) bytes: u64,
}

/// What is known when there is a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    // In nanoseconds, which take half the room.
    after: u64,
    wait: u64,
}

// === impl Tracker ===

impl Tracker {
    /// That of an excluded request, until who makes it says otherwise.
    #[inline(always)]
    pub(super) const fn new(
        engine: EngineHandle,
        active: LayerKinds,
        exchange: Arc<Exchange>,
        is_http1: bool,
    ) -> Self {
        Self {
            engine,
            active,
            exchange,
            lent: None,
            span: None,
            catching: None,
            excluded: true,
            beginning: Beginning::Never,
            running: false,
            has_whole_request: false,
            polled: false,
            ended: false,
            head: None,
            expected_length: None,
            streamed: false,
            grpc: None,
            is_grpc_response: false,
            ends_in_trailers: false,
            is_http1,
            bytes: 0,
        }
    }

    /// Makes the exchange current, if it is observed, before code of the inner service runs, else its hub alone.
    #[inline(always)]
    pub(super) fn run(&mut self) -> Running<'_> {
        self.running = true;
        match self.excluded {
            true => Running::with_hub(self.exchange.bind_hub(true)),
            false => Running::in_exchange(self.enter(self.enter_mode())),
        }
    }

    /// Notes the span in which the request runs, for its log event. Some layers have entered their span when the service is
    /// called, others only when its future is polled: so both ask, and the later answer counts.
    pub(super) fn note_span(&self) {
        let logged = !self.excluded && self.active.overlaps(LayerKinds::ACCESS_LOG);
        // A span that this layer opened is the innermost.
        if logged && self.span.is_none() && dispatcher::has_been_set() {
            emit::guarded(|| self.exchange.note_span(Span::current()));
        }
    }

    /// As [`note_span`](Self::note_span), at the first poll.
    pub(super) fn first_poll(&mut self) {
        if !self.polled {
            self.polled = true;
            self.note_span();
        }
    }

    /// Opens the span of the request, if this layer makes one and anybody listens.
    #[inline]
    pub(super) fn open_span(&mut self) {
        if self.active.overlaps(LayerKinds::SPAN) && RequestSpan::is_wanted() {
            let mode = self.enter_mode();
            self.span = RequestSpan::open(&self.exchange, &mut self.lent, mode);
        }
    }

    /// Makes the exchange the current one.
    #[inline(always)]
    pub(super) fn enter(&mut self, mode: EnterMode) -> Entered<'_> {
        Entered::new(&self.exchange, &mut self.lent, self.span.as_deref(), mode)
    }

    /// Runs destructors of the inner service in the exchange, if it is observed, else with its hub alone.
    pub(super) fn enter_drop(&mut self) -> Running<'_> {
        match self.excluded {
            true => Running::with_hub(self.exchange.bind_hub(false)),
            false => Running::in_exchange(self.enter(EnterMode::Drop)),
        }
    }

    /// Makes the exchange and its hub current for its log event, of which a subscriber can make a breadcrumb or a log of Sentry.
    fn enter_for_log<'a>(
        &self,
        lent: &'a mut Option<Arc<Exchange>>,
        mode: EnterMode,
    ) -> Option<current::Entered<'a>> {
        let is_wanted = dispatcher::has_been_set() && self.exchange.sentry().is_some();
        is_wanted.then(|| current::Entered::new(&self.exchange, lent, mode))
    }

    /// Reports the end, with the current time.
    pub(super) fn end(&mut self, outcome: Outcome) {
        let mut lent = self.lent.take();
        let _entered = self.enter_for_log(&mut lent, EnterMode::RunWithHub);
        self.end_at(Instant::now, outcome);
    }

    /// Reports that the service returned `Err`. A client that left before it had sent its request gets no answer anyway.
    pub(super) fn fail(&mut self, error: Option<&dyn Any>) {
        if self.exchange.marks().has(Mark::ClientLeft) {
            return self.end(Outcome::Cancelled);
        }
        self.examine_error(error);
        self.end(Outcome::Error);
    }

    /// The outcome of a response whose body failed. A body that passes on what the client sends also fails if the client leaves.
    pub(super) fn body_failed(&self, error: Option<&dyn Any>) -> Outcome {
        if self.exchange.marks().has(Mark::ClientLeft)
            || error.is_some_and(client_left::is_too_slow)
        {
            return Outcome::Aborted;
        }
        self.examine_error(error);
        Outcome::BodyError
    }

    #[inline]
    pub(super) fn context(&self) -> ObserverContext<'_> {
        ObserverContext {
            active: self.active,
            exchange: &self.exchange,
            beginning: self.beginning,
            in_span: self.span.is_some(),
            layer_metrics: self.engine.metrics.as_ref(),
        }
    }

    pub(super) const fn enter_mode(&self) -> EnterMode {
        if self.active.overlaps(LayerKinds::SENTRY) {
            EnterMode::RunWithHub
        } else {
            EnterMode::Run
        }
    }

    /// Reports the end of an exchange that nobody polls to its end.
    fn end_unpolled(&mut self) {
        let caught = || {
            let catching = self.catching.as_deref();
            catching.is_some_and(Catching::has_panic)
        };
        let outcome = if self.running || caught() {
            Outcome::Panicked
        } else if self.ends_in_trailers && self.is_http1 && self.sent_all() {
            // The server has sent all that it can. A status that is missing now is missing for ever.
            Outcome::Completed
        } else if self.head.is_some() {
            Outcome::Aborted
        } else {
            Outcome::Cancelled
        };
        let mut lent = self.lent.take();
        let _entered = self.enter_for_log(&mut lent, EnterMode::Drop);
        self.end_at(late_now, outcome);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if !self.ended {
            self.end_unpolled();
        }
        self.lent = None;
        Exchange::give_back(&mut self.exchange);
    }
}

// === impl Head ===

impl Head {
    #[inline(always)]
    pub(super) fn new(status: StatusCode, after: Duration, wait: Duration) -> Self {
        Self {
            status,
            after: after.as_nanos() as u64,
            wait: wait.as_nanos() as u64,
        }
    }

    /// The time from the beginning of the request.
    #[inline(always)]
    pub(super) const fn after(self) -> Duration {
        Duration::from_nanos(self.after)
    }

    /// The same without the waits for the client.
    #[inline(always)]
    pub(super) const fn own_nanos(self) -> u64 {
        self.after.saturating_sub(self.wait)
    }

    /// How much of that was waiting for the client.
    #[inline(always)]
    pub(super) const fn wait(self) -> Duration {
        Duration::from_nanos(self.wait)
    }
}
