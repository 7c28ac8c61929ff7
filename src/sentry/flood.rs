//! Lets one thing that goes wrong a thousand times be told a few times.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sentry::protocol::Event;
use tokio::time::Instant;

use crate::metrics::{Metrics, Sink};

/// As long as a flood is looked back upon.
const WINDOW: Duration = Duration::from_secs(60);

/// Endpoints are bounded, and so are the things that can go wrong with each; beyond this, nothing new is told for a while.
const MOST_FINGERPRINTS: usize = 10_000;

/// How often each thing was told lately.
#[derive(Debug, Default)]
pub(super) struct Flood {
    /// Where it counts what is held back; in the process's counters if none are named.
    metrics: Option<Metrics>,
    hasher: RandomState,
    /// By the hash of its fingerprint: what is held back costs no more than to know it again.
    told: Mutex<HashMap<u64, Recent>>,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    since: Instant,
    told: u32,
    held_back: u64,
}

// === impl Flood ===

impl Flood {
    pub(super) fn counting_in(metrics: Metrics) -> Self {
        Self {
            metrics: Some(metrics),
            ..Self::default()
        }
    }

    /// How many were held back since this was last told, if it may be told once more, at most so often a minute; counted if not.
    pub(super) fn admit(&self, fingerprint: &[&str], most: u32) -> Option<u64> {
        let admitted = self.look(fingerprint, most);
        if admitted.is_none() {
            Metrics::or_global(self.metrics.as_ref()).dropped(Sink::SentryFlood);
        }
        admitted
    }

    fn look(&self, fingerprint: &[&str], most: u32) -> Option<u64> {
        let now = Instant::now();
        let key = self.hasher.hash_one(fingerprint);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= MOST_FINGERPRINTS && !told.contains_key(&key) {
            told.retain(|_, recent| now.duration_since(recent.since) < WINDOW);
            if told.len() >= MOST_FINGERPRINTS {
                return None;
            }
        }
        let recent = told.entry(key).or_insert(Recent {
            since: now,
            told: 0,
            held_back: 0,
        });
        if now.duration_since(recent.since) >= WINDOW {
            (recent.since, recent.told) = (now, 0);
        }
        if recent.told >= most {
            recent.held_back += 1;
            return None;
        }
        recent.told += 1;
        Some(mem::take(&mut recent.held_back))
    }
}

/// Marks an event that was admitted: what it has in common with others, and how many of those were held back.
pub(super) fn stamp(event: &mut Event<'static>, fingerprint: &[&str], held_back: u64) {
    let parts = fingerprint.iter().map(|part| (*part).to_owned().into());
    event.fingerprint = parts.collect::<Vec<_>>().into();
    if held_back > 0 {
        event.extra.insert("held_back".into(), held_back.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_given_back() {
        let metrics = crate::metrics::Settings::new().isolated().unwrap();
        let flood = Flood::counting_in(metrics);
        let all = || (0..MOST_FINGERPRINTS).map(|n| n.to_string());
        assert!(all().all(|name| flood.admit(&[&name], 10).is_some()));
        assert_eq!(flood.admit(&["one more"], 10), None);
        assert_eq!(flood.admit(&["7"], 10), Some(0), "what is known still is");
        tokio::time::advance(WINDOW).await;
        assert_eq!(flood.admit(&["one more"], 10), Some(0));
        assert_eq!(flood.told.lock().unwrap().len(), 1);
    }
}
