//! Makes an exchange in the memory of one that has ended.

use std::sync::{Arc, PoisonError};

use http::uri::PathAndQuery;
use tokio::time::Instant;

use super::{Exchange, NO_HEAD};
use crate::facts::{labels::MethodLabel, marks::Marks, pool::Pool};

thread_local! {
    static ENDED: Pool<Exchange> = const { Pool::new() };
}

// === impl Exchange ===

impl Exchange {
    /// An exchange that nobody else has, of no request yet, with the memory of one that ended on this thread if there is one.
    #[inline(always)]
    pub(crate) fn unshared(now: Instant) -> Arc<Self> {
        let new = || Arc::new(Self::begun(now, MethodLabel::OTHER));
        Pool::take(&ENDED).unwrap_or_else(new)
    }

    /// Makes it the exchange of a request.
    #[inline(always)]
    pub(crate) fn begin(
        &mut self,
        started: Instant,
        method: MethodLabel,
        target: Option<&PathAndQuery>,
    ) {
        self.started = started;
        self.method = method;
        if let Some(target) = target {
            self.start.texts.keep_target(target);
        }
    }

    /// Lets the next request have the memory of this exchange, if nobody else has it.
    #[inline]
    pub(crate) fn give_back(this: &mut Arc<Self>) {
        Pool::give_back(&ENDED, this, Self::clear);
    }

    /// Drops all that is known of the request.
    fn clear(&mut self) {
        // Each field is named, so that none is forgotten. `begin` sets the first two.
        let Self {
            started: _,
            method: _,
            start,
            claimed_and_needed,
            marks,
            head,
            overrides,
            rare,
        } = self;
        start.clear();
        *claimed_and_needed.get_mut() = 0;
        *marks = Marks::default();
        *head.get_mut() = NO_HEAD;
        let overrides = overrides.get_mut();
        overrides.unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(rare) = rare.get_mut() {
            rare.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::HeaderValue;

    use super::*;
    use crate::facts::{
        evidence::Needs, given_id::GivenId, layer_kinds::LayerKinds, marks::Mark,
        request_texts::KEPT_TEXTS, route::Endpoint, trace_context::TraceContext,
    };

    fn target() -> PathAndQuery {
        PathAndQuery::from_static("/orders/17?key=secret")
    }

    #[test]
    fn what_begins_in_the_memory_of_a_request_knows_nothing_of_it() {
        let now = Instant::now();
        let fresh = Exchange::begun(now, MethodLabel::OTHER);
        // The memory of what few exchanges have stays, and is empty.
        let _ = fresh.client_wait();
        fresh.update(|overrides| _ = overrides.rare_mut());
        let fresh = format!("{fresh:?}");
        let id = || GivenId::made(HeaderValue::from_static("an-id"));
        let trace = TraceContext::begun(true);
        let mut first = Exchange::unshared(now);
        let exchange = Arc::get_mut(&mut first).unwrap();
        exchange.begin(
            now + Duration::from_secs(1),
            MethodLabel::OTHER,
            Some(&target()),
        );
        exchange.claim_early(LayerKinds(7), Needs::LINKS);
        let start = exchange.start_mut();
        start.id = Some(id());
        start.trace = Some(Box::new(trace.clone()));
        start.texts.keep([Some(b"a header"); KEPT_TEXTS]);
        exchange.add_route_id(id(), true);
        exchange.replace_trace(trace);
        exchange.marks().set(Mark::BodyFollowed);
        exchange.client_wait().begin(now);
        exchange.note_request_bytes(5);
        exchange.note_head(1, true);
        exchange.add(|handler| handler.user = Some("jane".into()));
        exchange.update(|overrides| overrides.endpoint = Some(Endpoint::Named("/orders")));
        let place = Arc::as_ptr(&first);
        Exchange::give_back(&mut first);
        drop(first);
        let mut again = Exchange::unshared(now);
        assert_eq!(Arc::as_ptr(&again), place);
        let exchange = Arc::get_mut(&mut again).unwrap();
        exchange.begin(now, MethodLabel::OTHER, None);
        assert_eq!(format!("{again:?}"), fresh);
    }

    #[test]
    fn an_exchange_keeps_nothing_of_the_buffer_in_which_its_target_stands() {
        let buffer = Bytes::from(b"/orders/17?key=secret".to_vec());
        let target = PathAndQuery::from_maybe_shared(buffer.clone()).unwrap();
        let mut first = Exchange::unshared(Instant::now());
        let exchange = Arc::get_mut(&mut first).unwrap();
        exchange.begin(Instant::now(), MethodLabel::OTHER, Some(&target));
        drop(target);
        assert!(buffer.is_unique());
        assert_eq!(first.path(), "/orders/17");
        assert_eq!(first.target(), "/orders/17?key=secret");
    }

    #[test]
    fn an_exchange_that_a_task_holds_stays_as_it_is() {
        let now = Instant::now();
        let mut first = Exchange::unshared(now);
        let exchange = Arc::get_mut(&mut first).unwrap();
        exchange.begin(now, MethodLabel::OTHER, Some(&target()));
        let held = Arc::clone(&first);
        Exchange::give_back(&mut first);
        drop(first);
        assert_eq!(held.path(), "/orders/17");
    }
}
