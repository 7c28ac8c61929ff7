//! Keeps work that ends before the process has counters, such as the queries of a migration at the start, and what it could not
//! tell.
//!
//! To count it at once would make the counters, with default settings, and the application could not choose others any more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{GLOBAL, Metrics, Sink};
use crate::facts::work::{CallOutcome, EndedWork, LastSuccess, Work};

/// How many pieces of work are kept, at most. With one more the counters are made.
const MOST: usize = 65_536;

/// What has no counters yet.
static EARLY: Mutex<Early> = Mutex::new(Early {
    work: BTreeMap::new(),
    pieces: 0,
    successes: BTreeMap::new(),
    dropped: [0; Sink::COUNT],
    hook_failures: 0,
});

#[derive(Debug, Default)]
struct Early {
    /// The durations by kind, name, detail and outcome.
    work: BTreeMap<(Work, String, u8, u16), Vec<Duration>>,
    pieces: usize,
    successes: BTreeMap<&'static str, LastSuccess>,
    /// What work could not tell, by sink.
    dropped: [u64; Sink::COUNT],
    hook_failures: u64,
}

// === impl Early ===

impl Early {
    fn keep(&mut self, ended: &EndedWork<'_>) {
        self.pieces += 1;
        let key = (
            ended.work,
            ended.name.to_owned(),
            ended.detail,
            ended.outcome as u16,
        );
        self.work.entry(key).or_default().push(ended.duration);
    }
}

// === impl Metrics ===

impl Metrics {
    /// Counts a piece of work, in these counters or in those of the process as soon as these are there.
    #[inline]
    pub(crate) fn note_work(metrics: Option<&Self>, ended: &EndedWork<'_>) {
        match metrics.or_else(|| GLOBAL.get()) {
            Some(metrics) => metrics.count_work(ended),
            None if early().pieces >= MOST => Self::or_global(None).count_work(ended),
            None => count_or_keep(
                None,
                |metrics| metrics.count_work(ended),
                |early| early.keep(ended),
            ),
        }
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
    let Early {
        work,
        successes,
        dropped,
        hook_failures,
        ..
    } = std::mem::take(&mut *early());
    for ((work, name, detail, outcome), durations) in work {
        for duration in durations {
            metrics.count_passing_work(&EndedWork {
                work,
                name: &name,
                detail,
                outcome: CallOutcome::at(outcome),
                duration,
                // Whether it was slow was told when it ended.
                threshold: Duration::MAX,
            });
        }
    }
    for (job, last) in successes {
        metrics.note_success(job, last);
    }
    for sink in Sink::all() {
        (0..dropped[sink.index()]).for_each(|_| metrics.dropped(sink));
    }
    (0..hook_failures).for_each(|_| metrics.hook_failed());
}

fn early() -> MutexGuard<'static, Early> {
    EARLY.lock().unwrap_or_else(PoisonError::into_inner)
}
