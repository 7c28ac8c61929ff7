//! Begins to follow an exchange: makes it, or joins one that a layer further out has made.

use std::sync::Arc;

use http::{HeaderMap, Request, Version};

use super::{
    EngineHandle, RequestHead, StartContext, engine::Claim, grpc_call::GrpcCall, opening::Opening,
    passing::PassingTracker, slot::Slot, tracker::Tracker,
};
use crate::facts::{
    exchange::{Exchange, Start},
    labels::MethodLabel,
    marks::Mark,
    passing::Passing,
    route::Endpoint,
    shared::Shared,
};

// === impl Tracker ===

impl Tracker {
    /// Finds or makes the exchange, claims its kinds, and runs the hooks before the inner call.
    ///
    /// Empty if an outer layer excludes the request, or if outer layers are active for every kind of this engine. An inactive
    /// layer still sets its overrides.
    #[inline(always)]
    pub(super) fn begin<B>(
        engine: &EngineHandle,
        claim: Claim,
        opening: Option<Opening>,
        request: &mut Request<B>,
    ) -> Slot {
        if let Some(opening) = opening {
            return Self::open(engine, claim, opening, request);
        }
        match Shared::of(request.extensions()) {
            Some(Shared::Exchange(exchange)) => {
                Self::join(engine, claim, Arc::clone(exchange), request)
            }
            Some(Shared::Passing(passing)) => {
                let passing = Arc::clone(passing);
                if PassingTracker::is_enough(engine, request.headers()) {
                    let active = PassingTracker::join(engine, claim, &passing);
                    Slot::passing(engine, active, passing, request.version())
                } else {
                    Self::join_passing(engine, claim, &passing, request)
                }
            }
            None => Slot::Empty,
        }
    }

    /// The outermost layer makes the exchange. Until it is complete, nobody else has it.
    #[inline(always)]
    fn open<B>(
        engine: &EngineHandle,
        claim: Claim,
        opening: Opening,
        request: &mut Request<B>,
    ) -> Slot {
        let observer = &engine.observer;
        let active = claim.kinds;
        let Opening {
            started,
            target,
            excluded,
        } = opening;
        let method = MethodLabel::new(request.method());
        let mut shared = Exchange::unshared(started);
        let Some(exchange) = Arc::get_mut(&mut shared) else {
            // It was just made, or taken out where nobody else had it.
            return Slot::Empty;
        };
        exchange.begin(started, method, target.as_ref());
        exchange.claim_early(active, claim.needs);
        let cx = StartContext::new(engine, active, exchange, excluded);
        if excluded {
            exchange.marks().set(Mark::Excluded);
            exchange.start_mut().hub = observer.hub_of_excluded(active, started);
        } else {
            exchange.update_early(|overrides| {
                overrides.endpoint = Endpoint::of(request.extensions());
                observer.override_settings(active, overrides);
            });
            if !active.is_empty() {
                observer.request(&cx, request, exchange.start_mut());
            }
        }
        Shared::Exchange(Arc::clone(&shared)).insert_into(request.extensions_mut());
        let (version, headers) = (request.version(), request.headers());
        Self::follow(engine, &cx, shared, excluded, version, headers)
    }

    /// A layer further in joins the exchange.
    fn join(
        engine: &EngineHandle,
        claim: Claim,
        exchange: Arc<Exchange>,
        request: &mut dyn RequestHead,
    ) -> Slot {
        let observer = &engine.observer;
        // Also if the path is excluded: one layer of each kind counts the excluded request.
        let active = exchange.claim(claim.kinds, claim.needs);
        let marks = exchange.marks();
        let mut excluded = marks.has(Mark::Excluded);
        if !excluded && {
            let (method, headers) = (request.method(), request.headers());
            engine.exclude.matches(exchange.path(), method, headers)
        } {
            marks.set(Mark::Excluded);
            excluded = true;
        }
        let cx = StartContext::new(engine, active, &exchange, excluded);
        if !excluded {
            let endpoint = Endpoint::of(request.extensions());
            exchange.update(|overrides| {
                // A route that is matched here wins over one that was set before.
                overrides.endpoint = endpoint.or(overrides.endpoint.take());
                observer.override_settings(active, overrides);
            });
            if !active.is_empty() {
                let mut start = Start::default();
                observer.request(&cx, request, &mut start);
                exchange.start_late(start);
            }
            observer.joined(active, &exchange, request);
        } else if !active.is_empty() {
            exchange.start_late(Start {
                hub: observer.hub_of_excluded(active, exchange.started()),
                ..Start::default()
            });
        }
        let (version, headers) = (request.version(), request.headers());
        Self::follow(engine, &cx, exchange, excluded, version, headers)
    }

    /// Follows a request that a layer further out excludes, with an exchange.
    fn join_passing(
        engine: &EngineHandle,
        claim: Claim,
        passing: &Passing,
        request: &dyn RequestHead,
    ) -> Slot {
        let active = passing.claim(claim.kinds);
        if active.is_empty() {
            return Slot::Empty;
        }
        let is_http1 = request.version() < Version::HTTP_2;
        passing.bring_hub(|| engine.observer.hub_of_excluded(active, passing.started()));
        let exchange = passing.exchange();
        let mut tracker = Self::new(engine.clone(), active, exchange, is_http1);
        tracker.grpc = GrpcCall::of(request.headers());
        Slot::Observed(tracker)
    }

    /// The tracker, if the layer is active for any of its kinds.
    #[inline(always)]
    fn follow(
        engine: &EngineHandle,
        cx: &StartContext<'_>,
        exchange: Arc<Exchange>,
        excluded: bool,
        version: Version,
        headers: &HeaderMap,
    ) -> Slot {
        let active = cx.active;
        if active.is_empty() {
            return Slot::Empty;
        }
        if !excluded {
            engine.observer.shared(active, &exchange);
        }
        let is_http1 = version < Version::HTTP_2;
        let mut tracker = Self::new(engine.clone(), active, exchange, is_http1);
        tracker.excluded = excluded;
        tracker.beginning = cx.beginning;
        tracker.grpc = GrpcCall::of(headers);
        Slot::Observed(tracker)
    }
}
