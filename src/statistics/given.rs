//! Makes statistics for tests.

use std::sync::Arc;

use http::Method;

use super::*;
use crate::{
    facts::{
        category::ErrorCategory,
        labels::{MethodLabel, StatusLabel},
        severity::{Severity, SeverityBands},
    },
    metrics::readings::requests,
};

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

/// A window of five minutes, filled request by request.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(super) bounds: Bounds,
    pub(super) sums: Sums,
}

// === impl Window ===

impl Window {
    pub(crate) fn new() -> Self {
        Self {
            bounds: Bounds::new([100, 500, 2_000].map(MS)).on_grid(),
            sums: Sums {
                begin: Duration::from_secs(1_795_262_400),
                end: Duration::from_secs(1_795_262_700),
                covered: Duration::from_secs(300),
                ..Sums::default()
            },
        }
    }

    /// One request. Without a duration, its client left.
    pub(crate) fn request(
        &mut self,
        method: &Method,
        endpoint: &str,
        status: u16,
        duration: Option<Duration>,
    ) {
        let method = MethodLabel::new(method);
        let endpoint: Arc<str> = endpoint.into();
        let status = StatusLabel::at(status);
        let nanos = duration.map(|duration| duration.as_nanos() as u64);
        let mut counts = vec![0; requests::COUNTS];
        counts[requests::ALL] = 1;
        if let Some((duration, nanos)) = duration.zip(nanos) {
            counts[requests::MEASURED] = 1;
            counts[requests::NANOS] = nanos;
            let severity = match status.is_server_error() {
                true => Severity::Critical,
                false => SeverityBands::default().severity(duration),
            };
            counts[requests::SEVERITIES + severity as usize] = 1;
            let key = Key::Durations {
                endpoint: Arc::clone(&endpoint),
                method,
            };
            let fine = self.sums.durations.entry(key).or_insert(Some(Vec::new()));
            let fine = fine.as_mut().unwrap();
            fine.resize(self.bounds.buckets(), 0);
            fine[self.bounds.index(nanos)] += 1;
        }
        let key = Key::Requests {
            endpoint,
            method,
            status,
        };
        self.add(key, &counts);
    }

    pub(super) fn add(&mut self, key: Key, counts: &[u64]) {
        self.sums.last.insert(key.clone(), self.sums.end);
        let sums = self.sums.counts.entry(key).or_default();
        sums.resize(counts.len(), 0);
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }

    pub(crate) fn failures(&mut self, category: ErrorCategory, endpoint: &str, count: u64) {
        let endpoint = endpoint.into();
        self.add(Key::Errors { endpoint, category }, &[count]);
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.after(&Sums::default())
    }

    pub(super) fn after(&self, before: &Sums) -> Statistics {
        let now = Now {
            in_flight: 2,
            circuits: BTreeMap::from([("groq", CircuitState::HalfOpen)]),
            samples: BTreeMap::from([("length".to_owned(), 3.0)]),
        };
        Statistics::new(MS(300_000), &self.sums, before, &self.bounds, now)
    }
}
