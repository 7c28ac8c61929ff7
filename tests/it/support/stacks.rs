//! Builds stacks that count for one test alone.

use tower_vitals::{Vitals, health::HealthService};

/// A stack whose numbers no other test changes.
pub(crate) fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

/// The same, with probes.
pub(crate) fn with_health(health: HealthService) -> Vitals {
    let builder = Vitals::builder().isolated();
    builder.health(health).build().unwrap()
}
