//! Tells apart what was done in a window beside answering requests: functions, queries, calls of other services, jobs.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::Serialize;

use super::{
    times::{ShownTimes, Times, add},
    traffic::share,
    wall_time::WallTime,
};
use crate::{
    facts::{
        query::Operation,
        work::{CallOutcome, Work},
    },
    metrics::{
        bounds::Bounds,
        readings::{Key, work},
    },
    window::Sums,
};

/// What was done under one name, and ended in a window.
///
/// Times are in milliseconds, from the begin to the end, however it ended. So they are those of the histograms of `/metrics`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkStatistics {
    /// How often it was done, however it ended.
    pub calls: u64,
    /// How often it failed: by an error, a timeout or a panic. See [`CallOutcome::is_failure`].
    pub errors: u64,
    /// How often its future was dropped before it ended. That is no error.
    pub cancelled: u64,
    /// The calls by [`CallOutcome`], always with all five. Queries that the layer for sqlx measured
    /// are in none: sqlx does not tell how they ended.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// The share of `errors` in the calls whose outcome is known, from 0 to 1. `None` without such calls.
    pub error_rate: Option<f64>,
    /// The mean. It is exact.
    pub mean_ms: Option<f64>,
    /// The median. From 66 µs to 69 s it is within 5 %. `None` also if the fine counts of the window were given up for memory.
    pub p50_ms: Option<f64>,
    /// What 95 % of the calls do not exceed, as exact as the median.
    pub p95_ms: Option<f64>,
    /// What 99 % of the calls do not exceed, as exact as the median.
    pub p99_ms: Option<f64>,
    /// The longest, as exact as the median. If it is above 69 s, 68,719 is shown.
    pub max_ms: Option<f64>,
    /// The sum of all durations. It is exact.
    pub total_ms: f64,
    /// When the last call ended, as exact as [that of an endpoint](super::Traffic::last_updated).
    pub last_updated: Option<WallTime>,
}

/// The runs of a [monitored function](crate::operations::monitored).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OperationStatistics {
    /// The name of the function. `overflow` stands for all names above the first 256, and so in the other lists.
    pub name: String,
    /// Its runs. In JSON they stand beside the name.
    #[serde(flatten)]
    pub work: WorkStatistics,
}

/// The [queries](crate::operations::query) of a table of a database with one operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct QueryStatistics {
    /// The operation, such as `SELECT`, or `other`.
    pub operation: &'static str,
    /// The table, or `unknown`.
    pub table: String,
    /// Its queries. In JSON they stand beside operation and table.
    #[serde(flatten)]
    pub work: WorkStatistics,
}

/// The calls of another service.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct OutboundStatistics {
    /// The name of the service.
    pub service: String,
    /// Its calls. In JSON they stand beside the service.
    #[serde(flatten)]
    pub work: WorkStatistics,
}

/// The runs of a background job.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobStatistics {
    /// The name of the job.
    pub job: String,
    /// Its runs. In JSON they stand beside the job.
    #[serde(flatten)]
    pub work: WorkStatistics,
}

/// The work of a window: the busiest first, and what is equal in the order of its names.
#[derive(Debug, Default)]
pub(super) struct AllWork {
    pub(super) operations: Vec<OperationStatistics>,
    pub(super) queries: Vec<QueryStatistics>,
    pub(super) outbound: Vec<OutboundStatistics>,
    pub(super) jobs: Vec<JobStatistics>,
}

/// Work of one name while it is summed.
#[derive(Debug, Default)]
struct Tally {
    /// By outcome.
    calls: [u64; CallOutcome::ALL.len()],
    /// Calls of which nobody knows the outcome.
    unjudged: u64,
    times: Times,
    last: Option<Duration>,
}

// === impl AllWork ===

impl AllWork {
    pub(super) fn of_each(sums: &Sums, bounds: &Bounds) -> Self {
        let mut tallies: HashMap<_, Tally> = HashMap::new();
        for (key, counts) in &sums.counts {
            if let Key::Work {
                work,
                name,
                detail,
                outcome,
            } = key
            {
                let tally = tallies.entry((*work, &**name, *detail)).or_default();
                tally.add(*outcome, counts, sums.last.get(key));
            }
        }
        for (key, counts) in &sums.durations {
            if let Key::WorkDurations { work, name, detail } = key
                && let Some(tally) = tallies.get_mut(&(*work, &**name, *detail))
            {
                tally.times.add_durations(counts.as_deref());
            }
        }
        let finished = tallies
            .into_iter()
            .map(|(key, tally)| (key, tally.finish(bounds)));
        let mut done: Vec<_> = finished.filter(|(_, work)| work.calls > 0).collect();
        done.sort_by_key(|((_, name, detail), work)| {
            (Reverse(work.calls), *name, Operation::at(*detail).as_str())
        });
        let mut all = Self::default();
        for ((work, name, detail), statistics) in done {
            all.push(work, name.to_owned(), detail, statistics);
        }
        all
    }

    fn push(&mut self, kind: Work, name: String, detail: u8, work: WorkStatistics) {
        match kind {
            Work::Operation => self.operations.push(OperationStatistics { name, work }),
            Work::Query => self.queries.push(QueryStatistics {
                operation: Operation::at(detail).as_str(),
                table: name,
                work,
            }),
            Work::Outbound => self.outbound.push(OutboundStatistics {
                service: name,
                work,
            }),
            Work::Job => self.jobs.push(JobStatistics { job: name, work }),
        }
    }
}

// === impl Tally ===

impl Tally {
    /// Adds counts in the order of [`work`].
    fn add(&mut self, outcome: Option<CallOutcome>, counts: &[u64], last: Option<&Duration>) {
        let count = |index: usize| counts.get(index).copied().unwrap_or(0);
        let calls = count(work::CALLS);
        if calls == 0 {
            return;
        }
        let sum = outcome.and_then(|outcome| self.calls.get_mut(outcome as usize));
        add(sum.unwrap_or(&mut self.unjudged), calls);
        self.times.add(calls, count(work::NANOS));
        self.last = self.last.max(last.copied());
    }

    fn finish(self, bounds: &Bounds) -> WorkStatistics {
        let ShownTimes {
            mean_ms,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
            total_ms,
        } = self.times.finish(bounds);
        let sum = |wanted: fn(CallOutcome) -> bool| {
            let all = CallOutcome::ALL.into_iter().zip(self.calls);
            let wanted = all.filter(|(outcome, _)| wanted(*outcome));
            wanted.fold(0_u64, |sum, (_, calls)| sum.saturating_add(calls))
        };
        let (judged, errors) = (sum(|_| true), sum(CallOutcome::is_failure));
        let names = CallOutcome::ALL.map(CallOutcome::as_str);
        WorkStatistics {
            calls: judged.saturating_add(self.unjudged),
            errors,
            cancelled: sum(|outcome| outcome == CallOutcome::Cancelled),
            outcomes: names.into_iter().zip(self.calls).collect(),
            error_rate: share(errors, judged),
            mean_ms,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
            total_ms,
            last_updated: self.last.map(WallTime::new),
        }
    }
}
