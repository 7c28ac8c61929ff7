//! Makes alerts that a test lets fire.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tower_vitals::alerts::{AlertSeverity, Alerts, Rule, Signal, SignalUnit};

/// A switch that breaks a rule.
#[derive(Clone, Default)]
pub(crate) struct Broken(Arc<AtomicBool>);

impl Broken {
    pub(crate) fn set(&self, broken: bool) {
        self.0.store(broken, Ordering::Relaxed);
    }

    /// One rule, whose alert fires at the first evaluation that finds it broken.
    pub(crate) fn alerts(&self) -> Alerts {
        let broken = self.clone();
        let ask = move || {
            Some(if broken.0.load(Ordering::Relaxed) {
                6.5
            } else {
                1.0
            })
        };
        let rule = Rule::new("too_hot", Signal::asked("heat", SignalUnit::Count, ask))
            .above(5.0)
            .pending_for(Duration::ZERO)
            .keep_firing_for(Duration::ZERO)
            .severity(AlertSeverity::Critical);
        Alerts::none().rule(rule)
    }
}
