//! Describes a metric that the application records.

use std::collections::BTreeSet;

use crate::metrics::{
    Recorded,
    samples::{Kind, Unit},
};

/// A metric that the application records, for the [dashboards](crate::generate::Generated::dashboards) of a step of a build. A running service
/// knows its own.
///
/// ```
/// use tower_vitals::{
///     alerts::Alerts,
///     generate::{Generated, OwnMetric},
///     metrics::Settings,
/// };
///
/// let orders = OwnMetric::counter("orders_created_total").labels(["channel"]);
/// let generated = Generated::new(Alerts::default(), &Settings::new())?.metric(orders);
/// let business = &generated.dashboards()[1];
/// let query = "sum by (channel) (increase(orders_created_total{";
/// assert!(business.json().contains(query));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnMetric(pub(super) Recorded);

// === impl OwnMetric ===

impl OwnMetric {
    /// A counter with this name, as `/metrics` shows it.
    #[must_use]
    pub fn counter(name: impl Into<String>) -> Self {
        Self::new(name.into(), Kind::Counter)
    }

    /// A gauge.
    #[must_use]
    pub fn gauge(name: impl Into<String>) -> Self {
        Self::new(name.into(), Kind::Gauge)
    }

    /// A histogram.
    #[must_use]
    pub fn histogram(name: impl Into<String>) -> Self {
        Self::new(name.into(), Kind::Histogram)
    }

    /// The names of the labels that each of its series has. Defaults to none.
    #[must_use]
    pub fn labels<L: Into<String>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.0.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// What it tells, in a sentence. Defaults to nothing.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = help.into();
        self
    }

    pub(in crate::generate) fn name(&self) -> &str {
        &self.0.name
    }

    fn new(name: String, kind: Kind) -> Self {
        Self(Recorded {
            name,
            kind,
            unit: None,
            help: String::new(),
            labels: BTreeSet::new(),
        })
    }

    /// The unit of its numbers in Grafana.
    pub(super) fn unit(&self) -> &'static str {
        let name = &self.0.name;
        let base = name.strip_suffix("_total").unwrap_or(name);
        match self.0.unit {
            Some(Unit::Seconds) => return "s",
            Some(Unit::Bytes) => return "bytes",
            None => {}
        }
        let by_suffix = [
            ("_seconds", "s"),
            ("_bytes", "bytes"),
            ("_ms", "ms"),
            ("_milliseconds", "ms"),
            ("_ratio", "percentunit"),
            ("_percent", "percent"),
        ];
        let found = by_suffix.iter().find(|(suffix, _)| base.ends_with(suffix));
        found.map_or("short", |(_, unit)| unit)
    }
}
