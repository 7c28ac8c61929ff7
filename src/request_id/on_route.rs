//! Lets a layer on a route decide about the id that a layer further out has given.

use std::sync::Arc;

use tower_http::request_id::RequestId;

use super::{make, set_header};
use crate::{
    facts::{
        exchange::Exchange,
        given_id::{GivenId, IdMaker, IdSettings, only_valid},
        kept_text,
        marks::Mark,
    },
    observe::{RequestHead, RequestSpan},
};

/// An id that takes the place of that of the layers further out.
struct Replacement {
    id: GivenId,
    maker_failed: bool,
}

/// Gives the request the id that it has further in, and puts it where it is looked for.
pub(super) fn apply(own: &Arc<IdSettings>, exchange: &Exchange, request: &mut dyn RequestHead) {
    let Some(first) = exchange.first_id() else {
        return;
    };
    // A layer that retries sends the request through here again.
    let replaced = match has_decided(own, exchange) {
        true => exchange.route_ids().next().is_some(),
        false => replace(own, exchange, request),
    };
    let Some(id) = exchange.id_value() else {
        return;
    };
    if replaced {
        set_header(request.headers_mut(), first.header(), id);
    }
    let is_looked_for = replaced && request.extensions().get::<RequestId>().is_some();
    if own.tower_http_extension || is_looked_for {
        request.extensions_mut().insert(RequestId::new(id.clone()));
    }
    if let Some(header) = &own.header {
        set_header(request.headers_mut(), header, id);
        exchange.marks().set(Mark::IdHeader);
        let header = Box::new(header.clone());
        exchange.update(|overrides| overrides.rare_mut().id_header = Some(header));
    }
}

/// Returns whether the request has another id now.
fn replace(own: &Arc<IdSettings>, exchange: &Exchange, request: &dyn RequestHead) -> bool {
    let Some(Replacement { id, maker_failed }) = replacement(own, exchange, request) else {
        return false;
    };
    exchange.add_route_id(id, maker_failed);
    RequestSpan::show_id(exchange);
    true
}

fn replacement(
    own: &Arc<IdSettings>,
    exchange: &Exchange,
    request: &dyn RequestHead,
) -> Option<Replacement> {
    let latest = exchange.given_id()?;
    let header_of_first = exchange.first_id()?.header();
    let own_header = own.header.as_ref().filter(|own| *own != header_of_first);
    let inbound = match own_header {
        Some(header) => only_valid(request.headers().get_all(header).iter()),
        None => latest.inbound(),
    };
    let kept = (!latest.is_made).then_some(&latest.value);
    let taken = match own.trust_inbound {
        Some(true) => inbound.or(kept),
        Some(false) => None,
        None => kept,
    };
    let (value, maker_failed) = match taken {
        Some(taken) if *taken == latest.value => return None,
        Some(taken) => (kept_text::value(taken), false),
        // It did not come with the request, and nobody here makes another one.
        None if latest.is_made && own.maker.is_none() => return None,
        None => make(maker(own, exchange), exchange.started()),
    };
    let is_made = taken.is_none();
    let refused = inbound.filter(|_| is_made).map(kept_text::value);
    Some(Replacement {
        id: GivenId {
            value,
            is_made,
            refused: refused.map(Box::new),
            by: Some(Arc::clone(own)),
        },
        maker_failed,
    })
}

/// The innermost function of the application that makes ids.
fn maker<'a>(own: &'a IdSettings, exchange: &'a Exchange) -> Option<&'a IdMaker> {
    let outer = exchange.given_ids();
    let outer = outer.filter_map(|given| given.by.as_ref()?.maker.as_ref());
    own.maker.as_ref().or_else(|| outer.last())
}

/// Whether this layer has given the request an id before.
fn has_decided(own: &Arc<IdSettings>, exchange: &Exchange) -> bool {
    exchange
        .given_ids()
        .any(|given| given.by.as_ref().is_some_and(|by| Arc::ptr_eq(by, own)))
}
