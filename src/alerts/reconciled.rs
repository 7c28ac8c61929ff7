//! Brings together what instances of a fleet saw and told while they were alone, once they reach each other again.

use std::{collections::BTreeMap, mem, time::Duration};

use super::{
    engine::Engine, fingerprint::Fingerprint, fleet_part::Together, part::Part,
    stored_fleet::StoredFleet, tracked::Tracked,
};

// === impl Engine ===

impl Engine {
    /// Evaluates the rules of the fleet for this instance alone from now on. One that was in charge goes on to tell of all alerts.
    pub(crate) fn go_alone(&mut self, was_in_charge: bool) {
        self.fleet.is_alone = true;
        self.fleet.together = Together::new(self.fleet.at, self.stored_alerts(Part::Fleet));
        if was_in_charge {
            self.each_firing(|firing| firing.is_own = firing.is_told);
        }
    }

    /// What ended, and this instance told that, since the fleet had all of what it knows: with when that was.
    pub(crate) fn take_ended(&mut self) -> Vec<(Fingerprint, Duration)> {
        mem::take(&mut self.fleet.ended_here).into_iter().collect()
    }

    /// Another instance told that an alert ended at this time. Unless somebody was told later that it fires, people think that it is
    /// over: if it fires, they are told anew, and if it has ended, they are not told that again.
    pub(crate) fn ended_elsewhere(&mut self, ended: Fingerprint, at: Duration) {
        let now = self.fleet.at.unwrap_or_default();
        let all = self.rules.iter().zip(&mut self.alerts);
        for (rule, alerts) in all.filter(|(rule, _)| Part::Fleet.has(rule)) {
            let all = alerts.iter_mut();
            let found = all.filter(|(labels, _)| Fingerprint::of(&rule.name, labels) == ended);
            found.for_each(|(_, tracked)| tracked.end_was_told(at, now));
        }
        let unknown = self.fleet.unknown.iter_mut();
        for one in unknown.filter(|one| one.alert.fingerprint() == ended) {
            // Its times were counted on until then.
            one.alert.tracked.end_was_told(at, one.since);
        }
    }

    /// Who was in charge meanwhile told that these alerts ended. What this instance told alone has its end told by this instance.
    pub(super) fn ended_in_fleet(&mut self, ends: &BTreeMap<Fingerprint, Duration>) {
        let now = self.fleet.at.unwrap_or_default();
        let end = |ended: Fingerprint, tracked: &mut Tracked, now| {
            let firing = tracked.firing.as_ref().filter(|firing| !firing.is_own);
            if let Some(at) = firing.and_then(|_| ends.get(&ended)) {
                tracked.end_was_told(*at, now);
            }
        };
        let all = self.rules.iter().zip(&mut self.alerts);
        for (rule, alerts) in all.filter(|(rule, _)| Part::Fleet.has(rule)) {
            for (labels, tracked) in alerts {
                end(Fingerprint::of(&rule.name, labels), tracked, now);
            }
        }
        for one in &mut self.fleet.unknown {
            end(one.alert.fingerprint(), &mut one.alert.tracked, one.since);
        }
    }

    /// Goes on with what was pending before this instance was alone: its own numbers say nothing about those of all. What was not
    /// judged together for longer than `most` begins anew.
    pub(super) fn go_on_pending(
        &mut self,
        stored: Option<&StoredFleet>,
        now: Duration,
        most: Duration,
    ) {
        let mut together = mem::take(&mut self.fleet.together);
        if let Some(stored) = stored.filter(|stored| stored.at() > together.at) {
            together = Together::new(stored.at(), stored.alerts.known.clone());
        }
        let Some(at) = together.at else { return };
        if now.saturating_sub(at) > most {
            return;
        }
        let alone = self
            .fleet
            .at
            .map_or(Duration::ZERO, |own| own.saturating_sub(at));
        for alert in together.pending {
            if self.fleet.ended_here.contains_key(&alert.fingerprint()) {
                continue;
            }
            if let Some(alerts) = self.place(&alert.rule) {
                let (labels, tracked) = alert.into_tracked();
                let own: &mut Tracked = alerts.entry(labels).or_default();
                own.go_on_pending(tracked, alone);
            }
        }
    }
}
