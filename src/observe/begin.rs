//! Begins to follow an exchange: makes it, or joins one that a layer further out has made.

use std::sync::Arc;

use http::{Version, request};

use super::{
    Beginning, EngineHandle, StartContext, engine::Traits, opening::Opening,
    passing::PassingTracker, slot::Slot, tracker::Tracker,
};
use crate::facts::{
    exchange::{Exchange, Start},
    grpc,
    labels::MethodLabel,
    layer_kinds::LayerKinds,
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
    pub(super) fn begin(
        engine: &EngineHandle,
        traits: Traits,
        opening: Option<Opening>,
        request: &mut request::Parts,
    ) -> Slot {
        if let Some(opening) = opening {
            return Self::open(engine, traits, opening, request);
        }
        match request.extensions.get::<Shared>() {
            Some(Shared::Exchange(exchange)) => {
                Self::join(engine, traits, Arc::clone(exchange), request)
            }
            Some(Shared::Passing(passing)) => {
                let passing = Arc::clone(passing);
                if PassingTracker::is_enough(engine, &request.headers) {
                    PassingTracker::join(engine, traits, passing, request).into()
                } else {
                    Self::join_passing(engine, traits, &passing, request)
                }
            }
            None => Slot::Empty,
        }
    }

    /// The outermost layer makes the exchange. Until it is complete, nobody else has it.
    #[inline(always)]
    fn open(
        engine: &EngineHandle,
        traits: Traits,
        opening: Opening,
        request: &mut request::Parts,
    ) -> Slot {
        let observer = &engine.observer;
        let active = traits.kinds;
        let Opening {
            started,
            target,
            excluded,
        } = opening;
        let method = MethodLabel::new(&request.method);
        let mut shared = Arc::new(Exchange::begun(started, method, target));
        let Some(exchange) = Arc::get_mut(&mut shared) else {
            return Self::join(engine, traits, shared, request);
        };
        exchange.claim_early(active, traits.needs);
        let cx = StartContext::new(engine, active, exchange, excluded);
        if excluded {
            exchange.marks().set(Mark::Excluded);
        } else {
            exchange.update_early(|overrides| {
                overrides.endpoint = Endpoint::of(&request.extensions);
                observer.override_settings(active, overrides);
            });
            if !active.is_empty() {
                observer.request(&cx, request, exchange.start_mut());
            }
        }
        request
            .extensions
            .insert(Shared::Exchange(Arc::clone(&shared)));
        Self::follow(engine, &cx, shared, excluded, request)
    }

    /// A layer further in joins the exchange.
    fn join(
        engine: &EngineHandle,
        traits: Traits,
        exchange: Arc<Exchange>,
        request: &mut request::Parts,
    ) -> Slot {
        let observer = &engine.observer;
        // Also if the path is excluded: one layer of each kind counts the excluded request.
        let active = exchange.claim(traits.kinds, traits.needs);
        let marks = exchange.marks();
        let mut excluded = marks.has(Mark::Excluded);
        if !excluded && {
            let (method, headers) = (&request.method, &request.headers);
            engine.exclude.matches(exchange.path(), method, headers)
        } {
            marks.set(Mark::Excluded);
            excluded = true;
        }
        let cx = StartContext::new(engine, active, &exchange, excluded);
        if !excluded {
            let endpoint = Endpoint::of(&request.extensions);
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
        }
        Self::follow(engine, &cx, exchange, excluded, request)
    }

    /// Follows a request that a layer further out excludes, with an exchange.
    fn join_passing(
        engine: &EngineHandle,
        traits: Traits,
        passing: &Passing,
        request: &request::Parts,
    ) -> Slot {
        let active = passing.claim(traits.kinds);
        if active.is_empty() {
            return Slot::Empty;
        }
        let is_http1 = request.version < Version::HTTP_2;
        let exchange = passing.exchange();
        let mut tracker = Self::excluded(engine.clone(), active, exchange, is_http1);
        tracker.grpc = grpc::Call::of(&request.headers);
        Slot::Observed(tracker)
    }

    /// The tracker, if the layer is active for any of its kinds.
    #[inline(always)]
    fn follow(
        engine: &EngineHandle,
        cx: &StartContext<'_>,
        exchange: Arc<Exchange>,
        excluded: bool,
        request: &request::Parts,
    ) -> Slot {
        let active = cx.active;
        if active.is_empty() {
            return Slot::Empty;
        }
        if !excluded {
            engine.observer.shared(active, &exchange);
        }
        let is_http1 = request.version < Version::HTTP_2;
        let mut tracker = Self::excluded(engine.clone(), active, exchange, is_http1);
        tracker.excluded = excluded;
        tracker.beginning = cx.beginning;
        tracker.grpc = grpc::Call::of(&request.headers);
        Slot::Observed(tracker)
    }

    /// The tracker of a request that is excluded.
    #[inline(always)]
    pub(super) const fn excluded(
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
            web: None,
            ends_in_trailers: false,
            is_http1,
            bytes: 0,
        }
    }
}
