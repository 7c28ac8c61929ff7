//! Counts what a service does beside answering requests: monitored functions, queries, outbound calls, runs of jobs.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use super::{
    Metrics,
    bounds::Bounds,
    counts::Places,
    early,
    series::{Sample, SeriesKey},
    table::{Limits, OVERFLOW, Table},
};
use crate::facts::work::{CallOutcome, EndedWork, LastSuccess, Work};

/// How many names of each kind have counters of their own. The others share `overflow`. The first label of a series is its detail,
/// such as the operation of a query, and the second one its outcome.
const MOST_NAMES: usize = 256;

/// How many series a table of a database has, on average: few tables are met by each operation and each outcome.
const EACH_QUERY: usize = 8;

/// The counters of all work. They are made with the first piece of work.
#[derive(Debug)]
pub(super) struct WorkCounts {
    tables: [Table; Work::ALL.len()],
    /// How often a name had no counters of its own.
    overflowed: AtomicU64,
    last_success: Mutex<BTreeMap<&'static str, LastSuccess>>,
}

// === impl WorkCounts ===

impl WorkCounts {
    pub(super) fn new(bounds: &Bounds, places: &Arc<Places>) -> Self {
        let table = |work| Table::new(limits(work), Some(bounds.on_grid()), places);
        Self {
            tables: Work::ALL.map(table),
            overflowed: AtomicU64::new(0),
            last_success: Mutex::default(),
        }
    }

    pub(super) fn table(&self, work: Work) -> &Table {
        &self.tables[work as usize]
    }

    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Relaxed)
    }

    pub(super) fn last_success(&self) -> MutexGuard<'_, BTreeMap<&'static str, LastSuccess>> {
        self.last_success
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory_bound(&self, pushes: bool) -> usize {
        let tables = Work::ALL.into_iter().zip(&self.tables);
        let bounds = tables.map(|(work, table)| table.memory_bound(most(work), pushes));
        bounds.fold(0, usize::saturating_add)
    }
}

// === impl Metrics ===

impl Metrics {
    /// Counts a piece of work. The name of a table can be a text that is gone after the call; the others live as long as the process.
    pub(crate) fn count_work(&self, ended: &EndedWork<'_>) {
        self.count_by(ended, ended.work == Work::Query);
    }

    /// As [`count_work`](Self::count_work), where any name can be gone after the call.
    pub(super) fn count_passing_work(&self, ended: &EndedWork<'_>) {
        self.count_by(ended, true);
    }

    fn count_by(&self, ended: &EndedWork<'_>, passing: bool) {
        let EndedWork { work, name, .. } = *ended;
        // The last detail stands for all others.
        let detail = usize::from(ended.detail).min(work.details() - 1) as u8;
        let outcome = match (work, ended.outcome) {
            // Nobody who looks at another service asks whether our code panicked.
            (Work::Outbound, Some(CallOutcome::Panicked)) => Some(CallOutcome::Error),
            (_, outcome) => outcome,
        };
        let key = SeriesKey(detail, CallOutcome::index(outcome).into());
        let sample = Sample::of(ended.duration);
        let counts = self.work();
        let table = counts.table(work);
        let has_own = match passing {
            true => table.record_passing(name, key, sample),
            false => table.record(Some(name), key, sample),
        };
        // What is called so shares the series of those that have none of their own.
        if !has_own && name != OVERFLOW {
            counts.overflowed.fetch_add(1, Relaxed);
        }
    }

    /// Notes that so many pieces of work were counted under `overflow`.
    pub(super) fn note_overflowed_work(&self, times: u64) {
        self.work().overflowed.fetch_add(times, Relaxed);
    }

    /// Notes that a job has succeeded, in these counters or in those of the process as soon as these are there.
    pub(crate) fn note_job_success(metrics: Option<&Self>, job: &'static str, at: f64) {
        let measured = Instant::now();
        early::note_success(metrics, job, LastSuccess { at, measured });
    }

    /// Of two successes the later one stays, whoever comes first.
    pub(super) fn note_success(&self, job: &'static str, last: LastSuccess) {
        let mut all = self.work().last_success();
        let known = all.entry(job).or_insert(last);
        if known.measured < last.measured {
            *known = last;
        }
    }

    /// When a job last succeeded, as these counters know it, or those of the process.
    #[cfg(feature = "health")]
    pub(crate) fn last_job_success(metrics: Option<&Self>, job: &str) -> Option<Instant> {
        let last = match metrics.or_else(|| super::GLOBAL.get()) {
            Some(metrics) => {
                let all = metrics.inner.work.get()?.last_success();
                all.get(job).copied()
            }
            None => early::success(job),
        };
        last.map(|last| last.measured)
    }

    fn work(&self) -> &WorkCounts {
        let inner = &*self.inner;
        inner
            .work
            .get_or_init(|| Box::new(WorkCounts::new(&inner.settings.bounds(), &inner.places)))
    }
}

/// How many series one name can have.
const fn most(work: Work) -> usize {
    let outcomes = match work {
        Work::Query => CallOutcome::INDICES,
        // Of these, somebody always knows how they ended.
        Work::Operation | Work::Outbound | Work::Job => CallOutcome::ALL.len(),
    };
    work.details() * outcomes
}

fn limits(work: Work) -> Limits {
    Limits {
        endpoints: MOST_NAMES,
        each: most(work).min(EACH_QUERY),
    }
}

#[cfg(test)]
mod tests;
