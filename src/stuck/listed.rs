//! Lists the requests that are stuck, for people who look at the service.

use std::sync::Arc;

use tokio::time::Instant;

use super::StuckObserver;
use crate::facts::{exchange::Exchange, route::Endpoint};

/// A request that is critical and has no response.
#[derive(Clone, Debug)]
pub(crate) struct StuckRequest {
    pub(crate) method: &'static str,
    pub(crate) endpoint: String,
    pub(crate) request_id: Option<String>,
    pub(crate) started: Instant,
}

// === impl StuckObserver ===

impl StuckObserver {
    /// The requests that are stuck, the oldest first. `None` if nobody watches them.
    pub(crate) fn listed(&self) -> Option<Vec<StuckRequest>> {
        let waiting = self.waiting.as_ref()?;
        let reported = {
            let requests = waiting.lock();
            let reported = requests.values().filter(|request| request.reported);
            let exchanges = reported.map(|request| Arc::clone(&request.exchange));
            exchanges.collect::<Vec<_>>()
        };
        let mut listed: Vec<_> = reported.iter().map(|one| StuckRequest::of(one)).collect();
        listed.sort_by_key(|request| request.started);
        Some(listed)
    }
}

// === impl StuckRequest ===

impl StuckRequest {
    fn of(exchange: &Exchange) -> Self {
        let endpoint = exchange.read(|overrides| overrides.endpoint.clone());
        Self {
            method: exchange.method(),
            endpoint: Endpoint::name(endpoint.as_ref()).to_owned(),
            request_id: exchange.id().map(ToOwned::to_owned),
            started: exchange.started(),
        }
    }
}
