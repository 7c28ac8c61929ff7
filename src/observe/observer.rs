//! Says what an observer is told of an exchange, and when.

use std::{any::Any, fmt, sync::Arc, time::Duration};

use http::{StatusCode, request, response};

use crate::{
    category::{ErrorCategory, Evidence},
    exchange::{Exchange, LayerKinds, Outcome, Overrides},
    facts::grpc,
    facts::request_context::HandlerContext,
    facts::route::Endpoint,
    timing::SeverityBands,
};

/// What a layer does with the exchanges that it speaks for.
///
/// `active` holds the kinds that no layer further out has claimed; a tuple hands each member its own.
pub(crate) trait Observer: fmt::Debug + Send + Sync {
    /// The kinds that this observer is of.
    fn kinds(&self) -> LayerKinds;
    /// Tells layers further out what this one is set to; runs also where it does not speak.
    fn override_settings(&self, _: LayerKinds, _: &mut Overrides) {}
    /// Runs before the inner service is called.
    fn request(&self, _: LayerKinds, _: &Arc<Exchange>, _: &mut request::Parts) {}
    /// Runs when there is a response, before it is passed on.
    fn head(&self, _: LayerKinds, _: &Arc<Exchange>, _: &mut response::Parts) {}
    /// Runs when the service or its body failed, while the error can be seen, before the end.
    fn error(&self, _: LayerKinds, _: &Arc<Exchange>, _: &dyn Any) {}
    /// Runs once, however the exchange ends; also while unwinding.
    fn end(&self, _: LayerKinds, _: &Arc<Exchange>, _: &Facts) {}
    /// Runs instead of all the others when a request ended that is none of ours to watch; what is known of it comes along
    /// only where it may have failed, and nothing but a failure is to be told of.
    fn passed_by(&self, _: LayerKinds, _: Option<(&Arc<Exchange>, &Facts)>) {}
    /// Runs when the inner service failed before there was a request.
    fn not_ready(&self) {}
}

/// What is known of an exchange when it ended.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) outcome: Outcome,
    /// Of the response's head, where there was one.
    pub(crate) status: Option<StatusCode>,
    /// To the head; to `Err`, panic or drop where there was none.
    pub(crate) head: Duration,
    pub(crate) total: Duration,
    /// Of the response's body, without framing.
    pub(crate) bytes: u64,
    /// The body outlived its head and nobody had said how long it would be.
    pub(crate) streamed: bool,
    /// The body did not have the length that its head declared.
    pub(crate) length_mismatch: bool,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) bands: SeverityBands,
    /// What the bands judge: time to the head, or the whole where the route says so.
    pub(crate) judged: Duration,
    /// How it went, where it was a gRPC call.
    pub(crate) grpc: Option<grpc::Status>,
    pub(crate) evidence: Option<Evidence>,
    pub(crate) handler: Option<Arc<HandlerContext>>,
    /// What the route has Sentry told of.
    #[cfg(feature = "sentry")]
    pub(crate) reports: Option<crate::sentry::Reports>,
}

// === impl Observer ===

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn kinds(&self) -> LayerKinds {
        self.0.kinds().and(self.1.kinds())
    }

    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        self.0.override_settings(active, overrides);
        self.1.override_settings(active, overrides);
    }

    fn request(&self, active: LayerKinds, exchange: &Arc<Exchange>, request: &mut request::Parts) {
        if active.overlaps(self.0.kinds()) {
            self.0.request(active, exchange, request);
        }
        if active.overlaps(self.1.kinds()) {
            self.1.request(active, exchange, request);
        }
    }

    fn head(&self, active: LayerKinds, exchange: &Arc<Exchange>, response: &mut response::Parts) {
        if active.overlaps(self.0.kinds()) {
            self.0.head(active, exchange, response);
        }
        if active.overlaps(self.1.kinds()) {
            self.1.head(active, exchange, response);
        }
    }

    fn end(&self, active: LayerKinds, exchange: &Arc<Exchange>, facts: &Facts) {
        if active.overlaps(self.0.kinds()) {
            self.0.end(active, exchange, facts);
        }
        if active.overlaps(self.1.kinds()) {
            self.1.end(active, exchange, facts);
        }
    }

    fn error(&self, active: LayerKinds, exchange: &Arc<Exchange>, error: &dyn Any) {
        if active.overlaps(self.0.kinds()) {
            self.0.error(active, exchange, error);
        }
        if active.overlaps(self.1.kinds()) {
            self.1.error(active, exchange, error);
        }
    }

    fn passed_by(&self, active: LayerKinds, suspect: Option<(&Arc<Exchange>, &Facts)>) {
        if active.overlaps(self.0.kinds()) {
            self.0.passed_by(active, suspect);
        }
        if active.overlaps(self.1.kinds()) {
            self.1.passed_by(active, suspect);
        }
    }

    fn not_ready(&self) {
        self.0.not_ready();
        self.1.not_ready();
    }
}

// === impl Facts ===

impl Facts {
    /// A drop at or after a gRPC deadline is the deadline's work.
    pub(crate) fn missed_deadline(&self) -> bool {
        let left = matches!(self.outcome, Outcome::Cancelled | Outcome::Aborted);
        let code = self.grpc.as_ref().map(|grpc| grpc.code);
        left && code == Some(grpc::Code::DEADLINE_EXCEEDED)
    }

    /// What the handler called it.
    pub(crate) fn handler_category(&self) -> Option<ErrorCategory> {
        self.handler.as_ref()?.category
    }
}
