//! The states of alerts, and who is told of them.

use super::*;
use crate::alerts::{
    AlertSeverity, Muted,
    alert::Notice,
    engine::Engine,
    signal::Signal,
    silence::NewSilence,
    unit::SignalUnit,
    verdict::{Reading, Readings, Verdict},
};

/// Steps an engine by hand.
pub(super) struct Steps {
    pub(super) engine: Engine,
    pub(super) at: Duration,
}

// === impl Steps ===

impl Steps {
    pub(super) fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let checked = Alerts::none().rules(rules).checked().unwrap();
        Self {
            engine: Engine::new(checked.rules),
            at: BEGIN,
        }
    }

    pub(super) fn step(&mut self, verdict: Verdict) -> Vec<Transition> {
        self.step_all(&[(0, verdict)])
    }

    pub(super) fn step_all(&mut self, verdicts: &[(usize, Verdict)]) -> Vec<Transition> {
        self.after(MINUTE, false, verdicts)
    }

    pub(super) fn after(
        &mut self,
        elapsed: Duration,
        is_gap: bool,
        verdicts: &[(usize, Verdict)],
    ) -> Vec<Transition> {
        self.at += elapsed;
        let tick = Tick {
            at: self.at,
            elapsed,
            is_gap,
        };
        let all = verdicts.iter().map(|(rule, verdict)| Reading {
            rule: *rule,
            labels: Labels::new(),
            verdict: verdict.clone(),
        });
        let readings = Readings {
            all: all.collect(),
            left_out: 0,
        };
        self.engine.step(Part::All, tick, readings)
    }

    pub(super) fn state(&self) -> AlertState {
        self.engine.states().next().unwrap().1
    }

    pub(super) fn silence(&mut self, pairs: &[(&str, &str)], lasts: Duration) -> u64 {
        let new = NewSilence {
            labels: labels(pairs),
            lasts,
            ..NewSilence::default()
        };
        let at = self.at;
        self.engine.silences().add(new, at).unwrap().id
    }
}

pub(super) fn rule(name: &str) -> Rule {
    Rule::new(name, Signal::in_flight())
        .above(1.0)
        .pending_for(2 * MINUTE)
        .keep_firing_for(5 * MINUTE)
        .no_repeat()
}

/// A rule that fires at once and stops at once.
pub(super) fn quick(name: &str) -> Rule {
    rule(name)
        .pending_for(Duration::ZERO)
        .keep_firing_for(Duration::ZERO)
}

fn told(transitions: &[Transition]) -> usize {
    let told = transitions.iter().filter(|one| one.notice == Notice::Tell);
    told.count()
}

pub(super) const BROKEN: Verdict = Verdict::Broken(2.0);
pub(super) const FINE: Verdict = Verdict::Fine(0.0);

#[test]
fn an_alert_goes_from_pending_to_firing_to_resolved() {
    let mut steps = Steps::new([rule("a")]);
    assert!(steps.step(FINE).is_empty());
    for (verdict, state) in [
        (BROKEN, AlertState::Pending),
        (BROKEN, AlertState::Pending),
        (BROKEN, AlertState::Firing),
        (FINE, AlertState::Firing),
        (FINE, AlertState::Firing),
        (BROKEN, AlertState::Firing),
        (FINE, AlertState::Firing),
        (FINE, AlertState::Firing),
        (FINE, AlertState::Firing),
        (FINE, AlertState::Firing),
        (FINE, AlertState::Firing),
        (FINE, AlertState::Resolved),
        (FINE, AlertState::Inactive),
        (BROKEN, AlertState::Pending),
        (FINE, AlertState::Inactive),
    ] {
        steps.step(verdict);
        assert_eq!(steps.state(), state);
    }
}

#[test]
fn time_in_a_gap_proves_nothing() {
    let mut steps = Steps::new([rule("a")]);
    steps.step(BROKEN);
    // Eight hours, in which nobody looked.
    steps.after(8 * HOUR, true, &[(0, BROKEN)]);
    assert_eq!(steps.state(), AlertState::Pending);
    steps.step(BROKEN);
    assert_eq!(steps.state(), AlertState::Pending);
    steps.step(BROKEN);
    assert_eq!(steps.state(), AlertState::Firing);
    steps.step(FINE);
    let transitions = steps.after(8 * HOUR, true, &[(0, FINE)]);
    assert!(transitions.is_empty());
    assert_eq!(steps.state(), AlertState::Firing);
    for _ in 0..5 {
        steps.step(FINE);
    }
    assert_eq!(steps.state(), AlertState::Resolved);
}

#[test]
fn after_a_gap_a_firing_alert_is_told_again_once() {
    let mut steps = Steps::new([rule("a").pending_for(Duration::ZERO).repeat(HOUR)]);
    assert_eq!(told(&steps.step(BROKEN)), 1);
    assert_eq!(told(&steps.after(8 * HOUR, true, &[(0, BROKEN)])), 1);
    assert_eq!(told(&steps.step(BROKEN)), 0);
}

#[test]
fn a_firing_alert_without_data_is_held_and_then_ends_for_that_reason() {
    for (verdict, reason, state) in [
        (Verdict::NoData, ResolveReason::NoData, AlertState::NoData),
        (
            Verdict::Error("it panicked".to_owned()),
            ResolveReason::Error,
            AlertState::Error,
        ),
    ] {
        let mut steps = Steps::new([rule("a").pending_for(Duration::ZERO)]);
        steps.step(BROKEN);
        for _ in 0..5 {
            assert!(steps.step(verdict.clone()).is_empty());
            assert_eq!(steps.state(), AlertState::Firing);
        }
        let ended = steps.step(verdict.clone());
        assert_eq!(ended[0].alert.resolve_reason, Some(reason));
        assert_eq!(told(&ended), 1);
        steps.step(verdict);
        assert_eq!(steps.state(), state);
    }
}

#[test]
fn no_data_is_neither_fire_nor_false_end() {
    let mut steps = Steps::new([rule("a")]);
    steps.step(BROKEN);
    let lost = steps.step(Verdict::NoData);
    assert_eq!(
        (lost[0].from, steps.state()),
        (AlertState::Pending, AlertState::NoData)
    );
    assert_eq!(told(&lost), 0);
    // It begins anew.
    for state in [AlertState::Pending, AlertState::Pending, AlertState::Firing] {
        steps.step(BROKEN);
        assert_eq!(steps.state(), state);
    }
}

#[test]
fn a_signal_that_panics_is_an_error_and_the_others_go_on() {
    let signal = Signal::asked("broken", SignalUnit::Count, || panic!("secret"));
    let mut play = Play::new([
        Rule::new("a", signal).above(1.0),
        Rule::new("b", Signal::in_flight()).above(1.0),
    ]);
    play.minutes(5);
    assert_eq!(play.state("a"), AlertState::Error);
    assert_eq!(play.state("b"), AlertState::Firing);
    let alert = &play.watch.engine().alerts()[0];
    assert_eq!(alert.error.as_deref(), Some("the signal panicked"));
}

#[test]
fn an_alert_that_goes_on_and_off_is_told_seldom() {
    let mut steps = Steps::new([quick("a")]);
    let (mut fired, mut ended) = (0, 0);
    let mut hour = Vec::new();
    for minute in 0..360 {
        let transitions = steps.step(if minute % 2 == 0 { BROKEN } else { FINE });
        for one in transitions.iter().filter(|one| one.notice == Notice::Tell) {
            match one.alert.state {
                AlertState::Firing => {
                    fired += 1;
                    hour.push(minute);
                }
                _ => ended += 1,
            }
        }
    }
    // Four at once, and then one in 15 minutes, also where it recovers in between.
    assert!((26..=28).contains(&fired), "{fired}");
    assert!(fired - ended <= 1, "{fired} {ended}");
    assert!(
        hour.windows(5).all(|five| five[4] - five[0] >= 14),
        "{hour:?}"
    );
    assert_eq!(
        steps.engine.history.lately(steps.at, 168 * HOUR).count(),
        180
    );
}

#[test]
fn an_alert_that_goes_on_and_off_within_its_time_fires_once() {
    let mut steps = Steps::new([rule("a").pending_for(Duration::ZERO)]);
    let mut all = Vec::new();
    for minute in 0..360 {
        all.extend(steps.step(if minute % 2 == 0 { BROKEN } else { FINE }));
    }
    assert_eq!(all.len(), 1);
}

#[test]
fn an_acknowledged_alert_is_not_repeated_until_it_fires_anew() {
    let mut steps = Steps::new([quick("a").repeat(2 * MINUTE)]);
    let fingerprint = steps.step(BROKEN)[0].alert.fingerprint;
    let at = steps.at;
    let alert = steps.engine.acknowledge(fingerprint, "ada", at).unwrap();
    assert_eq!(alert.acknowledged_by.as_deref(), Some("ada"));
    for _ in 0..10 {
        assert!(steps.step(BROKEN).is_empty());
    }
    assert_eq!(told(&steps.step(FINE)), 1);
    assert!(steps.engine.acknowledge(fingerprint, "ada", at).is_err());
    steps.step(BROKEN);
    let repeats: usize = (0..10).map(|_| told(&steps.step(BROKEN))).sum();
    assert_eq!(repeats, 5);
}

#[test]
fn a_silence_holds_until_its_end_and_what_fires_still_is_told_then() {
    let critical = |name| quick(name).severity(AlertSeverity::Critical);
    let mut steps = Steps::new([critical("a"), critical("b")]);
    let id = steps.silence(&[("alert", "a"), ("severity", "critical")], 10 * MINUTE);
    let first = steps.step_all(&[(0, BROKEN), (1, BROKEN)]);
    let notices: Vec<_> = first.iter().map(|one| one.notice).collect();
    assert_eq!(notices, [Notice::Muted(Muted::Silenced(id)), Notice::Tell]);
    assert_eq!(steps.engine.alerts()[0].muted, Some(Muted::Silenced(id)));
    for minute in 2..=15 {
        let transitions = steps.step_all(&[(0, BROKEN), (1, BROKEN)]);
        let expected = usize::from(minute == 10);
        assert_eq!(told(&transitions), expected, "{minute}");
        assert!(transitions.iter().all(Transition::is_repeat));
    }
    assert!(steps.engine.silences().all().is_empty());
}

#[test]
fn who_was_told_of_an_alert_is_told_of_its_end_and_nobody_else() {
    let mut steps = Steps::new([quick("a")]);
    steps.step(BROKEN);
    let id = steps.silence(&[("alert", "a")], HOUR);
    assert_eq!(told(&steps.step(FINE)), 1);
    // What began in the silence and ended in it is told to nobody.
    assert_eq!(told(&steps.step(BROKEN)), 0);
    assert_eq!(told(&steps.step(FINE)), 0);
    assert!(steps.engine.silences().end(id) && !steps.engine.silences().end(id));
    assert_eq!(told(&steps.step(BROKEN)), 1);
}

#[test]
fn a_critical_alert_mutes_the_milder_one_with_the_same_signal() {
    let warning = quick("slow");
    let critical = quick("very_slow").severity(AlertSeverity::Critical);
    let other = Rule::new("other", Signal::asked("b", SignalUnit::Count, || None))
        .above(1.0)
        .pending_for(Duration::ZERO);
    let mut steps = Steps::new([warning, critical, other]);
    let all = [(0, BROKEN), (1, BROKEN), (2, BROKEN)];
    let notices: Vec<_> = steps.step_all(&all).iter().map(|one| one.notice).collect();
    let inhibited = Notice::Muted(Muted::Inhibited);
    assert_eq!(notices, [inhibited, Notice::Tell, Notice::Tell]);
    // Once the critical one has ended, the milder one is told.
    let transitions = steps.step_all(&[(0, BROKEN), (1, FINE), (2, BROKEN)]);
    let told: Vec<_> = transitions
        .iter()
        .map(|one| (&*one.alert.name, one.notice))
        .collect();
    assert_eq!(told, [("slow", Notice::Tell), ("very_slow", Notice::Tell)]);
}
