//! Counts over all endpoints.

use std::sync::{Arc, atomic::AtomicBool};

use super::{
    counts::{Adder, Counts, Places, row_bytes},
    remember,
    sink::Sink,
    totals::Totals,
};
use crate::facts::{exchange::Outcome, labels::MethodLabel};

// The counters, in the order in which they are read. Endings before beginnings: a request that is seen to end is also seen
// to begin.
const OUTCOMES: usize = 0;
/// By method, and so are those that began.
const ENDED: usize = OUTCOMES + Outcome::ALL.len();
const STARTED: usize = ENDED + MethodLabel::ALL.len();
const EXCLUDED: usize = STARTED + MethodLabel::ALL.len();
const EXCLUDED_ERRORS: usize = EXCLUDED + 1;
const OVERFLOW: usize = EXCLUDED_ERRORS + 1;
const HOOK_FAILURES: usize = OVERFLOW + 1;
const READINESS_ERRORS: usize = HOOK_FAILURES + 1;
const DROPPED: usize = READINESS_ERRORS + 1;
const COUNTERS: usize = DROPPED + Sink::COUNT;

/// For each processor, so many threads have counters of their own.
const THREADS_PER_CPU: usize = 8;

/// The counts over all endpoints.
#[derive(Debug)]
pub(super) struct Shares {
    counts: Arc<Counts>,
    places: Arc<Places>,
    /// Whether the application was warned that the endpoints are over the cap.
    pub(super) warned: AtomicBool,
}

// === impl Shares ===

impl Shares {
    pub(super) fn new(cpus: usize) -> Self {
        let threads = cpus.saturating_mul(THREADS_PER_CPU);
        let places = Arc::new(Places::new(threads.saturating_mul(row_bytes(COUNTERS))));
        Self {
            counts: Arc::new(Counts::new(COUNTERS, Arc::clone(&places))),
            places,
            warned: AtomicBool::new(false),
        }
    }

    pub(super) fn start(&self, method: MethodLabel) {
        self.add(&|adder| adder.add(STARTED + method.index(), 1));
    }

    pub(super) fn end(&self, method: MethodLabel, outcome: Outcome) {
        self.add(&|adder| end(adder, method, outcome));
    }

    /// Counts the end of a request whose endpoint is over the cap.
    pub(super) fn end_over_the_cap(&self, method: MethodLabel, outcome: Outcome) {
        self.add(&|adder| {
            end(adder, method, outcome);
            adder.add(OVERFLOW, 1);
        });
    }

    pub(super) fn end_unobserved(&self, method: MethodLabel, outcome: Outcome, failed: bool) {
        self.add(&|adder| {
            if failed {
                adder.add(EXCLUDED_ERRORS, 1);
            }
            end(adder, method, outcome);
        });
    }

    pub(super) fn excluded(&self, failed: bool) {
        self.add(&|adder| {
            adder.add(EXCLUDED, 1);
            if failed {
                adder.add(EXCLUDED_ERRORS, 1);
            }
        });
    }

    pub(super) fn hook_failed(&self) {
        self.add(&|adder| adder.add(HOOK_FAILURES, 1));
    }

    pub(super) fn not_ready(&self) {
        self.add(&|adder| adder.add(READINESS_ERRORS, 1));
    }

    pub(super) fn dropped(&self, sink: Sink, times: u64) {
        self.add(&|adder| adder.add(DROPPED + sink.index(), times));
    }

    pub(super) fn totals(&self) -> Totals {
        let counts = self.counts.read();
        let mut totals = Totals {
            started: by_method(&counts, STARTED).fold(0, u64::wrapping_add),
            excluded: counts[EXCLUDED],
            excluded_errors: counts[EXCLUDED_ERRORS],
            overflow: counts[OVERFLOW],
            hook_failures: counts[HOOK_FAILURES],
            readiness_errors: counts[READINESS_ERRORS],
            ..Totals::default()
        };
        for outcome in Outcome::ALL {
            *totals.outcome_mut(outcome) = counts[OUTCOMES + outcome as usize];
        }
        totals.in_flight = in_flight(&counts).fold(0, u64::wrapping_add);
        for sink in Sink::all() {
            totals.add_dropped(sink, counts[DROPPED + sink.index()]);
        }
        totals
    }

    /// The requests in flight by method, in the order of the labels.
    pub(super) fn in_flight(&self) -> Vec<(&'static str, u64)> {
        let labels = MethodLabel::ALL.into_iter();
        labels.zip(in_flight(&self.counts.read())).collect()
    }

    /// Nobody reads these counts any more.
    pub(super) fn close(&self) {
        self.places.close();
    }

    pub(super) fn memory_bound(&self) -> usize {
        Counts::bytes(COUNTERS).saturating_add(self.places.memory_bound())
    }

    fn add(&self, add: &impl Fn(Adder<'_>)) {
        remember::add_to_totals(&self.counts, add);
    }
}

/// A thread that sees this ending also sees its beginning, since [`Adder::add`] releases what was added before.
fn end(adder: Adder<'_>, method: MethodLabel, outcome: Outcome) {
    adder.add(ENDED + method.index(), 1);
    adder.add(OUTCOMES + outcome as usize, 1);
}

/// The requests in flight by method. Endings are read before beginnings, so none is below zero.
fn in_flight(counts: &[u64]) -> impl Iterator<Item = u64> {
    let both = by_method(counts, STARTED).zip(by_method(counts, ENDED));
    both.map(|(started, ended)| started.saturating_sub(ended))
}

fn by_method(counts: &[u64], from: usize) -> impl Iterator<Item = u64> {
    counts[from..].iter().take(MethodLabel::ALL.len()).copied()
}
