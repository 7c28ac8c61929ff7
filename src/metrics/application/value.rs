//! Makes the value of a series, and the handles through which the application changes it.

use std::sync::{Arc, atomic::AtomicU64};

use metrics::{Counter, Gauge, Histogram};

use super::{
    super::samples::{Kind, Labels, Samples},
    distribution::Distribution,
    dropped::{Dropped, Overflowed},
    number::{Count, Level},
};

/// The value of a series.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Counter(Arc<Count>),
    Gauge(Arc<Level>),
    Histogram(Arc<Distribution>),
}

/// What the application gets for a series.
#[derive(Clone, Debug)]
pub(super) enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// What the values of a family have in common.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) kind: Kind,
    /// The upper edges of the buckets of histograms.
    pub(super) edges: Arc<[f64]>,
    pub(super) dropped: Arc<Dropped>,
}

// === impl Value ===

impl Value {
    pub(super) fn handle(&self) -> Handle {
        match self {
            Self::Counter(count) => Handle::Counter(Counter::from_arc(Arc::clone(count))),
            Self::Gauge(level) => Handle::Gauge(Gauge::from_arc(Arc::clone(level))),
            Self::Histogram(counts) => Handle::Histogram(Histogram::from_arc(Arc::clone(counts))),
        }
    }

    /// A handle that also counts how often it is used.
    pub(super) fn overflow_handle(&self, recordings: &Arc<AtomicU64>) -> Handle {
        match self {
            Self::Counter(count) => {
                Handle::Counter(Counter::from_arc(overflowed(count, recordings)))
            }
            Self::Gauge(level) => Handle::Gauge(Gauge::from_arc(overflowed(level, recordings))),
            Self::Histogram(counts) => {
                Handle::Histogram(Histogram::from_arc(overflowed(counts, recordings)))
            }
        }
    }

    /// Gives the value of this moment.
    pub(super) fn give(&self, labels: &Labels<'_>, out: &mut dyn Samples) {
        match self {
            Self::Counter(count) => out.counter(labels, count.get()),
            Self::Gauge(level) => out.gauge(labels, level.get()),
            Self::Histogram(counts) => counts.read(|histogram| out.histogram(labels, histogram)),
        }
    }
}

fn overflowed<T>(value: &Arc<T>, recordings: &Arc<AtomicU64>) -> Arc<Overflowed<T>> {
    Arc::new(Overflowed {
        value: Arc::clone(value),
        recordings: Arc::clone(recordings),
    })
}

// === impl Handle ===

impl Handle {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Histogram(_) => Kind::Histogram,
        }
    }
}

// === impl Model ===

impl Model {
    pub(super) fn make(&self) -> Value {
        match self.kind {
            Kind::Counter => Value::Counter(Arc::default()),
            Kind::Gauge => Value::Gauge(Arc::new(Level::new(Arc::clone(&self.dropped)))),
            Kind::Histogram => {
                let (edges, dropped) = (Arc::clone(&self.edges), Arc::clone(&self.dropped));
                Value::Histogram(Arc::new(Distribution::new(edges, dropped)))
            }
        }
    }
}
