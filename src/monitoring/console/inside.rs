//! Shows what the service does beside answering requests, and what the application counts itself.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    metrics::{CircuitState, Metrics, Snapshot},
    statistics::{
        JobStatistics, OperationStatistics, OutboundStatistics, QueryStatistics, Statistics,
    },
};

/// The most entries of a list of work.
const MOST: usize = 50;

/// The most values of pools, queues, databases and the process.
const MOST_SAMPLES: usize = 300;

/// The most metrics of the application.
const MOST_METRICS: usize = 500;

#[derive(Debug, Serialize)]
pub(super) struct InsideSection<'o> {
    window_seconds: f64,
    outbound: &'o [OutboundStatistics],
    operations: &'o [OperationStatistics],
    queries: &'o [QueryStatistics],
    jobs: &'o [JobStatistics],
    circuits: &'o BTreeMap<&'static str, CircuitState>,
    samples: BTreeMap<&'o str, f64>,
    application: Application,
    left_out: LeftOut,
}

/// The metrics of the application, each as a list of its values.
#[derive(Debug, Serialize)]
struct Application {
    columns: [&'static str; 5],
    rows: Vec<Row>,
}

/// Kind, name with labels, value, count and sum.
type Row = (&'static str, String, Option<f64>, Option<u64>, Option<f64>);

/// What had no room.
#[derive(Debug, Serialize)]
struct LeftOut {
    outbound: usize,
    operations: usize,
    queries: usize,
    jobs: usize,
    samples: usize,
    application: usize,
}

// === impl InsideSection ===

impl<'o> InsideSection<'o> {
    pub(super) fn new(lately: &'o Statistics, metrics: &Metrics) -> Self {
        let (application, without_room) = Application::of(metrics.application());
        let samples = lately.samples.iter().take(MOST_SAMPLES);
        Self {
            window_seconds: lately.window_seconds,
            outbound: first(&lately.outbound),
            operations: first(&lately.operations),
            queries: first(&lately.queries),
            jobs: first(&lately.jobs),
            circuits: &lately.circuits,
            samples: samples.map(|(key, value)| (key.as_str(), *value)).collect(),
            application,
            left_out: LeftOut {
                outbound: lately.outbound.len().saturating_sub(MOST),
                operations: lately.operations.len().saturating_sub(MOST),
                queries: lately.queries.len().saturating_sub(MOST),
                jobs: lately.jobs.len().saturating_sub(MOST),
                samples: lately.samples.len().saturating_sub(MOST_SAMPLES),
                application: without_room,
            },
        }
    }
}

/// The busiest ones.
fn first<T>(all: &[T]) -> &[T] {
    all.get(..MOST).unwrap_or(all)
}

// === impl Application ===

impl Application {
    /// With how many had no room.
    fn of(snapshot: Snapshot) -> (Self, usize) {
        let Snapshot {
            counters,
            gauges,
            histograms,
            ..
        } = snapshot;
        let counters = counters.into_iter();
        let counters = counters.map(|(name, value)| {
            let row: Row = ("counter", name, Some(value as f64), None, None);
            row
        });
        let gauges = gauges.into_iter();
        let gauges = gauges.map(|(name, value)| ("gauge", name, Some(value), None, None));
        let histograms = histograms.into_iter().map(|(name, summary)| {
            let (count, sum) = (Some(summary.count), Some(summary.sum));
            ("histogram", name, None, count, sum)
        });
        let mut rows: Vec<Row> = counters.chain(gauges).chain(histograms).collect();
        let without_room = rows.len().saturating_sub(MOST_METRICS);
        rows.truncate(MOST_METRICS);
        let columns = ["kind", "name", "value", "count", "sum"];
        (Self { columns, rows }, without_room)
    }
}
