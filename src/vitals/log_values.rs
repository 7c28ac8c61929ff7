//! Writes the values of all metrics to the log, for those who have nothing that scrapes.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use crate::{
    config::ConfigError,
    emit,
    metrics::{
        HistogramSummary, Metrics,
        samples::{Family, Histogram, Labels, Samples},
    },
};

/// The shortest interval. Each metric is a line.
const SHORTEST: Duration = Duration::from_secs(1);

/// Writes samples as events.
struct Lines<'m> {
    metrics: &'m Metrics,
    family: String,
}

/// An interval that is long enough.
pub(super) fn checked(every: Duration) -> Result<Duration, ConfigError> {
    if every < SHORTEST {
        let value = format!("{every:?}");
        return Err(ConfigError::new("log_metrics", value, "at least 1 s"));
    }
    Ok(every)
}

/// Writes the values every interval from now on, as long as the counters are there, and in the place of a stack that did so
/// before. It has a thread of its own, since a subscriber can hang.
pub(super) fn start(metrics: &Metrics, every: Duration) {
    let counters = metrics.weak();
    let (alive, ended) = mpsc::channel();
    // Without a thread nothing is written. Here nobody is told of it, since a subscriber can hang.
    let started = emit::detached(move || {
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            let Some(metrics) = counters() else {
                return;
            };
            write(&metrics);
        }
    });
    if started.is_ok() {
        metrics.log_values_until_closed(alive);
    }
}

/// Writes one event for each series that has a value.
fn write(metrics: &Metrics) {
    let family = String::new();
    metrics.give(&mut Lines { metrics, family });
}

// === impl Lines ===

impl Samples for Lines<'_> {
    fn family(&mut self, family: &Family<'_>) {
        family.name.clone_into(&mut self.family);
    }

    fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        // What never happened would fill the log.
        if value > 0 {
            let (metric, labels) = (&*self.family, shown(labels));
            emit::counted(Some(self.metrics), || {
                tracing::info!(target: "tower_vitals", metric, labels, value, "metric_counter");
            });
        }
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        let (metric, labels) = (&*self.family, shown(labels));
        emit::counted(Some(self.metrics), || {
            tracing::info!(target: "tower_vitals", metric, labels, value, "metric_gauge");
        });
    }

    fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram<'_>) {
        let HistogramSummary {
            count,
            min,
            max,
            sum,
            avg,
        } = HistogramSummary::of(histogram);
        if count > 0 {
            let (metric, labels) = (&*self.family, shown(labels));
            emit::counted(Some(self.metrics), || {
                tracing::info!(
                    target: "tower_vitals",
                    metric,
                    labels,
                    count,
                    min,
                    max,
                    sum,
                    avg,
                    "metric_histogram"
                );
            });
        }
    }

    fn wants_fine(&self) -> bool {
        true
    }
}

/// The labels as `name=value,name=value`. `None` without labels.
fn shown(labels: &Labels<'_>) -> Option<String> {
    let pairs = labels.iter().map(|(name, value)| format!("{name}={value}"));
    let pairs: Vec<_> = pairs.collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_below_a_second_is_refused_with_its_value() {
        let error = checked(Duration::from_millis(999)).unwrap_err();
        assert_eq!((error.field(), error.value()), ("log_metrics", "999ms"));
        assert_eq!(checked(SHORTEST).unwrap(), SHORTEST);
    }
}
