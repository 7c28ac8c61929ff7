//! Shows all metrics by their flat names and by their labels.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use crate::metrics::{
    HistogramSummary, Metrics,
    samples::{Family, Histogram, Labels, Samples},
};

/// The most series with labels that are shown of each kind. Flat names are always there.
const MOST: usize = 10_000;

/// All metrics at one moment. Each family has its flat name, and each series with labels a name with them.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counted {
    /// A flat name has the sum of the series.
    counters: BTreeMap<String, Count>,
    /// A flat name is that of a gauge with no label but constant ones: values of others have no sum that means something.
    gauges: BTreeMap<String, f64>,
    /// A flat name has the values of all series. Those in seconds are there in milliseconds as well.
    histograms: BTreeMap<String, HistogramSummary>,
    timestamp: String,
    /// How many series with labels had no room. Left out if it is 0.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
}

/// The value of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Count {
    Whole(u64),
    Seconds(f64),
}

/// Takes samples.
struct Taker<'m> {
    metrics: &'m Metrics,
    counted: Counted,
    family: String,
    /// A series of the family has a label of the name of a constant one, with a value of its own.
    varies: bool,
    /// The series with labels, by kind.
    shown: [usize; 3],
}

// === impl Counted ===

impl Counted {
    /// Reads all metrics.
    pub(super) fn of(metrics: &Metrics, timestamp: String) -> Self {
        let mut taker = Taker {
            metrics,
            counted: Self::default(),
            family: String::new(),
            varies: false,
            shown: [0; 3],
        };
        metrics.give(&mut taker);
        let mut counted = taker.counted;
        counted.add_millis();
        counted.timestamp = timestamp;
        counted
    }

    /// Adds what is in seconds in milliseconds, unless the application has a metric of that name.
    fn add_millis(&mut self) {
        let seconds = self.histograms.iter().filter_map(|(name, summary)| {
            let (family, labels) = name.split_at(name.find('{').unwrap_or(name.len()));
            let family = family.strip_suffix("_seconds")?;
            Some((format!("{family}_ms{labels}"), in_millis(*summary)))
        });
        let millis: Vec<_> = seconds.collect();
        for (name, summary) in millis {
            self.histograms.entry(name).or_insert(summary);
        }
    }
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

const fn in_millis(summary: HistogramSummary) -> HistogramSummary {
    const fn millis(seconds: Option<f64>) -> Option<f64> {
        match seconds {
            Some(seconds) => Some(seconds * 1_000.0),
            None => None,
        }
    }
    HistogramSummary {
        count: summary.count,
        min: millis(summary.min),
        max: millis(summary.max),
        sum: summary.sum * 1_000.0,
        avg: millis(summary.avg),
    }
}

// === impl Count ===

impl Count {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.wrapping_add(other)),
            (one, other) => Self::Seconds(one.value() + other.value()),
        }
    }

    fn value(self) -> f64 {
        match self {
            Self::Whole(count) => count as f64,
            Self::Seconds(seconds) => seconds,
        }
    }
}

// === impl Taker ===

impl Taker<'_> {
    /// The name of a series with its labels, if there are any and there is room.
    fn labelled(&mut self, kind: usize, labels: &Labels<'_>) -> Option<String> {
        if labels.is_empty() {
            return None;
        }
        if self.shown[kind] == MOST {
            self.counted.left_out += 1;
            return None;
        }
        self.shown[kind] += 1;
        let mut name = self.family.clone();
        for (index, (label, value)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            // A string takes everything.
            let _ = write!(name, "{before}{label}={value:?}");
        }
        name.push('}');
        Some(name)
    }

    fn count(&mut self, labels: &Labels<'_>, count: Count) {
        if let Some(name) = self.labelled(0, labels) {
            self.counted.counters.insert(name, count);
        }
        let sum = self.counted.counters.entry(self.family.clone());
        sum.and_modify(|sum| *sum = sum.plus(count))
            .or_insert(count);
    }
}

impl Samples for Taker<'_> {
    fn family(&mut self, family: &Family<'_>) {
        family.name.clone_into(&mut self.family);
        self.varies = false;
    }

    fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        self.count(labels, Count::Whole(value));
    }

    fn seconds_counter(&mut self, labels: &Labels<'_>, seconds: f64) {
        self.count(labels, Count::Seconds(seconds));
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        if let Some(name) = self.labelled(1, labels) {
            self.counted.gauges.insert(name, value);
        }
        let settings = self.metrics.settings();
        // Labels by these names whose values differ are no constant ones: the value of one series would be taken for all.
        let is_constant = labels.iter().try_fold(true, |same, (name, value)| {
            Some(same & (settings.constant_label(name)? == *value))
        });
        match is_constant {
            Some(true) if !self.varies => {
                self.counted.gauges.insert(self.family.clone(), value);
            }
            Some(false) => {
                self.varies = true;
                self.counted.gauges.remove(&self.family);
            }
            _ => {}
        }
    }

    fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram<'_>) {
        let summary = HistogramSummary::of(histogram);
        if let Some(name) = self.labelled(2, labels) {
            self.counted.histograms.insert(name, summary);
        }
        let all = self.counted.histograms.entry(self.family.clone());
        all.and_modify(|all| *all = both(*all, summary))
            .or_insert(summary);
    }

    fn wants_fine(&self) -> bool {
        true
    }
}

/// The values of two series.
fn both(one: HistogramSummary, other: HistogramSummary) -> HistogramSummary {
    let of_both = |choose: fn(f64, f64) -> f64, a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some(choose(a, b)),
        (one, other) => one.or(other),
    };
    let count = one.count.wrapping_add(other.count);
    let sum = one.sum + other.sum;
    HistogramSummary {
        count,
        min: of_both(f64::min, one.min, other.min),
        max: of_both(f64::max, one.max, other.max),
        sum,
        avg: (count > 0).then(|| sum / count as f64),
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::Settings;

    fn shown(metrics: &Metrics) -> Value {
        serde_json::to_value(Counted::of(metrics, "now".to_owned())).unwrap()
    }

    fn record(metrics: &Metrics, endpoint: &'static str, status: u16, millis: u64) {
        let took = std::time::Duration::from_millis(millis);
        let status = StatusCode::from_u16(status).unwrap();
        metrics.record_request(&Method::GET, endpoint, status, took);
    }

    #[test]
    fn a_flat_counter_is_the_sum_over_its_series() {
        let metrics = Settings::new().isolated().unwrap();
        record(&metrics, "/a", 200, 20);
        record(&metrics, "/a", 500, 20);
        record(&metrics, "/b", 200, 20);
        let shown = shown(&metrics);
        let counters = &shown["counters"];
        assert_eq!(counters["http_requests_total"], 3);
        let of_a = r#"http_requests_total{method="GET",endpoint="/a",status="500"}"#;
        assert_eq!(counters[of_a], 1);
        assert_eq!(shown["timestamp"], "now");
        assert_eq!(shown["left_out"], Value::Null);
    }

    #[test]
    fn durations_are_shown_in_seconds_and_in_milliseconds() {
        let metrics = Settings::new().isolated().unwrap();
        record(&metrics, "/a", 200, 20);
        record(&metrics, "/b", 200, 60);
        let shown = shown(&metrics);
        let histograms = &shown["histograms"];
        let seconds = &histograms["http_request_duration_seconds"];
        let millis = &histograms["http_request_duration_ms"];
        assert_eq!(
            (&seconds["count"], &millis["count"]),
            (&json!(2), &json!(2))
        );
        assert_eq!(
            (&seconds["sum"], &seconds["avg"]),
            (&json!(0.08), &json!(0.04))
        );
        assert_eq!(
            (&millis["sum"], &millis["avg"]),
            (&json!(80.0), &json!(40.0))
        );
        let near = |value: &Value, exact: f64| (value.as_f64().unwrap() / exact - 1.0).abs() < 0.05;
        assert!(
            near(&millis["min"], 20.0) && near(&millis["max"], 60.0),
            "{millis}"
        );
        let of_b = r#"http_request_duration_ms{method="GET",endpoint="/b"}"#;
        assert_eq!(histograms[of_b]["sum"], 60.0);
    }

    #[test]
    fn a_gauge_is_flat_without_labels_or_with_constant_ones_only() {
        let metrics = Settings::new().label("region", "eu").isolated().unwrap();
        metrics.record_deployment("1.4.2", 7.0);
        let shown = shown(&metrics);
        let gauges = &shown["gauges"];
        assert_eq!(gauges["http_requests_in_flight"], 0.0);
        assert_eq!(gauges[r#"http_requests_in_flight{region="eu"}"#], 0.0);
        let deployed = r#"app_deployment_timestamp_seconds{version="1.4.2",region="eu"}"#;
        assert_eq!(gauges[deployed], 7.0);
        assert_eq!(gauges["app_deployment_timestamp_seconds"], Value::Null);
    }

    #[test]
    fn a_gauge_with_its_own_values_of_a_constant_label_is_not_flat() {
        let metrics = Settings::new().label("region", "eu").isolated().unwrap();
        for regions in [&["us", "de"][..], &["eu", "us"], &["us", "eu"]] {
            let mut taker = Taker {
                metrics: &metrics,
                counted: Counted::default(),
                family: "conns".to_owned(),
                varies: false,
                shown: [0; 3],
            };
            for region in regions {
                taker.gauge(&[("region", region)], 7.0);
            }
            let gauges = &taker.counted.gauges;
            assert_eq!(gauges.get("conns"), None, "{regions:?}");
            assert_eq!(gauges.len(), 2, "{regions:?}");
        }
        let mut taker = Taker {
            metrics: &metrics,
            counted: Counted::default(),
            family: "conns".to_owned(),
            varies: false,
            shown: [0; 3],
        };
        taker.gauge(&[("region", "eu")], 7.0);
        taker.gauge(&[("region", "eu"), ("pool", "a")], 8.0);
        assert_eq!(taker.counted.gauges.get("conns"), Some(&7.0));
    }
}
