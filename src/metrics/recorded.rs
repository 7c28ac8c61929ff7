//! Tells which metrics the application records.

use std::collections::BTreeSet;

use super::{
    Metrics, prometheus,
    samples::{Family, Histogram, Kind, Labels, Samples, Unit},
};

/// A metric of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// As `/metrics` shows it.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<Unit>,
    pub(crate) help: String,
    /// Those that each of its series has.
    pub(crate) labels: BTreeSet<String>,
}

/// Takes what is recorded.
#[derive(Debug, Default)]
struct Taker {
    all: Vec<Recorded>,
    /// Whether the last family has a series already.
    has_series: bool,
}

// === impl Metrics ===

impl Metrics {
    /// What the application has recorded until now, in the order of the names. Nothing if its recorder is not one of this crate, or
    /// these counters are isolated.
    pub(crate) fn recorded(&self) -> Vec<Recorded> {
        let mut taker = Taker::default();
        if self.is_global() {
            prometheus::give_application(&mut taker);
        }
        taker.all
    }
}

// === impl Taker ===

impl Taker {
    fn series(&mut self, labels: &Labels<'_>) {
        let names: BTreeSet<_> = labels.iter().map(|(name, _)| (*name).to_owned()).collect();
        if let Some(family) = self.all.last_mut() {
            match self.has_series {
                true => family.labels.retain(|label| names.contains(label)),
                false => family.labels = names,
            }
        }
        self.has_series = true;
    }
}

impl Samples for Taker {
    fn family(&mut self, family: &Family<'_>) {
        self.has_series = false;
        self.all.push(Recorded {
            name: family.name.to_owned(),
            kind: family.kind,
            unit: family.unit,
            help: family.help.to_owned(),
            labels: BTreeSet::new(),
        });
    }

    fn counter(&mut self, labels: &Labels<'_>, _: u64) {
        self.series(labels);
    }

    fn gauge(&mut self, labels: &Labels<'_>, _: f64) {
        self.series(labels);
    }

    fn histogram(&mut self, labels: &Labels<'_>, _: &Histogram<'_>) {
        self.series(labels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_has_the_labels_that_each_of_its_series_has() {
        let mut taker = Taker::default();
        for name in ["orders", "views"] {
            taker.family(&Family {
                name,
                kind: Kind::Counter,
                unit: None,
                help: "",
            });
            taker.counter(&[("channel", "web"), ("tenant", "a")], 1);
            if name == "orders" {
                taker.counter(&[("channel", "app")], 1);
            }
        }
        let labels: Vec<_> = taker.all.iter().map(|one| one.labels.clone()).collect();
        let of = |labels: &[&str]| labels.iter().map(|one| (*one).to_owned()).collect();
        assert_eq!(labels, [of(&["channel"]), of(&["channel", "tenant"])]);
    }
}
