//! Limits how often one incident is reported.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::metrics::{Metrics, Sink};

/// The time over which reports are limited.
const WINDOW: Duration = Duration::from_secs(60);

/// The most fingerprints that are remembered. Beyond them, a new incident is not reported until the window of another ends.
const MOST_FINGERPRINTS: usize = 10_000;

/// Counts the recent reports of each incident.
#[derive(Debug)]
pub(crate) struct RateLimit {
    /// The sink whose drops are counted.
    sink: Sink,
    /// Where they are counted. The counters of the process if `None`.
    metrics: Option<Metrics>,
    hasher: RandomState,
    /// By the hash of the fingerprint, so that a suppressed report allocates nothing.
    recent: Mutex<HashMap<u64, Recent>>,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    since: Instant,
    reported: u32,
    suppressed: u64,
}

// === impl RateLimit ===

impl RateLimit {
    pub(crate) fn new(sink: Sink, metrics: Option<Metrics>) -> Self {
        Self {
            sink,
            metrics,
            hasher: RandomState::new(),
            recent: Mutex::default(),
        }
    }

    /// Admits a report, if fewer than `per_minute` of its fingerprint were admitted in the window. Returns how many were
    /// suppressed since the last one. A report that is not admitted is counted as dropped.
    pub(crate) fn admit(&self, fingerprint: &[&str], per_minute: u32) -> Option<u64> {
        self.admit_for(self.metrics.as_ref(), fingerprint, per_minute)
    }

    /// As [`admit`](Self::admit), with counters of the caller's choice.
    pub(crate) fn admit_for(
        &self,
        metrics: Option<&Metrics>,
        fingerprint: &[&str],
        per_minute: u32,
    ) -> Option<u64> {
        let admitted = self.try_admit(fingerprint, per_minute);
        if admitted.is_none() {
            Metrics::note_dropped(metrics, self.sink);
        }
        admitted
    }

    /// As [`admit`](Self::admit), and counts nothing.
    pub(crate) fn try_admit(&self, fingerprint: &[&str], per_minute: u32) -> Option<u64> {
        let now = Instant::now();
        let key = self.hasher.hash_one(fingerprint);
        let mut all = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_FINGERPRINTS && !all.contains_key(&key) {
            all.retain(|_, recent| now.duration_since(recent.since) < WINDOW);
            if all.len() >= MOST_FINGERPRINTS {
                return None;
            }
        }
        let recent = all.entry(key).or_insert(Recent {
            since: now,
            reported: 0,
            suppressed: 0,
        });
        if now.duration_since(recent.since) >= WINDOW {
            (recent.since, recent.reported) = (now, 0);
        }
        if recent.reported >= per_minute {
            recent.suppressed += 1;
            return None;
        }
        recent.reported += 1;
        Some(mem::take(&mut recent.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_given_back() {
        let metrics = crate::metrics::Settings::new().isolated().unwrap();
        let limit = RateLimit::new(Sink::SentryFlood, Some(metrics));
        let all = || (0..MOST_FINGERPRINTS).map(|n| n.to_string());
        assert!(all().all(|name| limit.admit(&[&name], 10).is_some()));
        assert_eq!(limit.admit(&["one more"], 10), None);
        assert_eq!(limit.admit(&["7"], 10), Some(0), "a known fingerprint");
        tokio::time::advance(WINDOW).await;
        assert_eq!(limit.admit(&["one more"], 10), Some(0));
        assert_eq!(limit.recent.lock().unwrap().len(), 1);
    }
}
