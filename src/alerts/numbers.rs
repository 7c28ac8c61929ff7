//! Says from what signals are computed.

use std::time::Duration;

use super::{fingerprint::Labels, own::CounterOf, signal::Gauge};
use crate::{metrics::bounds::Bounds, window::Sums};

/// What is known of a service at one moment. Both of its clocks stand still while it is asked.
pub(crate) trait Numbers {
    /// The wall time since 1970.
    fn now(&self) -> Duration;

    /// What was counted between two wall times since 1970. With `None`, until now: its beginning is never later than asked.
    /// `durations` says whether times are asked for, too: they take most of the work.
    fn counted(&self, from: Duration, to: Option<Duration>, durations: bool) -> Sums;

    /// How much of the last day was observed, also by an earlier process.
    fn observed(&self) -> Duration;

    /// The length of the shortest slot of the window.
    fn slot(&self) -> Duration;

    /// The buckets of the durations.
    fn bounds(&self) -> &Bounds;

    /// The requests that began and have not ended.
    fn in_flight(&self) -> u64;

    /// When the service was deployed last, as wall time since 1970.
    fn deployed(&self) -> Option<Duration>;

    /// Each number of this kind, by the value of its label. Of a number that has no label, the name means nothing.
    fn gauge(&self, gauge: Gauge) -> Vec<(String, f64)>;

    /// Each series of a gauge of the application that has at least these labels.
    fn gauges_of(&self, name: &str, labels: &[(String, String)]) -> Vec<(Labels, f64)>;

    /// The sum of all counters of the application with this name that have at least its labels. `None` if there is none.
    fn counter(&self, counter: &CounterOf) -> Option<f64>;
}
