//! What a family of metrics holds at one moment, and who takes it: a text, a recorder, a snapshot, a log.

use super::bounds::Bounds;

/// A family of metrics, as it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Family<'a> {
    /// A name that Prometheus takes.
    pub(crate) name: &'a str,
    pub(crate) kind: Kind,
    pub(crate) unit: Option<Unit>,
    pub(crate) help: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    Seconds,
    Bytes,
}

/// Names and values of labels, in the order in which they are shown. A name is there once. Values can hold anything.
pub(crate) type Labels<'a> = [(&'a str, &'a str)];

/// Takes samples, family by family.
pub(crate) trait Samples {
    /// Begins a family. What follows belongs to it, and each family begins once.
    fn family(&mut self, family: &Family<'_>);

    fn counter(&mut self, labels: &Labels<'_>, value: u64);

    /// A counter of seconds. Who takes only whole numbers gets whole seconds.
    fn seconds_counter(&mut self, labels: &Labels<'_>, seconds: f64) {
        self.counter(labels, seconds as u64);
    }

    fn gauge(&mut self, labels: &Labels<'_>, value: f64);

    fn histogram(&mut self, labels: &Labels<'_>, histogram: &Histogram<'_>);

    /// Whether histograms of this crate come with what they were counted by. It takes ten times the memory.
    fn wants_fine(&self) -> bool {
        false
    }
}

/// A histogram at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histogram<'a> {
    /// The upper edges of the buckets, ascending. One more bucket is above them all.
    pub(crate) edges: &'a [f64],
    /// The count of each bucket, not cumulative: one more than edges.
    pub(crate) counts: &'a [u64],
    pub(crate) sum: f64,
    /// The smallest and the largest value, if they are known.
    pub(crate) range: Option<(f64, f64)>,
    /// The last example of each bucket. Empty if none is kept.
    pub(crate) exemplars: &'a [Option<Exemplar>],
    /// What the counts were made from, if this is a histogram of this crate.
    pub(crate) fine: Option<Fine<'a>>,
}

/// The counts of a histogram of this crate, in whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fine<'a> {
    pub(crate) bounds: &'a Bounds,
    /// The count of each bucket, not cumulative.
    pub(crate) counts: &'a [u64],
    /// In nanoseconds or bytes.
    pub(crate) sum: u64,
}

/// One observation, and the trace in which it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exemplar {
    /// 32 lower-case hexadecimal digits.
    pub(crate) trace_id: [u8; 32],
    pub(crate) value: f64,
    /// Seconds since 1970.
    pub(crate) at: f64,
}

// === impl Kind ===

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }

    /// What follows the name of a family in the names of its samples. No other family may have one of these names.
    pub(crate) const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge => &[""],
            // OpenMetrics keeps the last one for the time at which a histogram was made.
            Self::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        }
    }
}

// === impl Histogram ===

impl Histogram<'_> {
    pub(crate) fn count(&self) -> u64 {
        let counts = self.counts.iter();
        counts.fold(0, |sum, count| sum.wrapping_add(*count))
    }
}
