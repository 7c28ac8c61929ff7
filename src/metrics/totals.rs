//! Keeps what is counted over all endpoints, one share per thread.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::series::{shard, shards};
use crate::{exchange::Outcome, facts::labels::MethodLabel};

/// Where something was to go and did not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sink {
    Log,
    /// Not sent: no room, no thread, no network, or refused.
    Sentry,
    /// Held back, because the same was told often enough.
    SentryFlood,
    /// Not scrubbed, and so not sent.
    SentryScrubbing,
}

/// The shares of all threads.
#[derive(Debug)]
pub(super) struct Shares {
    all: Box<[Share]>,
    /// Whether somebody was told that the labels have run out.
    pub(super) warned: AtomicBool,
}

/// One thread's share of the totals.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Share {
    pub(super) started: AtomicU64,
    pub(super) outcomes: [AtomicU64; Outcome::ALL.len()],
    /// By method. A shard may go below zero, where a request ends on another thread than it began; their sum does not.
    pub(super) in_flight: [AtomicI64; MethodLabel::ALL.len()],
    pub(super) excluded: AtomicU64,
    pub(super) excluded_errors: AtomicU64,
    pub(super) overflow: AtomicU64,
    pub(super) hook_failures: AtomicU64,
    pub(super) readiness_errors: AtomicU64,
    pub(super) dropped: [AtomicU64; Sink::ALL.len()],
}

// === impl Sink ===

impl Sink {
    pub(super) const ALL: [Self; 4] = [
        Self::Log,
        Self::Sentry,
        Self::SentryFlood,
        Self::SentryScrubbing,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Sentry => "sentry",
            Self::SentryFlood => "sentry_flood",
            Self::SentryScrubbing => "sentry_scrubbing",
        }
    }
}

// === impl Shares ===

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            all: (0..shards()).map(|_| Share::default()).collect(),
            warned: AtomicBool::new(false),
        }
    }

    /// That of this thread.
    pub(super) fn mine(&self) -> &Share {
        // `shard` is below the number of shards, and so of shares.
        &self.all[shard()]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Share> {
        self.all.iter()
    }

    pub(super) const fn memory_bound(&self) -> usize {
        self.all.len() * size_of::<Share>()
    }
}

// === impl Share ===

impl Share {
    pub(super) fn start(&self, method: MethodLabel) {
        self.started.fetch_add(1, Relaxed);
        self.in_flight[method.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self, method: MethodLabel, outcome: Outcome) {
        self.in_flight[method.index()].fetch_sub(1, Relaxed);
        // Whoever sees this ending sees its start as well.
        self.outcomes[outcome as usize].fetch_add(1, Release);
    }

    pub(super) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Acquire)
    }
}
