//! Carries the alerts of a fleet from instance to instance.

use std::{
    collections::{BTreeMap, HashSet},
    mem,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    alert::Transition,
    engine::Engine,
    fingerprint::{Fingerprint, Labels},
    fleet_part::Later,
    history::History,
    part::Part,
    readable::Readable,
    stored_alert::{StoredAlert, Unknown},
    tracked::{Firing, Tracked},
    wall_clock::Step,
};

/// How long an alert is kept by instances that do not have its rule. During a rolling deployment, one that has it may go on.
const UNKNOWN_FOR: Duration = Duration::from_secs(15 * 60);

/// The alerts of a fleet, as another instance goes on with them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredFleet {
    /// When they were stepped last, in the time of the fleet.
    pub(super) at: Option<Duration>,
    pub(super) alerts: Readable<StoredAlert>,
    /// Those of rules that the last one who stepped them does not have.
    pub(super) unknown: Readable<Unknown>,
    pub(super) history: History,
    /// The value of each rule that has one.
    pub(super) values: BTreeMap<String, f64>,
    /// What a later version wrote.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

// === impl StoredFleet ===

impl StoredFleet {
    /// When they were stepped last, in the time of the fleet.
    pub(crate) const fn at(&self) -> Option<Duration> {
        self.at
    }

    /// What others go on with: nothing in it is of one instance.
    pub(crate) fn of_all(mut self) -> Self {
        let firing = self.alerts.known.iter_mut();
        let firing = firing.filter_map(|alert| alert.tracked.firing.as_mut());
        firing.for_each(|firing| firing.is_own = false);
        self
    }

    /// The instance that reads this tells the ends of these alerts.
    pub(super) fn promise(&mut self, is_promised: impl Fn(&Fingerprint) -> bool) {
        let firing = self.alerts.known.iter_mut();
        let firing = firing.filter(|alert| is_promised(&alert.fingerprint()));
        let firing = firing.filter_map(|alert| alert.tracked.firing.as_mut());
        firing.for_each(|firing| firing.is_own = true);
    }

    /// What has room in so many bytes of JSON. The oldest entries of the history go first, those of what fires after
    /// the others, then alerts of which nobody was told, and with them those without a rule.
    pub(crate) fn within(mut self, bytes: usize) -> Self {
        let has_room = |stored: &Self| {
            let json = serde_json::to_vec(stored);
            json.is_ok_and(|json| json.len() <= bytes)
        };
        self.alerts
            .known
            .sort_by_key(|alert| !alert.tracked.is_told());
        while !has_room(&self) && (self.history.forget_half() || self.forget_half()) {}
        self
    }

    /// Forgets the latter half of the alerts. Returns `false` if there was none.
    fn forget_half(&mut self) -> bool {
        let (known, unknown) = (&mut self.alerts.known, &mut self.unknown.known);
        let are_any = !known.is_empty() || !unknown.is_empty();
        known.truncate(known.len() / 2);
        unknown.truncate(unknown.len() / 2);
        are_any
    }

    /// A clock that was ahead wrote times that are still to come. All of them move back, so that the last one is now.
    pub(crate) fn not_after(mut self, now: Duration) -> Self {
        let Some(back) = self.at.and_then(|at| at.checked_sub(now)) else {
            return self;
        };
        let step = Step::Back(back);
        step.apply(&mut self.at);
        self.history.shift(step);
        for alert in &mut self.alerts.known {
            alert.tracked.shift(step);
        }
        for unknown in &mut self.unknown.known {
            unknown.shift(step);
        }
        self
    }
}

// === impl Engine ===

impl Engine {
    /// What another instance needs to go on with the alerts of the fleet.
    pub(crate) fn stored_fleet(&self) -> StoredFleet {
        let values = self.rules.iter().zip(&self.values);
        let values = values.filter(|(rule, _)| Part::Fleet.has(rule));
        StoredFleet {
            at: self.fleet.at,
            alerts: Readable {
                known: self.stored_alerts(Part::Fleet),
                other: self.fleet.later.alerts.clone(),
            },
            unknown: Readable {
                known: self.fleet.unknown.clone(),
                other: self.fleet.later.unknown.clone(),
            },
            history: self.fleet.history.clone(),
            values: values
                .filter_map(|(rule, value)| Some((rule.name.as_ref().to_owned(), (*value)?)))
                .collect(),
            more: self.fleet.later.more.clone(),
        }
    }

    /// Shows the alerts of the fleet as another instance has them. Gives the ends that this one tells.
    pub(crate) fn mirror(&mut self, stored: StoredFleet, now: Duration) -> Vec<Transition> {
        self.promise();
        self.put(stored);
        self.fleet.forget_alone();
        self.keep_promises(now)
    }

    /// Goes on with the alerts of the fleet, of which this instance is now in charge. The newer state wins. Gives the ends that
    /// are to be told. What nobody judged together for longer than `most` does not count as pending.
    pub(crate) fn succeed(
        &mut self,
        stored: Option<StoredFleet>,
        now: Duration,
        most: Duration,
    ) -> Vec<Transition> {
        match stored {
            Some(stored) if stored.at >= self.fleet.at => {
                self.promise();
                self.put(stored);
                // Who wrote it does not know what this instance told alone.
                for (ended, at) in self.fleet.ended_here.clone() {
                    self.ended_elsewhere(ended, at);
                }
            }
            older => {
                self.go_on_pending(older.as_ref(), now, most);
                let mut unfinished = mem::take(&mut self.fleet.unfinished);
                if let Some(older) = older {
                    unfinished.retain(|alert| !alert.has_ended_in(&older.history));
                    self.add(older);
                }
                // Nobody else knows of these any more.
                for alert in unfinished {
                    self.go_on_with(alert);
                }
            }
        }
        self.fleet.take_charge();
        let ends = self.keep_promises(now);
        self.tell_promised();
        ends
    }

    /// The fleet has what this instance wrote: it tells nothing for itself any more.
    pub(crate) fn shared(&mut self) {
        self.fleet.forget_alone();
        self.each_firing(|firing| firing.is_own = false);
    }

    /// Of which moment the alerts of the fleet are, in its time.
    pub(crate) const fn fleet_at(&self) -> Option<Duration> {
        self.fleet.at
    }

    /// Ends what nobody evaluated for long: its rule is gone.
    pub(crate) fn end_unknown(&mut self, now: Duration) -> Vec<Transition> {
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for mut one in mem::take(&mut self.fleet.unknown) {
            let firing = one.alert.tracked.firing.as_mut();
            let is_awaited = firing.is_some_and(Firing::awaits_on);
            match is_awaited || now.saturating_sub(one.since) < UNKNOWN_FOR {
                true => kept.push(one),
                false => gone.push(one),
            }
        }
        self.fleet.unknown = kept;
        let history = &mut self.fleet.history;
        let gone = gone.iter().filter_map(|one| one.alert.end(history, now));
        let gone: Vec<_> = gone.collect();
        gone.iter().for_each(|one| self.fleet.note_in_charge(one));
        gone
    }

    /// Takes the place of what is known of the fleet.
    pub(super) fn put(&mut self, stored: StoredFleet) {
        let at = stored.at.unwrap_or_default();
        self.fleet.at = stored.at;
        self.fleet.history = stored.history;
        self.fleet.unknown.clear();
        self.fleet.later = Later {
            alerts: stored.alerts.other,
            unknown: stored.unknown.other,
            more: stored.more,
        };
        for (rule, alerts) in self.rules.iter().zip(&mut self.alerts) {
            if Part::Fleet.has(rule) {
                alerts.clear();
            }
        }
        let known = stored.alerts.known.into_iter();
        let known = known.map(|alert| Unknown::new(at, alert));
        for one in known.chain(stored.unknown.known) {
            self.put_one(one);
        }
        let rules = Arc::clone(&self.rules);
        let values = rules.iter().zip(&mut self.values);
        for (rule, value) in values.filter(|(rule, _)| Part::Fleet.has(rule)) {
            *value = stored.values.get(&*rule.name).copied();
        }
    }

    fn put_one(&mut self, one: Unknown) {
        match self.place(&one.alert.rule) {
            Some(alerts) => {
                let (labels, tracked) = one.alert.into_tracked();
                alerts.insert(labels, tracked);
            }
            None => self.fleet.unknown.push(one),
        }
    }

    /// Adds what an older state has of the fleet: what ended there, and what fires there and neither fires nor has ended here. Of what
    /// fires here as well, it adds who has seen it.
    fn add(&mut self, stored: StoredFleet) {
        let at = stored.at.unwrap_or_default();
        let own = self.fleet.at.unwrap_or_default();
        self.ended_in_fleet(&stored.history.ends());
        self.fleet.history.add(stored.history);
        let told = stored.alerts.known.into_iter();
        let told = told.filter(|alert| alert.tracked.is_told());
        let told = told.map(|alert| Unknown::new(at, alert));
        for mut one in told.chain(stored.unknown.known) {
            let fingerprint = one.alert.fingerprint();
            if self.fleet.ended_here.contains_key(&fingerprint) {
                continue;
            }
            if self.place(&one.alert.rule).is_none() {
                self.add_unknown(one);
            } else if one.alert.tracked.is_told() {
                // Its times were counted on until then.
                one.alert.tracked.pass(own.saturating_sub(one.since));
                self.go_on_with(one.alert);
            }
        }
        let unknown = self.fleet.unknown.iter_mut();
        unknown.for_each(|one| one.alert.tracked.await_others());
        self.end_what_does_not_fire(own);
    }

    /// Adds an alert without a rule. Who has seen its rule last knows it best.
    fn add_unknown(&mut self, one: Unknown) {
        let fingerprint = one.alert.fingerprint();
        let mut known = self.fleet.unknown.iter_mut();
        match known.find(|known| known.alert.fingerprint() == fingerprint) {
            Some(known) if one.since >= known.since => *known = one,
            Some(_) => {}
            None => self.fleet.unknown.push(one),
        }
    }

    /// Lets an alert fire on that was told, unless it fires. Then it is told, too.
    fn go_on_with(&mut self, alert: StoredAlert) {
        let fingerprint = alert.fingerprint();
        let Some(alerts) = self.place(&alert.rule) else {
            return;
        };
        let (labels, tracked) = alert.into_tracked();
        let since = tracked.firing.as_ref().map(|firing| firing.fired_at);
        let own = alerts.entry(labels).or_default();
        let is_awaited = own.firing.as_ref().is_none_or(|firing| !firing.is_own);
        let goes_on = match &mut own.firing {
            Some(firing) => {
                firing.is_told = true;
                own.seen_as(&tracked);
                None
            }
            None => {
                *own = tracked;
                since
            }
        };
        if is_awaited {
            own.await_others();
        }
        // What fires here began anew, and the end before it stays.
        if let Some(fired_at) = goes_on {
            self.fleet.history.fires_on(fingerprint, fired_at);
        }
    }

    /// Gives an end to each entry that has none, and whose alert does not fire, or fires since another time. Nobody else would.
    fn end_what_does_not_fire(&mut self, at: Duration) {
        let rules = self.rules.iter().zip(&self.alerts);
        let of_fleet = rules.filter(|(rule, _)| Part::Fleet.has(rule));
        let known = of_fleet.flat_map(|(rule, alerts)| {
            let alerts = alerts.iter();
            alerts.filter_map(|(labels, one)| {
                let firing = one.firing.as_ref()?;
                Some((Fingerprint::of(&rule.name, labels), firing.fired_at))
            })
        });
        let unknown = self.fleet.unknown.iter().filter_map(|one| {
            let firing = one.alert.tracked.firing.as_ref()?;
            Some((one.alert.fingerprint(), firing.fired_at))
        });
        let firing: HashSet<_> = known.chain(unknown).collect();
        self.fleet
            .history
            .end_all_but(|entry| firing.contains(&entry.time()), at);
    }

    /// The alerts of a rule of the fleet. `None` if there is no such rule here.
    pub(super) fn place(&mut self, name: &str) -> Option<&mut BTreeMap<Labels, Tracked>> {
        let mut rules = self.rules.iter();
        let index = rules.position(|rule| *rule.name == *name && Part::Fleet.has(rule))?;
        self.alerts.get_mut(index)
    }

    pub(super) fn each_firing(&mut self, mut change: impl FnMut(&mut Firing)) {
        let all = self.rules.iter().zip(&mut self.alerts);
        for (_, alerts) in all.filter(|(rule, _)| Part::Fleet.has(rule)) {
            let firing = alerts.values_mut().filter_map(|one| one.firing.as_mut());
            firing.for_each(&mut change);
        }
    }
}
