//! An instance that told people of an alert of the fleet by itself tells its end, too.

use std::{collections::BTreeMap, time::Duration};

use super::{
    alert::{Alert, Transition},
    engine::Engine,
    fingerprint::Fingerprint,
    part::Part,
};

// === impl Engine ===

impl Engine {
    /// Remembers of which alerts this instance must tell the end.
    pub(super) fn promise(&mut self) {
        let all = self.rules.iter().zip(&self.alerts);
        for (rule, alerts) in all.filter(|(rule, _)| Part::Fleet.has(rule)) {
            for (labels, tracked) in alerts {
                if tracked.firing.as_ref().is_some_and(|one| one.is_own) {
                    let alert = Alert::new(rule, labels, tracked);
                    self.fleet.promised.insert(alert.fingerprint, alert);
                }
            }
        }
    }

    /// Tells the ends that were promised, of what fires no more. What fires and is told has its end told by who is in charge.
    pub(super) fn keep_promises(&mut self, now: Duration) -> Vec<Transition> {
        if self.fleet.promised.is_empty() {
            return Vec::new();
        }
        let firing = self.told_in_fleet();
        let mut ends = Vec::new();
        for (fingerprint, alert) in std::mem::take(&mut self.fleet.promised) {
            match firing.get(&fingerprint) {
                Some(true) => {}
                Some(false) => {
                    self.fleet.promised.insert(fingerprint, alert);
                }
                None => ends.push(self.fleet.end_of(alert, now)),
            }
        }
        ends
    }

    /// The alerts of the fleet that fire, and whether somebody was told.
    fn told_in_fleet(&self) -> BTreeMap<Fingerprint, bool> {
        let mut all = self.stored_alerts(Part::Fleet);
        all.extend(self.fleet.unknown.iter().map(|one| one.alert.clone()));
        let firing = all.iter().filter_map(|alert| {
            let firing = alert.tracked.firing.as_ref()?;
            Some((alert.fingerprint(), firing.is_told))
        });
        firing.collect()
    }

    /// The alerts whose end is still promised fire here, and are told: by this instance.
    pub(super) fn tell_promised(&mut self) {
        for fingerprint in std::mem::take(&mut self.fleet.promised).into_keys() {
            self.set_told(fingerprint);
        }
    }

    fn set_told(&mut self, fingerprint: Fingerprint) {
        for (rule, alerts) in self.rules.iter().zip(&mut self.alerts) {
            for (labels, tracked) in alerts {
                if Fingerprint::of(&rule.name, labels) == fingerprint
                    && let Some(firing) = &mut tracked.firing
                {
                    firing.is_told = true;
                    // If that cannot be written down, the end is still promised.
                    firing.is_own = true;
                }
            }
        }
    }
}
