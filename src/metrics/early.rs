//! Keeps work that ends before the process has counters, such as the queries of a migration at the start.
//!
//! To count it at once would make the counters, with default settings, and the application could not choose others any more.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{GLOBAL, Metrics};
use crate::facts::work::{CallOutcome, LastSuccess, Work};

/// How many pieces of work are kept, at most. With one more the counters are made.
const MOST: usize = 65_536;

/// What has no counters yet.
static EARLY: Mutex<Early> = Mutex::new(Early {
    work: BTreeMap::new(),
    pieces: 0,
    successes: BTreeMap::new(),
});

#[derive(Debug, Default)]
struct Early {
    /// The durations by kind, name, detail and outcome.
    work: BTreeMap<(Work, String, u8, u16), Vec<Duration>>,
    pieces: usize,
    successes: BTreeMap<&'static str, LastSuccess>,
}

/// A piece of work that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) work: Work,
    pub(crate) name: &'a str,
    /// Tells work of one name apart.
    pub(crate) detail: u8,
    pub(crate) outcome: CallOutcome,
    pub(crate) duration: Duration,
}

// === impl Piece ===

impl Piece<'_> {
    /// Counts it in these counters, or in those of the process as soon as these are there.
    pub(crate) fn count(&self, metrics: Option<&Metrics>) {
        match metrics.or_else(|| GLOBAL.get()) {
            Some(metrics) => self.count_in(metrics),
            None => self.keep(),
        }
    }

    fn count_in(&self, metrics: &Metrics) {
        let Self {
            work,
            name,
            detail,
            outcome,
            duration,
        } = *self;
        metrics.count_work(work, name, detail, outcome, duration);
    }

    #[cold]
    fn keep(&self) {
        let mut early = early();
        // Under the lock: who makes the counters takes it afterwards.
        if let Some(metrics) = GLOBAL.get() {
            drop(early);
            return self.count_in(metrics);
        }
        if early.pieces >= MOST {
            drop(early);
            return self.count_in(Metrics::or_global(None));
        }
        early.pieces += 1;
        let key = (
            self.work,
            self.name.to_owned(),
            self.detail,
            self.outcome as u16,
        );
        early.work.entry(key).or_default().push(self.duration);
    }
}

/// Notes that a job has succeeded.
pub(super) fn note_success(metrics: Option<&Metrics>, job: &'static str, last: LastSuccess) {
    match metrics.or_else(|| GLOBAL.get()) {
        Some(metrics) => metrics.note_success(job, last),
        None => {
            let mut early = early();
            match GLOBAL.get() {
                Some(metrics) => {
                    drop(early);
                    metrics.note_success(job, last);
                }
                None => _ = early.successes.insert(job, last),
            }
        }
    }
}

/// When a job last succeeded, if it did before there were counters.
#[cfg(feature = "health")]
pub(super) fn success(job: &str) -> Option<LastSuccess> {
    early().successes.get(job).copied()
}

/// Counts what was kept, in counters that were just made.
pub(super) fn count_in(metrics: &Metrics) {
    let Early {
        work, successes, ..
    } = std::mem::take(&mut *early());
    for ((work, name, detail, outcome), durations) in work {
        for duration in durations {
            let outcome = CallOutcome::at(outcome);
            metrics.count_passing_work(work, &name, detail, outcome, duration);
        }
    }
    for (job, last) in successes {
        metrics.note_success(job, last);
    }
}

fn early() -> MutexGuard<'static, Early> {
    EARLY.lock().unwrap_or_else(PoisonError::into_inner)
}
