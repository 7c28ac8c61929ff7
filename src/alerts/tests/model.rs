//! Compares the engine with a model that looks back over all that happened.

use super::*;
use crate::alerts::{
    AlertSeverity,
    alert::Notice,
    engine::Engine,
    signal::Signal,
    silence::NewSilence,
    verdict::{Reading, Readings, Verdict},
};

/// What a rule found, and how it was reached.
#[derive(Clone, Debug)]
struct Found {
    elapsed: Duration,
    is_gap: bool,
    verdict: Verdict,
}

/// The states of a rule that found all this, one by one.
fn model(all: &[Found], pending_for: Duration, keep_firing_for: Duration) -> Vec<AlertState> {
    let mut states: Vec<AlertState> = Vec::new();
    for now in 0..all.len() {
        // Since when it fires, in steps.
        let was_firing = states.last() == Some(&AlertState::Firing);
        let is_broken = |index: usize| matches!(all[index].verdict, Verdict::Broken(_));
        // How far back all is as it is now, with nothing unknown in between, and since the last change between firing and not.
        let is_same = |index: usize| {
            let fired = states[index] == AlertState::Firing;
            is_broken(index) == is_broken(now) && fired == was_firing && !all[index + 1].is_gap
        };
        let mut first = now;
        while first > 0 && is_same(first - 1) {
            first -= 1;
        }
        let lasted: Duration = all[first + 1..=now].iter().map(|found| found.elapsed).sum();
        states.push(match (was_firing, is_broken(now)) {
            (true, true) => AlertState::Firing,
            (true, false) if lasted < keep_firing_for => AlertState::Firing,
            (true, false) => AlertState::Resolved,
            (false, true) if lasted < pending_for => AlertState::Pending,
            (false, true) => AlertState::Firing,
            (false, false) => match all[now].verdict {
                Verdict::NoData => AlertState::NoData,
                Verdict::Error(_) => AlertState::Error,
                _ => AlertState::Inactive,
            },
        });
    }
    states
}

fn verdict() -> Verdict {
    match fastrand::u8(0..20) {
        0..9 => Verdict::Broken(2.0),
        9..17 => Verdict::Fine(0.0),
        17 | 18 => Verdict::NoData,
        _ => Verdict::Error("it panicked".to_owned()),
    }
}

/// What a rule found in a row: it changes its mind seldom, or often.
fn history() -> Vec<Found> {
    let steadiness = fastrand::u8(1..8);
    let mut last = verdict();
    let steps = std::iter::repeat_with(|| {
        if fastrand::u8(0..steadiness) == 0 {
            last = verdict();
        }
        let is_gap = fastrand::u8(0..30) == 0;
        let seconds = if is_gap { 3_600 } else { 60 };
        Found {
            elapsed: Duration::from_secs(fastrand::u64(1..=seconds)),
            is_gap,
            verdict: last.clone(),
        }
    });
    steps.take(fastrand::usize(1..80)).collect()
}

fn reading(rule: usize, verdict: Verdict) -> Reading {
    Reading {
        rule,
        labels: Labels::new(),
        verdict,
    }
}

#[test]
fn a_model_agrees_on_ten_thousand_random_histories() {
    for seed in 0..10_000 {
        fastrand::seed(seed);
        let all = history();
        let [pending_for, keep_firing_for] =
            [0, 0].map(|_: u8| Duration::from_secs(fastrand::u64(0..6) * 50));
        let rule = Rule::new("a", Signal::in_flight())
            .above(1.0)
            .pending_for(pending_for)
            .keep_firing_for(keep_firing_for);
        let mut engine = Engine::new(vec![checked(rule)].into());
        let expected = model(&all, pending_for, keep_firing_for);
        let mut at = BEGIN;
        for (step, (found, expected)) in all.iter().zip(expected).enumerate() {
            at += found.elapsed;
            let tick = Tick {
                at,
                elapsed: found.elapsed,
                is_gap: found.is_gap,
            };
            let readings = Readings {
                all: vec![reading(0, found.verdict.clone())],
                left_out: 0,
            };
            engine.step(Part::All, tick, readings);
            let state = engine.states().next().unwrap().1;
            assert_eq!(state, expected, "seed {seed}, step {step}");
            // A later process would go on in the same way.
            if fastrand::u8(0..50) == 0 {
                let stored = engine.stored();
                let json = serde_json::to_vec(&stored).unwrap();
                assert_eq!(
                    serde_json::from_slice::<super::super::Stored>(&json).unwrap(),
                    stored
                );
            }
        }
    }
}

/// What is known of one alert from what was said of it.
#[derive(Debug, Default)]
struct Told {
    fires_since: Option<Duration>,
    is_told: bool,
}

#[test]
fn each_firing_has_one_end_and_lasts_at_least_its_time() {
    for seed in 0..3_000 {
        fastrand::seed(seed);
        let keep_firing_for = Duration::from_secs(fastrand::u64(0..400));
        let rules = ["a", "b", "c"].into_iter().map(|name| {
            let severities = AlertSeverity::ALL;
            Rule::new(name, Signal::in_flight())
                .above(1.0)
                .pending_for(Duration::from_secs(fastrand::u64(0..200)))
                .keep_firing_for(keep_firing_for)
                .severity(severities[fastrand::usize(0..3)])
                .repeat(Duration::from_secs(fastrand::u64(1..400)))
        });
        let mut engine = Engine::new(Alerts::none().rules(rules).checked().unwrap().rules);
        let mut told: BTreeMap<String, Told> = BTreeMap::new();
        let mut at = BEGIN;
        for found in history().into_iter().chain(history()) {
            at += found.elapsed;
            let tick = Tick {
                at,
                elapsed: found.elapsed,
                is_gap: found.is_gap,
            };
            let all = (0..3).map(|rule| reading(rule, verdict())).collect();
            let left_out = 0;
            for one in engine.step(Part::All, tick, Readings { all, left_out }) {
                let of_one = told.entry(one.alert.name.clone()).or_default();
                let is_told = one.notice == Notice::Tell;
                match one.alert.state {
                    AlertState::Firing if one.is_repeat() => {
                        assert!(of_one.fires_since.is_some() && is_told, "seed {seed}");
                        of_one.is_told = true;
                    }
                    AlertState::Firing => {
                        assert_eq!(of_one.fires_since.replace(at), None, "seed {seed}");
                        of_one.is_told = is_told;
                    }
                    AlertState::Resolved => {
                        let since = of_one
                            .fires_since
                            .take()
                            .expect("it ends without a beginning");
                        assert!(at - since >= keep_firing_for, "seed {seed}");
                        assert_eq!(of_one.is_told, is_told, "seed {seed}");
                    }
                    _ => {
                        assert_eq!(of_one.fires_since, None, "seed {seed}");
                        assert!(!is_told);
                    }
                }
            }
            match fastrand::u8(0..20) {
                0 => {
                    let new = NewSilence {
                        labels: labels(&[("alert", "a")]),
                        lasts: Duration::from_secs(fastrand::u64(1..600)),
                        ..NewSilence::default()
                    };
                    engine.silences().add(new, at).unwrap();
                }
                1 => {
                    for alert in engine.firing() {
                        engine.acknowledge(alert.fingerprint, "ada", at).unwrap();
                    }
                }
                _ => {}
            }
        }
        let firing = told
            .values()
            .filter(|one| one.fires_since.is_some())
            .count();
        assert_eq!(engine.firing().len(), firing);
        let history = &engine.history;
        let open = history
            .lately(at, 168 * HOUR)
            .filter(|one| one.resolved_at().is_none());
        assert_eq!(open.count(), firing);
    }
}
