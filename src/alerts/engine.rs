//! Moves all alerts from state to state. It has no clock and does nothing else.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    alert::{Muted, Transition},
    checked::CheckedRule,
    evaluate::by_severity,
    fingerprint::Labels,
    fleet_part::{FleetPart, is_of_another},
    history::{History, HistoryEntry},
    notices::{Critical, is_inhibited, notice},
    part::Part,
    rule::Comparison,
    severity::AlertSeverity,
    silence::Silences,
    state::AlertState,
    tracked::{Change, Tick, Tracked},
    verdict::{Readings, Verdict},
    wall_clock::Step,
};

/// The most alerts that have other labels than their rule. The one that a rule has by itself has a place in any case.
pub(super) const MOST_ALERTS: usize = 1_000;

/// All alerts of a service.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(super) rules: Arc<[CheckedRule]>,
    /// By the index of their rule: the value of the last step that is nearest to break it, or that breaks it most.
    pub(super) values: Vec<Option<f64>>,
    /// By the index of their rule. Alerts that are inactive and that nobody was told of lately are not there.
    pub(super) alerts: Vec<BTreeMap<Labels, Tracked>>,
    pub(super) silences: Silences,
    pub(super) history: History,
    /// What it shares with other instances.
    pub(super) fleet: FleetPart,
    /// When a part was stepped last, as wall time. `None` before the first time.
    pub(super) at: Option<Duration>,
    /// Whether some rules are of a fleet.
    pub(super) is_in_fleet: bool,
    /// Whether alerts of an earlier process wait for their first step.
    pub(super) is_restored: bool,
    /// How many alerts had no place at the last step of the rules that are not of a fleet.
    left_out: u64,
}

/// What changed of one alert at a step.
struct Changed {
    rule: usize,
    labels: Labels,
    change: Change,
}

/// How many alerts with labels can begin at a step, and how many could not.
struct Room {
    left: usize,
    left_out: u64,
}

// === impl Engine ===

impl Engine {
    pub(crate) fn new(rules: Arc<[CheckedRule]>) -> Self {
        Self {
            values: vec![None; rules.len()],
            alerts: rules.iter().map(|_| BTreeMap::new()).collect(),
            rules,
            silences: Silences::default(),
            history: History::default(),
            at: None,
            fleet: FleetPart::default(),
            is_in_fleet: false,
            is_restored: false,
            left_out: 0,
        }
    }

    /// Takes what the rules of a part found at one moment, and says what changed. What has an alert and is not among the readings
    /// has no data.
    pub(crate) fn step(&mut self, part: Part, tick: Tick, readings: Readings) -> Vec<Transition> {
        let tick = match part {
            Part::Fleet => {
                self.fleet.stepped(&tick);
                tick
            }
            Part::All | Part::Local => self.continued(tick),
        };
        let mut by_rule: Vec<HashMap<Labels, Verdict>> = Vec::new();
        by_rule.resize_with(self.rules.len(), HashMap::new);
        for (rule, value) in self.rules.iter().zip(&mut self.values) {
            if part.has(rule) {
                *value = None;
            }
        }
        for reading in readings.all {
            self.note_value(reading.rule, &reading.verdict);
            if let Some(found) = by_rule.get_mut(reading.rule) {
                found.entry(reading.labels).or_insert(reading.verdict);
            }
        }
        let mut changed = Vec::new();
        let mut room = Room {
            left: MOST_ALERTS.saturating_sub(self.labelled()),
            left_out: readings.left_out,
        };
        let rules = Arc::clone(&self.rules);
        for (rule, _) in by_severity(&rules).filter(|(_, rule)| part.has(rule)) {
            let found = by_rule.get_mut(rule).map(std::mem::take);
            self.take(
                &tick,
                rule,
                found.unwrap_or_default(),
                &mut room,
                &mut changed,
            );
        }
        match part {
            Part::Fleet => self.fleet.left_out = room.left_out,
            Part::All | Part::Local => self.left_out = room.left_out,
        }
        changed.sort_by(|one, other| one.place().cmp(&other.place()));
        let critical = self.critical();
        let mut transitions = Vec::new();
        // Changes stand in the order of the alerts.
        let mut changes = changed.into_iter().peekable();
        let is_alone = part == Part::Fleet && self.fleet.is_alone;
        let of_part = rules.iter().enumerate();
        for (index, rule) in of_part.filter(|(_, rule)| part.has(rule)) {
            let Some(alerts) = self.alerts.get_mut(index) else {
                continue;
            };
            for (labels, tracked) in alerts {
                let change = changes
                    .next_if(|changed| changed.rule == index && changed.labels == *labels)
                    .map(|changed| changed.change);
                let silence = self.silences.of(rule, labels, tick.at);
                let ended = change.as_ref().and_then(|change| change.resolved.clone());
                let muted = match silence {
                    _ if is_alone && is_of_another(tracked, ended.as_ref()) => {
                        Some(Muted::Elsewhere)
                    }
                    Some(id) => Some(Muted::Silenced(id)),
                    None if is_inhibited(rule, labels, &critical) => Some(Muted::Inhibited),
                    None => None,
                };
                let Some(mut transition) = notice(rule, labels, tracked, change, muted) else {
                    continue;
                };
                if is_alone {
                    transition.alert.alone = true;
                    self.fleet
                        .note_alone(rule, labels, tracked, &transition, ended);
                } else if part == Part::Fleet {
                    self.fleet.note_in_charge(&transition);
                }
                transitions.push(transition);
            }
        }
        self.note(part, &tick, &transitions);
        for alerts in &mut self.alerts {
            alerts.retain(|_, tracked| !tracked.is_idle());
        }
        transitions
    }

    /// The service is a fleet from now on.
    pub(crate) const fn join(&mut self) {
        self.is_in_fleet = true;
    }

    /// The labels of the alerts of a rule.
    pub(crate) fn known(&self, rule: usize) -> Vec<Labels> {
        let alerts = self.alerts.get(rule);
        alerts
            .into_iter()
            .flat_map(BTreeMap::keys)
            .cloned()
            .collect()
    }

    pub(crate) const fn silences(&mut self) -> &mut Silences {
        &mut self.silences
    }

    /// Each time that an alert fired, or went on firing, in the time until now, the newest first.
    pub(crate) fn fired_lately(&self, now: Duration, time: Duration) -> Vec<&HistoryEntry> {
        let all = [&self.history, &self.fleet.history].into_iter();
        let mut all: Vec<_> = all.flat_map(|one| one.lately(now, time)).collect();
        if !self.fleet.history.is_empty() {
            all.sort_by_key(|entry| Reverse(entry.fired_at()));
        }
        all
    }

    /// When it was stepped last, as wall time since 1970.
    pub(crate) const fn last_step(&self) -> Option<Duration> {
        self.at
    }

    /// The wall clock was set. All times are told as it counts now, and silences last as long as asked.
    pub(crate) fn shift(&mut self, step: Step) {
        let alerts = self.alerts.iter_mut().flat_map(BTreeMap::values_mut);
        alerts.for_each(|tracked| tracked.shift(step));
        self.silences.shift(step);
        self.history.shift(step);
        self.fleet.shift(step);
        step.apply(&mut self.at);
    }

    /// How many alerts had no place at the last step.
    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out + self.fleet.left_out
    }

    /// The first step after a restart is one after a gap, as long as the wall clock says.
    fn continued(&mut self, tick: Tick) -> Tick {
        let before = self.at.replace(tick.at);
        if !std::mem::take(&mut self.is_restored) {
            return tick;
        }
        let gone = before.map_or(Duration::ZERO, |before| tick.at.saturating_sub(before));
        Tick {
            elapsed: tick.elapsed.max(gone),
            is_gap: true,
            ..tick
        }
    }

    /// Keeps the value of a rule, if it is the worst one of this step.
    fn note_value(&mut self, index: usize, verdict: &Verdict) {
        let rule = self.rules.get(index).zip(self.values.get_mut(index));
        if let Some(((rule, worst), value)) = rule.zip(verdict.value()) {
            let known = worst.unwrap_or(value);
            *worst = Some(match rule.comparison {
                Comparison::Above => known.max(value),
                Comparison::Below => known.min(value),
            });
        }
    }

    /// Takes what one rule found.
    fn take(
        &mut self,
        tick: &Tick,
        index: usize,
        mut found: HashMap<Labels, Verdict>,
        room: &mut Room,
        changed: &mut Vec<Changed>,
    ) {
        let Some((rule, alerts)) = self.rules.get(index).zip(self.alerts.get_mut(index)) else {
            return;
        };
        for (labels, tracked) in alerts.iter_mut() {
            let verdict = found.remove(labels);
            let was_active = matches!(tracked.state, AlertState::Pending | AlertState::Firing);
            let change = match verdict {
                Some(verdict) => tracked.take(tick, &verdict, rule),
                None if was_active => tracked.take(tick, &Verdict::NoData, rule),
                None => {
                    tracked.forget(tick);
                    None
                }
            };
            changed.extend(change.map(|change| Changed {
                rule: index,
                labels: labels.clone(),
                change,
            }));
        }
        let mut new: Vec<_> = found.into_iter().collect();
        // With more than there is place for, the same ones have a place in every process.
        new.sort_by(|one, other| one.0.cmp(&other.0));
        for (labels, verdict) in new {
            if matches!(verdict, Verdict::Fine(_) | Verdict::Unjudged(_)) {
                continue;
            }
            if labels != rule.labels() {
                let Some(left) = room.left.checked_sub(1) else {
                    room.left_out += 1;
                    continue;
                };
                room.left = left;
            }
            let mut tracked = Tracked::default();
            let change = tracked.take(tick, &verdict, rule);
            changed.extend(change.map(|change| Changed {
                rule: index,
                labels: labels.clone(),
                change,
            }));
            alerts.insert(labels, tracked);
        }
    }

    /// How many alerts have other labels than their rule.
    fn labelled(&self) -> usize {
        let all = self.rules.iter().zip(&self.alerts);
        let labelled = all.map(|(rule, alerts)| match alerts.is_empty() {
            true => 0,
            false => alerts.len() - usize::from(alerts.contains_key(&rule.labels())),
        });
        labelled.sum()
    }

    /// The signals and the labels of the critical alerts that fire.
    pub(super) fn critical(&self) -> Critical {
        let all = self.rules.iter().zip(&self.alerts);
        let critical = all.filter(|(rule, _)| rule.severity == AlertSeverity::Critical);
        let fires = |tracked: &Tracked| tracked.state == AlertState::Firing;
        critical
            .flat_map(|(rule, alerts)| {
                let firing = alerts.iter().filter(move |(_, tracked)| fires(tracked));
                firing.map(|(labels, _)| (rule.key.clone(), labels.clone()))
            })
            .collect()
    }

    /// Notes in the history what began to fire and what stopped.
    fn note(&mut self, part: Part, tick: &Tick, transitions: &[Transition]) {
        let history = match part {
            Part::Fleet => &mut self.fleet.history,
            Part::All | Part::Local => &mut self.history,
        };
        for transition in transitions.iter().filter(|one| !one.is_repeat()) {
            let alert = &transition.alert;
            match (alert.state, alert.resolve_reason) {
                (AlertState::Firing, _) => history.fired(alert, tick.at),
                (AlertState::Resolved, Some(reason)) => {
                    history.resolved(alert.fingerprint, tick.at, reason);
                }
                _ => {}
            }
        }
        history.forget(tick.at);
        self.silences.forget(tick.at);
    }
}

// === impl Changed ===

impl Changed {
    const fn place(&self) -> (usize, &Labels) {
        (self.rule, &self.labels)
    }
}
