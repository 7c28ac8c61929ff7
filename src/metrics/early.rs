//! Keeps work that ends before the process has counters, such as the queries of a migration at the start, and what it could not
//! tell.
//!
//! To count it at once would make the counters, with default settings, and the application could not choose others any more. To
//! count it by buckets is not possible either: those that are published are not known yet. So each duration is kept.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{GLOBAL, Metrics, Sink, bounds::nanos, table::OVERFLOW};
use crate::facts::work::{CallOutcome, EndedWork, LastSuccess, Work};

/// How many pieces of work are kept, at most, with 8 bytes each. Of the others only their number is known: they are drops of
/// [`Sink::EarlyWork`].
const MOST: usize = 1 << 20;

/// How many series they have, at most. The others share `overflow`, as they would later.
const MOST_SERIES: usize = 4_096;

/// What has no counters yet.
static EARLY: Mutex<Early> = Mutex::new(Early {
    work: BTreeMap::new(),
    pieces: 0,
    overflowed: 0,
    successes: BTreeMap::new(),
    dropped: [0; Sink::COUNT],
    hook_failures: 0,
});

#[derive(Debug, Default)]
struct Early {
    /// The durations in nanoseconds, by kind, name, detail and outcome.
    work: BTreeMap<(Work, String, u8, u8), Vec<u64>>,
    pieces: usize,
    /// How many of them share `overflow`.
    overflowed: u64,
    successes: BTreeMap<&'static str, LastSuccess>,
    /// What work could not tell, by sink.
    dropped: [u64; Sink::COUNT],
    hook_failures: u64,
}

// === impl Early ===

impl Early {
    fn keep(&mut self, ended: &EndedWork<'_>) {
        if self.pieces >= MOST {
            self.dropped[Sink::EarlyWork.index()] += 1;
            return;
        }
        self.pieces += 1;
        let mut key = (
            ended.work,
            ended.name.to_owned(),
            ended.detail,
            CallOutcome::index(ended.outcome),
        );
        if self.work.len() >= MOST_SERIES && !self.work.contains_key(&key) {
            key.1 = OVERFLOW.to_owned();
            self.overflowed += 1;
        }
        let durations = self.work.entry(key).or_default();
        durations.push(nanos(ended.duration));
    }

    /// Counts all of it in counters that were just made.
    fn count_in(self, metrics: &Metrics) {
        for ((work, name, detail, outcome), durations) in self.work {
            for nanos in durations {
                metrics.count_passing_work(&EndedWork {
                    work,
                    name: &name,
                    detail,
                    outcome: CallOutcome::at(outcome.into()),
                    duration: Duration::from_nanos(nanos),
                    ago: Duration::ZERO,
                    // Whether it was slow was told when it ended.
                    threshold: Duration::MAX,
                });
            }
        }
        if self.overflowed > 0 {
            metrics.note_overflowed_work(self.overflowed);
        }
        for (job, last) in self.successes {
            metrics.note_success(job, last);
        }
        for sink in Sink::all() {
            metrics.dropped_times(sink, self.dropped[sink.index()]);
        }
        (0..self.hook_failures).for_each(|_| metrics.hook_failed());
    }
}

// === impl Metrics ===

impl Metrics {
    /// Counts a piece of work, in these counters or in those of the process as soon as these are there.
    #[inline]
    pub(crate) fn note_work(metrics: Option<&Self>, ended: &EndedWork<'_>) {
        let count = |metrics: &Self| metrics.count_work(ended);
        count_or_keep(metrics, count, |early| early.keep(ended));
    }

    /// Counts a drop of a sink, in the same way.
    pub(crate) fn note_dropped(metrics: Option<&Self>, sink: Sink) {
        let keep = |early: &mut Early| early.dropped[sink.index()] += 1;
        count_or_keep(metrics, |metrics| metrics.dropped(sink), keep);
    }

    /// Counts a failure of code that was plugged in, in the same way.
    pub(crate) fn note_hook_failed(metrics: Option<&Self>) {
        let keep = |early: &mut Early| early.hook_failures += 1;
        count_or_keep(metrics, Self::hook_failed, keep);
    }
}

/// Counts in these counters, or in those of the process. If these are not there, it is kept for them.
fn count_or_keep(
    metrics: Option<&Metrics>,
    count: impl FnOnce(&Metrics),
    keep: impl FnOnce(&mut Early),
) {
    if let Some(metrics) = metrics.or_else(|| GLOBAL.get()) {
        return count(metrics);
    }
    let mut early = early();
    // Under the lock: who makes the counters takes it afterwards.
    match GLOBAL.get() {
        Some(metrics) => {
            drop(early);
            count(metrics);
        }
        None => keep(&mut early),
    }
}

/// Notes that a job has succeeded.
pub(super) fn note_success(metrics: Option<&Metrics>, job: &'static str, last: LastSuccess) {
    let count = |metrics: &Metrics| metrics.note_success(job, last);
    count_or_keep(metrics, count, |early| {
        _ = early.successes.insert(job, last)
    });
}

/// When a job last succeeded, if it did before there were counters.
#[cfg(feature = "health")]
pub(super) fn success(job: &str) -> Option<LastSuccess> {
    early().successes.get(job).copied()
}

/// Counts what was kept, in counters that were just made.
pub(super) fn count_in(metrics: &Metrics) {
    let early = std::mem::take(&mut *early());
    early.count_in(metrics);
}

fn early() -> MutexGuard<'static, Early> {
    EARLY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
