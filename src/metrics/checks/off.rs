//! Stands in for health checks without feature `health`: there are none.

use super::{Metrics, one_family::OneFamily};

/// There is none.
#[derive(Clone, Debug)]
pub(crate) struct CheckReading {
    pub(super) name: &'static str,
    pub(super) status: f64,
    pub(super) last_success: Option<f64>,
    pub(super) latencies: Latencies,
    pub(super) certificates: Vec<(std::sync::Arc<str>, f64)>,
}

/// There are none.
#[derive(Clone, Debug)]
pub(super) struct Latencies;

// === impl Metrics ===

impl Metrics {
    pub(super) const fn checks(&self) -> Vec<CheckReading> {
        Vec::new()
    }
}

// === impl Latencies ===

impl Latencies {
    pub(super) const fn give(&self, _: &mut OneFamily<'_>, _: &str) {}
}

pub(super) const fn of_process() -> Vec<CheckReading> {
    Vec::new()
}
