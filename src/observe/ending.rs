//! Collects the facts when an exchange has ended, and tells the observer.

use std::time::Duration;

use tokio::time::Instant;

use super::tracker::Tracker;
use crate::{
    emit,
    facts::{
        Facts, exchange::Outcome, grpc, layer_kinds::LayerKinds, marks::Mark, route::Endpoint,
    },
    metrics::Metrics,
};

// === impl Tracker ===

impl Tracker {
    /// Reports the end. The clock is read only if facts are needed.
    pub(super) fn end_at(&mut self, now: impl FnOnce() -> Instant, outcome: Outcome) {
        self.report_end(now, outcome);
        self.release_spans();
    }

    /// Lets the spans in which the request runs close.
    fn release_spans(&mut self) {
        let holders = LayerKinds::ACCESS_LOG.and(LayerKinds::SPAN);
        if self.exchange.marks().has(Mark::InSpan) && self.active.overlaps(holders) {
            emit::guarded(|| self.exchange.release_span());
        }
        if let Some(span) = self.span.take() {
            span.close();
        }
    }

    fn report_end(&mut self, now: impl FnOnce() -> Instant, outcome: Outcome) {
        self.ended = true;
        let outcome = self.seen_by_client(outcome);
        let is_unobserved = self.exchange.marks().has(Mark::Unobserved);
        // The head has decided. Without a head, the route that it reached decides.
        self.excluded |= is_unobserved && self.head.is_none();
        if let Some(web) = self.web() {
            self.exchange
                .keep_grpc_message(web.code(), || web.message());
        }
        if !self.excluded {
            let facts = self.facts(now(), outcome);
            if let Some(span) = &self.span {
                span.record(&self.exchange, &facts);
            }
            self.engine.observer.end(&self.context(), &facts);
            if self.span.is_some() {
                self.release_spans();
                self.engine.observer.span_closed(&self.context(), &facts);
            }
            return;
        }
        let broke = matches!(
            outcome,
            Outcome::Panicked | Outcome::Error | Outcome::BodyError
        );
        // What a route answers that is not observed is its answer, also 503.
        let failure = (broke || (!is_unobserved && self.can_have_failed()))
            .then(|| self.facts(now(), outcome));
        let observer = &self.engine.observer;
        observer.excluded(&self.context(), outcome, failure.as_ref());
    }

    /// A stream that tells of its failure tells nobody if the client left while it sent.
    fn seen_by_client(&self, outcome: Outcome) -> Outcome {
        let failed = || self.told_code().is_some_and(|code| code != grpc::Code::OK);
        match outcome {
            Outcome::Completed if self.exchange.marks().has(Mark::ClientLeft) && failed() => {
                Outcome::Aborted
            }
            outcome => outcome,
        }
    }

    /// The code that the response gave, in its head or at its end.
    fn told_code(&self) -> Option<grpc::Code> {
        self.grpc.as_ref()?.code()
    }

    /// Fast path: without facts or clock. Only the facts of a gRPC call tell.
    fn can_have_failed(&self) -> bool {
        let is_5xx = self.head.is_some_and(|head| head.status.as_u16() >= 500);
        is_5xx || self.grpc.is_some()
    }

    #[inline(always)]
    fn facts(&self, now: Instant, outcome: Outcome) -> Facts {
        let total = now.duration_since(self.exchange.started());
        let (status, head, wait) = match self.head {
            Some(head) => (Some(head.status), head.after(), head.wait()),
            None => (None, total, self.exchange.waited(now)),
        };
        let grpc = self.grpc.as_ref().and_then(|_| {
            let route = self.exchange.read(|overrides| overrides.endpoint.clone());
            self.grpc_status(outcome, total, route.as_ref())
        });
        // Each value is copied to its place, and not with all others first.
        self.exchange.read(|overrides| Facts {
            outcome,
            // The client left before it had sent its request. So nobody gets the response, and its status means nothing.
            status: status.filter(|_| outcome != Outcome::Cancelled),
            head,
            wait,
            total,
            bytes: self.bytes,
            request_bytes: match self.has_whole_request {
                true => Some(0),
                false => self.exchange.request_bytes(),
            },
            body_sizes: overrides.body_sizes,
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
                _ => overrides.endpoint.clone(),
            },
            bands: overrides.bands.copied().unwrap_or_default(),
            judged: match overrides.judge_at_end {
                true => total,
                false => head.saturating_sub(wait),
            },
            grpc,
            evidence: overrides.rare().evidence.clone(),
            handler: overrides.rare().handler.clone(),
            report_policy: overrides.rare().report_policy.clone(),
            log_policy: overrides.rare().log_policy.clone(),
        })
    }

    /// The status of a gRPC call. Without a `grpc-status`, it is inferred from the outcome.
    fn grpc_status(
        &self,
        outcome: Outcome,
        total: Duration,
        route: Option<&Endpoint>,
    ) -> Option<grpc::Status> {
        let call = self.grpc.as_ref()?.call;
        // The code of a response that nobody gets means nothing.
        let left = self.exchange.marks().has(Mark::ClientLeft);
        let told = self
            .told_code()
            .filter(|code| outcome != Outcome::Cancelled && (!left || *code == grpc::Code::OK));
        let inferred = match outcome {
            Outcome::Aborted | Outcome::Cancelled if call.is_late(total) => {
                grpc::Code::DEADLINE_EXCEEDED
            }
            Outcome::Aborted | Outcome::Cancelled => grpc::Code::CANCELLED,
            _ => grpc::Code::UNKNOWN,
        };
        let path = self.exchange.path();
        let proven = self.is_method_proven(&call, told)
            || matches!(route, Some(route @ (Endpoint::Matched(_) | Endpoint::OneOfMany(_))) if route.as_str() == path);
        let methods = Metrics::methods(self.engine.metrics.as_ref());
        Some(grpc::Status {
            code: told.unwrap_or(inferred),
            method: methods.find(path, proven),
        })
    }

    /// Whether the answer proves that the server has the method. A layer in between can refuse any path with any status, but
    /// only a method answers with a message or with success after the head.
    fn is_method_proven(&self, call: &grpc::Call, code: Option<grpc::Code>) -> bool {
        let has_message = match self.web() {
            Some(web) => web.has_message(),
            None => self.bytes > 0,
        };
        let answered = call.may_prove && (has_message || code == Some(grpc::Code::OK));
        let reached = self.exchange.marks().has(Mark::GrpcService)
            && code.is_some_and(|code| code != grpc::Code::UNIMPLEMENTED);
        answered || reached
    }
}
