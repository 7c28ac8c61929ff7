//! Counts what a service does beside answering requests: monitored functions, queries, outbound calls, runs of jobs.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    Metrics,
    bounds::Bounds,
    counts::Places,
    series::{Sample, SeriesKey},
    table::{Limits, Table},
};
use crate::facts::work::{CallOutcome, Work};

/// How many names of each kind have counters of their own. The others share `overflow`. The first label of a series is its detail,
/// such as the operation of a query, and the second one its outcome.
const MOST_NAMES: usize = 256;

/// How many series a name has, on average.
const EACH: usize = 8;

/// The counters of all work. They are made with the first piece of work.
#[derive(Debug)]
pub(super) struct WorkCounts {
    tables: [Table; Work::ALL.len()],
    /// How often a name had no counters of its own.
    overflowed: AtomicU64,
    /// When each job last succeeded, in seconds since 1970.
    last_success: Mutex<BTreeMap<&'static str, f64>>,
}

// === impl WorkCounts ===

impl WorkCounts {
    pub(super) fn new(bounds: &Bounds, places: &Arc<Places>) -> Self {
        let limits = Limits {
            endpoints: MOST_NAMES,
            each: EACH,
        };
        let table = |_| Table::new(limits, Some(bounds.on_grid()), places);
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

    pub(super) fn last_success(&self) -> MutexGuard<'_, BTreeMap<&'static str, f64>> {
        self.last_success
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn memory_bound(&self, pushes: bool) -> usize {
        let tables = self.tables.iter();
        let bounds = tables.map(|table| table.memory_bound(MOST_NAMES * EACH, pushes));
        bounds.fold(0, usize::saturating_add)
    }
}

// === impl Metrics ===

impl Metrics {
    /// Counts a piece of work that has ended. `detail` tells work of one name apart.
    pub(crate) fn count_work(
        &self,
        work: Work,
        name: &str,
        detail: u8,
        outcome: CallOutcome,
        duration: Duration,
    ) {
        let key = SeriesKey(detail, outcome as u16);
        let sample = Sample::of(duration);
        let known = self.work().table(work).record(Some(name), key, sample);
        if !known {
            self.work().overflowed.fetch_add(1, Relaxed);
        }
    }

    /// Notes that a job has succeeded, in seconds since 1970.
    pub(crate) fn note_job_success(&self, job: &'static str, at: f64) {
        self.work().last_success().insert(job, at);
    }

    fn work(&self) -> &WorkCounts {
        let inner = &*self.inner;
        inner
            .work
            .get_or_init(|| Box::new(WorkCounts::new(&inner.settings.bounds(), &inner.places)))
    }
}
