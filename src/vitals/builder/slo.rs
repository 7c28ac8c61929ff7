//! Adds objectives.

use super::VitalsBuilder;
use crate::generate::Slo;

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Adds an objective, for which [rules are generated](crate::generate). Defaults to none. [`build`](Self::build) checks it.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
    pub fn slo(mut self, slo: Slo) -> Self {
        self.slos.push(slo);
        self
    }
}
