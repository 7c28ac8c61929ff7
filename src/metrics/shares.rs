//! Counts over all endpoints, with one share for each thread.

use std::sync::atomic::{
    AtomicBool, AtomicI64, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::{
    series::{shard, shards},
    sink::Sink,
    totals::Totals,
};
use crate::facts::{exchange::Outcome, labels::MethodLabel};

/// The shares of all threads.
#[derive(Debug)]
pub(super) struct Shares {
    all: Box<[Share]>,
    /// Whether the application was warned that the endpoints are over the cap.
    pub(super) warned: AtomicBool,
}

/// One thread's share.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Share {
    started: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// By method. If a request ends on another thread than it began, a share can be below zero. The sum of all is not.
    in_flight: [AtomicI64; MethodLabel::ALL.len()],
    pub(super) excluded: AtomicU64,
    pub(super) excluded_errors: AtomicU64,
    pub(super) overflow: AtomicU64,
    pub(super) hook_failures: AtomicU64,
    pub(super) readiness_errors: AtomicU64,
    pub(super) dropped: [AtomicU64; Sink::COUNT],
}

// === impl Shares ===

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            all: (0..shards()).map(|_| Share::default()).collect(),
            warned: AtomicBool::new(false),
        }
    }

    /// The share of this thread.
    pub(super) fn mine(&self) -> &Share {
        // `shard` is below the number of shards, and so of shares.
        &self.all[shard()]
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        // Endings before beginnings: a request that is seen to end is also seen to begin.
        for outcome in Outcome::ALL {
            *totals.outcome_mut(outcome) = self.sum(|share| share.outcome(outcome));
        }
        totals.started = self.sum(|share| share.started.load(Relaxed));
        let in_flight: i64 = self.in_flight().iter().map(|(_, value)| value).sum();
        totals.in_flight = u64::try_from(in_flight).unwrap_or(0);
        totals.excluded = self.sum(|share| share.excluded.load(Relaxed));
        totals.excluded_errors = self.sum(|share| share.excluded_errors.load(Relaxed));
        totals.overflow = self.sum(|share| share.overflow.load(Relaxed));
        totals.hook_failures = self.sum(|share| share.hook_failures.load(Relaxed));
        totals.readiness_errors = self.sum(|share| share.readiness_errors.load(Relaxed));
        for sink in Sink::all() {
            let index = sink.index();
            totals.dropped[index] = self.sum(|share| share.dropped[index].load(Relaxed));
        }
        totals
    }

    /// The requests in flight by method, in the order of the labels.
    pub(super) fn in_flight(&self) -> Vec<(&'static str, i64)> {
        let of = |(index, label): (usize, &&'static str)| {
            let shares = self.all.iter();
            let value: i64 = shares
                .map(|share| share.in_flight[index].load(Relaxed))
                .sum();
            // Between two reads a request can end that was not seen to begin.
            (*label, value.max(0))
        };
        MethodLabel::ALL.iter().enumerate().map(of).collect()
    }

    pub(super) const fn memory_bound(&self) -> usize {
        self.all.len() * size_of::<Share>()
    }

    fn sum(&self, of: impl Fn(&Share) -> u64) -> u64 {
        let all = self.all.iter();
        all.fold(0, |sum, share| sum.wrapping_add(of(share)))
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
        // A thread that sees this ending also sees its beginning.
        self.outcomes[outcome as usize].fetch_add(1, Release);
    }

    fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Acquire)
    }
}
