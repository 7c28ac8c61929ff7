//! Defines the hooks by which a layer learns what happens to an exchange.

use std::{fmt, sync::Arc};

use http::response;
use tokio::time::Instant;

use super::{Engine, RequestHead};
use crate::{
    facts::{
        Facts,
        evidence::Needs,
        exchange::{Exchange, Outcome, Start},
        labels::MethodLabel,
        layer_kinds::LayerKinds,
        overrides::Overrides,
        rules::Rules,
        sentry_data::ForkedHub,
    },
    metrics::Metrics,
};

/// What a layer does with an exchange.
///
/// Kinds that no layer further out has claimed are active. A tuple of observers calls a member's hook only if a kind of that
/// member is active.
#[expect(
    unused_variables,
    reason = "a hook that an observer does not implement does nothing"
)]
pub(crate) trait Observer: fmt::Debug + Send + Sync {
    /// The kinds of layer that this observer is.
    fn kinds(&self) -> LayerKinds;

    /// Whether its hooks run if these kinds are active.
    #[inline(always)]
    fn is_active(&self, active: LayerKinds) -> bool {
        active.overlaps(self.kinds())
    }

    /// What this observer needs of the error behind a failure.
    fn needs(&self) -> Needs {
        Needs::NONE
    }

    /// The rules by which the error behind a failure is examined, if this observer reads it.
    fn rules(&self, cx: &ObserverContext<'_>) -> Option<ErrorRules<'_>> {
        None
    }

    /// Sets what layers further out are to use for this request. Runs also if no kind is active.
    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {}

    /// Runs in a layer further in than the outermost, for what an inactive kind still adds to the request.
    fn joined(&self, active: LayerKinds, exchange: &Exchange, request: &mut dyn RequestHead) {}

    /// Runs before the inner service is called. What it puts into `start` is then in the exchange.
    fn request(&self, cx: &StartContext<'_>, request: &mut dyn RequestHead, start: &mut Start) {}

    /// Runs in place of `request` if a layer excludes the path: the hub with which the request's code runs.
    fn hub_of_excluded(&self, active: LayerKinds, started: Instant) -> Option<ForkedHub> {
        None
    }

    /// Runs after `request`, when the exchange can be shared.
    fn shared(&self, active: LayerKinds, exchange: &Arc<Exchange>) {}

    /// Runs when there is a response, before it is passed on.
    fn head(&self, cx: &ObserverContext<'_>, response: &mut response::Parts) {}

    /// Runs in place of `head` when a route of this crate has answered a request that begins at its head.
    fn head_of_own_route(&self, cx: &ObserverContext<'_>) {}

    /// Runs once, however the exchange ends, also while a panic unwinds.
    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {}

    /// Runs after `end` when a span of this crate around the request has closed. Without such a span it does not run.
    fn span_closed(&self, cx: &ObserverContext<'_>, facts: &Facts) {}

    /// Runs in place of `end` when a request has ended that the layer does not observe. There are facts only if it may have
    /// failed. On a path that a layer excludes, it runs in place of all other hooks but
    /// `hub_of_excluded`.
    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {}

    /// Runs in place of `excluded` if nothing went wrong with a request that was excluded before it had an exchange.
    fn passed(&self, active: LayerKinds, metrics: Option<&Metrics>) {}

    /// Runs when the inner service fails before it takes a request. `metrics` is where the layer counts.
    fn not_ready(&self, metrics: Option<&Metrics>) {}
}

/// The exchange that a hook is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ObserverContext<'a> {
    /// The kinds of the layer that are active.
    pub(crate) active: LayerKinds,
    pub(crate) exchange: &'a Exchange,
    pub(crate) beginning: Beginning,
    /// The span of the request that this layer opened is still open.
    pub(crate) in_span: bool,
    /// Where the layer counts. The counters of the process if `None`.
    pub(crate) layer_metrics: Option<&'a Metrics>,
}

/// The exchange of which a hook makes the start. It is not shared yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartContext<'a> {
    /// The kinds of the layer that are active.
    pub(crate) active: LayerKinds,
    pub(crate) method: MethodLabel,
    pub(crate) started: Instant,
    pub(crate) beginning: Beginning,
    /// Where the layer counts. The counters of the process if `None`.
    pub(crate) layer_metrics: Option<&'a Metrics>,
}

/// When the beginning of a request is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// When it begins.
    AtOnce,
    /// When it has a response or ends: until then a route of this crate may answer it, which is no traffic.
    AtHead,
    /// Never, since the layer excludes its path.
    Never,
}

/// The rules of an observer that reads the error behind a failure.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ErrorRules<'a> {
    /// Rules that the application chose. They are always used.
    Own(&'a Rules),
    /// Rules that are used only if no layer around the request has rules of its own.
    BuiltIn(&'a Rules),
}

// === impl Observer ===

/// Of a layer whose work the engine does itself.
impl Observer for () {
    fn kinds(&self) -> LayerKinds {
        LayerKinds::NONE
    }
}

impl<A: Observer, B: Observer> Observer for (A, B) {
    fn kinds(&self) -> LayerKinds {
        self.0.kinds().and(self.1.kinds())
    }

    /// Always, since each member is asked itself. If each level asked for all, the innermost would be asked at every level.
    #[inline(always)]
    fn is_active(&self, _: LayerKinds) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        self.0.needs().and(self.1.needs())
    }

    fn rules(&self, cx: &ObserverContext<'_>) -> Option<ErrorRules<'_>> {
        let first = self.0.is_active(cx.active);
        let rules = first.then(|| self.0.rules(cx)).flatten();
        let second = || self.1.is_active(cx.active);
        rules.or_else(|| second().then(|| self.1.rules(cx)).flatten())
    }

    #[inline(always)]
    fn override_settings(&self, active: LayerKinds, overrides: &mut Overrides) {
        self.0.override_settings(active, overrides);
        self.1.override_settings(active, overrides);
    }

    fn joined(&self, active: LayerKinds, exchange: &Exchange, request: &mut dyn RequestHead) {
        self.0.joined(active, exchange, request);
        self.1.joined(active, exchange, request);
    }

    #[inline(always)]
    fn request(&self, cx: &StartContext<'_>, request: &mut dyn RequestHead, start: &mut Start) {
        if self.0.is_active(cx.active) {
            self.0.request(cx, request, start);
        }
        if self.1.is_active(cx.active) {
            self.1.request(cx, request, start);
        }
    }

    fn hub_of_excluded(&self, active: LayerKinds, started: Instant) -> Option<ForkedHub> {
        let first = self.0.hub_of_excluded(active, started);
        first.or_else(|| self.1.hub_of_excluded(active, started))
    }

    #[inline(always)]
    fn shared(&self, active: LayerKinds, exchange: &Arc<Exchange>) {
        self.0.shared(active, exchange);
        self.1.shared(active, exchange);
    }

    #[inline(always)]
    fn head(&self, cx: &ObserverContext<'_>, response: &mut response::Parts) {
        if self.0.is_active(cx.active) {
            self.0.head(cx, response);
        }
        if self.1.is_active(cx.active) {
            self.1.head(cx, response);
        }
    }

    fn head_of_own_route(&self, cx: &ObserverContext<'_>) {
        if self.0.is_active(cx.active) {
            self.0.head_of_own_route(cx);
        }
        if self.1.is_active(cx.active) {
            self.1.head_of_own_route(cx);
        }
    }

    #[inline(always)]
    fn end(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        if self.0.is_active(cx.active) {
            self.0.end(cx, facts);
        }
        if self.1.is_active(cx.active) {
            self.1.end(cx, facts);
        }
    }

    fn span_closed(&self, cx: &ObserverContext<'_>, facts: &Facts) {
        if self.0.is_active(cx.active) {
            self.0.span_closed(cx, facts);
        }
        if self.1.is_active(cx.active) {
            self.1.span_closed(cx, facts);
        }
    }

    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {
        if self.0.is_active(cx.active) {
            self.0.excluded(cx, outcome, failure);
        }
        if self.1.is_active(cx.active) {
            self.1.excluded(cx, outcome, failure);
        }
    }

    fn passed(&self, active: LayerKinds, metrics: Option<&Metrics>) {
        self.0.passed(active, metrics);
        self.1.passed(active, metrics);
    }

    fn not_ready(&self, metrics: Option<&Metrics>) {
        self.0.not_ready(metrics);
        self.1.not_ready(metrics);
    }
}

// === impl StartContext ===

impl<'a> StartContext<'a> {
    #[inline(always)]
    pub(super) fn new(
        engine: &'a Engine,
        active: LayerKinds,
        exchange: &Exchange,
        excluded: bool,
    ) -> Self {
        // Only the layer that counts asks whether it may be a route of this crate.
        let beginning = match active.overlaps(LayerKinds::TIMING) {
            _ if excluded => Beginning::Never,
            true if engine.own_paths.may_answer(exchange.path()) => Beginning::AtHead,
            _ => Beginning::AtOnce,
        };
        Self {
            active,
            method: exchange.method_label(),
            started: exchange.started(),
            beginning,
            layer_metrics: engine.metrics.as_ref(),
        }
    }

    /// Where the layer counts. Makes the counters of the process if it must.
    pub(crate) fn metrics(&self) -> &'a Metrics {
        Metrics::or_global(self.layer_metrics)
    }
}

// === impl ObserverContext ===

impl<'a> ObserverContext<'a> {
    /// Where the layer counts. Makes the counters of the process if it must.
    pub(crate) fn metrics(&self) -> &'a Metrics {
        Metrics::or_global(self.layer_metrics)
    }
}
