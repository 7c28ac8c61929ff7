//! Describes numbers that only the application knows.

use std::{fmt, sync::Arc};

use super::unit::SignalUnit;

/// Counters of the application, summed: those with this name and at least these labels.
///
/// It has the name that `/metrics` shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CounterOf {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
}

/// What the application asks or records.
#[derive(Clone)]
pub(crate) enum Own {
    /// Asked at each evaluation.
    Asked {
        name: String,
        unit: SignalUnit,
        ask: Arc<dyn Fn() -> Option<f64> + Send + Sync>,
    },
    /// Each series of a gauge.
    Gauge {
        name: String,
        labels: Vec<(String, String)>,
    },
    /// What share of one counter the other one is.
    Share {
        name: String,
        part: CounterOf,
        whole: CounterOf,
    },
}

// === impl CounterOf ===

impl CounterOf {
    /// All counters with this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            labels: Vec::new(),
        }
    }

    /// Only those with this label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }
}

// === impl Own ===

impl Own {
    pub(crate) fn name(&self) -> &str {
        let (Self::Asked { name, .. } | Self::Gauge { name, .. } | Self::Share { name, .. }) = self;
        name
    }

    pub(crate) const fn unit(&self) -> SignalUnit {
        match self {
            Self::Asked { unit, .. } => *unit,
            Self::Gauge { .. } => SignalUnit::Count,
            Self::Share { .. } => SignalUnit::Percent,
        }
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Own").field(&self.name()).finish()
    }
}
