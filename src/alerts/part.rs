//! Tells rules that each instance evaluates from those of the whole fleet.

use super::{
    checked::CheckedRule,
    fingerprint::Labels,
    signal::{Gauge, Kind, Signal},
};

/// The label of the instance that evaluates a rule for itself.
const INSTANCE: &str = "instance";

/// Some of the rules of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them: the service is no fleet.
    All,
    /// Those that each instance evaluates over its own numbers.
    Local,
    /// Those that one instance evaluates for all.
    Fleet,
}

// === impl Part ===

impl Part {
    pub(crate) fn has(self, rule: &CheckedRule) -> bool {
        match self {
            Self::All => true,
            Self::Local => rule.instance.is_some(),
            Self::Fleet => rule.instance.is_none(),
        }
    }
}

// === impl Signal ===

impl Signal {
    /// Whether each instance has a number of its own: a sum over a fleet would say nothing.
    pub(crate) const fn is_of_each_instance(&self) -> bool {
        match self.kind {
            Kind::InFlight | Kind::Own(_) => true,
            // A job that one of them ran has run for all.
            Kind::Now(gauge) => !matches!(gauge, Gauge::JobAgeSeconds),
            _ => false,
        }
    }
}

// === impl CheckedRule ===

impl CheckedRule {
    /// Adds the instance, if the rule is of one. Else all instances would have one alert. A label of the application that has
    /// this name gets `exported_` before it.
    pub(crate) fn mark(&self, labels: &mut Labels) {
        let Some(instance) = &self.instance else {
            return;
        };
        let own = labels.insert(INSTANCE.to_owned(), instance.as_ref().to_owned());
        if let Some(own) = own.filter(|own| **own != **instance) {
            labels.insert(format!("exported_{INSTANCE}"), own);
        }
    }
}
