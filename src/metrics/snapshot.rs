//! Reads all metrics in the process.

use std::{collections::BTreeMap, fmt::Write as _};

#[cfg(any(feature = "fleet", all(feature = "health", feature = "statistics")))]
use crate::facts::severity::SeverityBands;

use super::{
    Metrics,
    checks::{self, CheckReading},
    gather::gather,
    prometheus,
    samples::{Family, Histogram, Labels, Samples},
};

/// All metrics at one moment, by name and labels: `errors_total{category="database",endpoint="/orders"}`. The labels stand in the
/// order of the table of metrics. A series of the application has them in alphabetical order.
///
/// ```
/// use tower_vitals::metrics::Settings;
///
/// let metrics = Settings::new().isolated()?;
/// let snapshot = metrics.snapshot();
/// assert_eq!(snapshot.counters["http_requests_started_total"], 0);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "statistics", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Snapshot {
    /// Counters: they only grow.
    pub counters: BTreeMap<String, u64>,
    /// Gauges.
    pub gauges: BTreeMap<String, f64>,
    /// Histograms.
    pub histograms: BTreeMap<String, HistogramSummary>,
}

/// A histogram in five numbers, in the unit of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "statistics", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HistogramSummary {
    /// How many values there were.
    pub count: u64,
    /// The smallest value. `None` without values. For histograms of this crate it is estimated from the buckets: a time to the
    /// head of a response from 66 µs to 69 s is wrong by less than 5 %.
    pub min: Option<f64>,
    /// The largest value, estimated in the same way.
    pub max: Option<f64>,
    /// The sum of all values.
    pub sum: f64,
    /// The mean. `None` without values.
    pub avg: Option<f64>,
}

/// Takes samples into a snapshot.
#[derive(Default)]
struct Taker {
    snapshot: Snapshot,
    family: String,
}

// === impl Metrics ===

impl Metrics {
    /// Reads all metrics in the process: those of this crate, and with a recorder of this crate those that the application
    /// records. A recorder of the application cannot be read: then there are only those of this crate. With thousands of series it
    /// takes milliseconds.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut taker = Taker::default();
        self.give(&mut taker);
        taker.snapshot
    }

    /// What pools, queues, databases and the process said last, by family and labels as in a snapshot.
    #[cfg(feature = "statistics")]
    pub(crate) fn samples(&self) -> BTreeMap<String, f64> {
        let mut taker = Taker::default();
        super::gather::parts::gather_sampled(self, &mut taker);
        let Snapshot {
            counters, gauges, ..
        } = taker.snapshot;
        let counters = counters.into_iter();
        let counters = counters.map(|(key, value)| (key, value as f64));
        gauges.into_iter().chain(counters).collect()
    }

    /// What the application records through the facade. Nothing if its recorder is not of this crate.
    #[cfg(all(feature = "health", feature = "statistics"))]
    pub(crate) fn application(&self) -> Snapshot {
        let mut taker = Taker::default();
        if self.is_global() {
            prometheus::give_application(&mut taker);
        }
        taker.snapshot
    }

    /// The bands by which requests are judged.
    #[cfg(any(feature = "fleet", all(feature = "health", feature = "statistics")))]
    pub(crate) fn bands(&self) -> SeverityBands {
        self.settings().bands
    }

    /// Gives all samples at this moment.
    pub(crate) fn give(&self, out: &mut dyn Samples) {
        gather(Some(self), &self.all_checks(), out);
        if self.is_global() {
            prometheus::give_application(out);
        }
    }

    /// The checks whose answers these counters publish.
    pub(super) fn all_checks(&self) -> Vec<CheckReading> {
        match self.is_global() {
            true => checks::of_process(),
            false => self.checks(),
        }
    }
}

// === impl HistogramSummary ===

impl HistogramSummary {
    pub(crate) fn of(histogram: &Histogram<'_>) -> Self {
        let count = histogram.count();
        if count == 0 {
            return Self::default();
        }
        let avg = histogram.sum / count as f64;
        let range = histogram.range.or_else(|| {
            let fine = histogram.fine.as_ref()?;
            let used = |count: &u64| *count > 0;
            let first = fine.counts.iter().position(used)?;
            let last = fine.counts.iter().rposition(used)?;
            let shown = |index| fine.bounds.shown(fine.bounds.middle(index));
            // The mean lies between them.
            Some((shown(first).min(avg), shown(last).max(avg)))
        });
        Self {
            count,
            min: range.map(|(min, _)| min),
            max: range.map(|(_, max)| max),
            sum: histogram.sum,
            avg: Some(avg),
        }
    }
}

// === impl Taker ===

impl Taker {
    fn key(&self, labels: &Labels<'_>) -> String {
        let mut key = self.family.clone();
        for (index, (name, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            // A string takes everything.
            let _ = write!(key, "{before}{name}={value:?}");
        }
        if !labels.is_empty() {
            key.push('}');
        }
        key
    }
}

impl Samples for Taker {
    fn family(&mut self, family: &Family<'_>) {
        family.name.clone_into(&mut self.family);
    }

    fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        self.snapshot.counters.insert(self.key(labels), value);
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        self.snapshot.gauges.insert(self.key(labels), value);
    }

    fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram<'_>) {
        let summary = HistogramSummary::of(histogram);
        self.snapshot.histograms.insert(self.key(labels), summary);
    }

    fn wants_fine(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::Settings, *};
    use crate::metrics::series::{Sample, SeriesKey};

    #[test]
    fn a_histogram_is_read_in_five_numbers() {
        let metrics = Settings::new().isolated().unwrap();
        for millis in [20, 20, 700] {
            let sample = Sample::of(Duration::from_millis(millis));
            metrics
                .inner
                .http
                .record(Some("/a"), SeriesKey(0, 200), sample);
        }
        let snapshot = metrics.snapshot();
        let requests = r#"http_requests_total{method="GET",endpoint="/a",status="200"}"#;
        assert_eq!(snapshot.counters[requests], 3);
        let durations = r#"http_request_duration_seconds{method="GET",endpoint="/a"}"#;
        let HistogramSummary {
            count,
            min,
            max,
            sum,
            avg,
        } = snapshot.histograms[durations];
        assert_eq!((count, sum, avg), (3, 0.74, Some(0.74 / 3.0)));
        let near = |value: Option<f64>, exact: f64| (value.unwrap() / exact - 1.0).abs() < 0.05;
        assert!(near(min, 0.02) && near(max, 0.7), "{min:?} {max:?}");
    }

    #[test]
    fn the_mean_lies_between_the_smallest_and_the_largest_value() {
        for micros in (100..100_000).step_by(777) {
            let metrics = Settings::new().isolated().unwrap();
            let sample = Sample::of(Duration::from_micros(micros));
            metrics
                .inner
                .http
                .record(Some("/a"), SeriesKey(0, 200), sample);
            let histograms = metrics.snapshot().histograms;
            let summary = histograms.values().next().unwrap();
            let (min, avg, max) = (summary.min, summary.avg, summary.max);
            assert!(min <= avg && avg <= max, "{summary:?}");
        }
    }

    #[test]
    fn a_gauge_and_a_counter_are_read_with_their_labels() {
        let metrics = Settings::new().label("region", "eu").isolated().unwrap();
        metrics.record_deployment("1.4.2", 7.0);
        let snapshot = metrics.snapshot();
        let deployed = r#"app_deployment_timestamp_seconds{version="1.4.2",region="eu"}"#;
        assert_eq!(snapshot.gauges[deployed], 7.0);
        assert_eq!(
            snapshot.counters[r#"http_requests_excluded_total{region="eu"}"#],
            0
        );
    }
}
