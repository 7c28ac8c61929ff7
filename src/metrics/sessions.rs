//! Counts WebSocket sessions, which go on after their requests have ended.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::time::Instant;

use super::{
    Metrics,
    bounds::Bounds,
    counts::Places,
    series::{Sample, SeriesKey},
    table::{Limits, Table},
};
use crate::{
    facts::{exchange::Exchange, route::Endpoint},
    runtime::late_now,
};

/// How many routes have a histogram of their own. Few routes of an application are WebSockets.
const MOST_ENDPOINTS: usize = 64;

/// The sessions of all endpoints.
#[derive(Debug)]
pub(super) struct Sessions {
    begun: AtomicU64,
    ended: AtomicU64,
    /// By endpoint.
    pub(super) durations: Table,
}

/// A session that has begun. Its end is counted when this is dropped.
#[derive(Debug)]
pub(crate) struct OpenSession {
    metrics: Metrics,
    endpoint: Option<Endpoint>,
    begun: Instant,
}

// === impl Sessions ===

impl Sessions {
    pub(super) fn new(bounds: Bounds, places: &Arc<Places>) -> Self {
        let limits = Limits {
            endpoints: MOST_ENDPOINTS,
            each: 1,
        };
        Self {
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            durations: Table::new(limits, Some(bounds), places),
        }
    }

    /// How many are open. `None` if there never was one: an application without WebSockets has no such metric.
    pub(super) fn open(&self) -> Option<u64> {
        // In this order, so that none is below zero.
        let ended = self.ended.load(Relaxed);
        let begun = self.begun.load(Relaxed);
        (begun > 0).then(|| begun.saturating_sub(ended))
    }

    pub(super) fn memory_bound(&self, pushes: bool) -> usize {
        self.durations.memory_bound(1, pushes)
    }
}

// === impl Metrics ===

impl Metrics {
    /// Counts the beginning of a session, which the request of `exchange` opened.
    pub(crate) fn begin_session(&self, exchange: Option<&Exchange>) -> OpenSession {
        self.inner.sessions.begun.fetch_add(1, Relaxed);
        let endpoint =
            exchange.and_then(|exchange| exchange.read(|overrides| overrides.endpoint.clone()));
        OpenSession {
            metrics: self.clone(),
            endpoint,
            begun: Instant::now(),
        }
    }
}

// === impl OpenSession ===

impl Drop for OpenSession {
    fn drop(&mut self) {
        let sessions = &self.metrics.inner.sessions;
        let endpoint = self.endpoint.as_ref().map(Endpoint::as_str);
        let lasted = late_now().saturating_duration_since(self.begun);
        let key = SeriesKey(0, 0);
        sessions.durations.record(endpoint, key, Sample::of(lasted));
        sessions.ended.fetch_add(1, Relaxed);
    }
}
