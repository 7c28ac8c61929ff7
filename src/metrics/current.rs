//! Reads single gauges and counters in the process, as they are published.

use std::collections::BTreeMap;

use super::{
    Metrics,
    catalog::Id,
    gather::parts::gather_gauges,
    samples::{Family, Histogram, Labels, Samples},
};

/// All gauges and counters at one moment, by the names of their families.
#[derive(Debug, Default)]
pub(crate) struct Current {
    pub(crate) gauges: BTreeMap<String, Vec<Value>>,
    pub(crate) counters: BTreeMap<String, Vec<Value>>,
    family: String,
}

/// The value of one series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// The values of one family, each with the value of its first label.
#[derive(Default)]
struct ByFirstLabel(Vec<(String, f64)>);

// === impl Metrics ===

impl Metrics {
    /// Each value of a gauge of this crate, with the value of its first label, which is empty without labels. Only gauges of checks,
    /// circuit breakers, jobs and samplers.
    pub(crate) fn gauges(&self, id: Id) -> Vec<(String, f64)> {
        let mut values = ByFirstLabel::default();
        gather_gauges(self, id, &mut values);
        values.0
    }

    /// All gauges and counters, also those that the application records. With thousands of series it takes milliseconds.
    pub(crate) fn current(&self) -> Current {
        let mut current = Current::default();
        self.give(&mut current);
        current
    }
}

// === impl Current ===

impl Samples for Current {
    fn family(&mut self, family: &Family<'_>) {
        family.name.clone_into(&mut self.family);
    }

    fn counter(&mut self, labels: &Labels<'_>, value: u64) {
        let series = self.counters.entry(self.family.clone()).or_default();
        series.push(Value::new(labels, value as f64));
    }

    fn seconds_counter(&mut self, labels: &Labels<'_>, seconds: f64) {
        let series = self.counters.entry(self.family.clone()).or_default();
        series.push(Value::new(labels, seconds));
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        let series = self.gauges.entry(self.family.clone()).or_default();
        series.push(Value::new(labels, value));
    }

    fn histogram(&mut self, _: &Labels<'_>, _: &Histogram<'_>) {}
}

// === impl Value ===

impl Value {
    fn new(labels: &Labels<'_>, value: f64) -> Self {
        let labels = labels.iter();
        Self {
            labels: labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            value,
        }
    }

    /// Whether it has at least these labels.
    pub(crate) fn has(&self, labels: &[(String, String)]) -> bool {
        let mut labels = labels.iter();
        labels.all(|(name, value)| self.labels.get(name) == Some(value))
    }
}

// === impl ByFirstLabel ===

impl Samples for ByFirstLabel {
    fn family(&mut self, _: &Family<'_>) {}

    fn counter(&mut self, _: &Labels<'_>, _: u64) {}

    fn gauge(&mut self, labels: &Labels<'_>, value: f64) {
        let first = labels.first().map_or("", |(_, value)| value);
        self.0.push((first.to_owned(), value));
    }

    fn histogram(&mut self, _: &Labels<'_>, _: &Histogram<'_>) {}
}
