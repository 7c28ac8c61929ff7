//! Whether Prometheus and the process agree at every evaluation of random histories.

use std::fmt::Write;

use super::{
    cases::STEP,
    promtool::{Files, quoted},
    *,
};
use crate::alerts::few::{Counts, ShareRule, Stretches};

/// How many steps of 15 seconds a history has: seven hours.
const STEPS: usize = 1_680;

/// How many steps there are from one evaluation to the next.
const EVALUATION: usize = 4;

/// The requests of each step, and how many of them failed.
struct History(Vec<Counts>);

// === impl History ===

impl History {
    /// From 0.001 to 1,000 requests a second, with bursts, with gaps, and with failures about the threshold.
    fn random(threshold: f64) -> Self {
        let mut steps = Vec::with_capacity(STEPS);
        while steps.len() < STEPS {
            // In steps of 15 seconds.
            let rate = 10_f64.powf(fastrand::f64() * 6.0 - 3.0) * 15.0;
            let share = match fastrand::u8(0..6) {
                0 => 0.0,
                1 => threshold / 100.0,
                2 => 1.0,
                3 => fastrand::f64(),
                _ => threshold / 100.0 * (0.8 + 0.4 * fastrand::f64()),
            };
            let is_gap = fastrand::u8(0..5) == 0;
            for _ in 0..fastrand::usize(4..240) {
                let exact = rate * if fastrand::u8(0..40) == 0 { 10.0 } else { 1.0 };
                let requests = match is_gap {
                    true => 0,
                    false => chance(exact),
                };
                let failures = chance(requests as f64 * share).min(requests);
                steps.push(Counts { failures, requests });
            }
        }
        steps.truncate(STEPS);
        Self(steps)
    }

    /// What happened in the time until the end of this step.
    fn counts(&self, step: usize, time: Duration) -> Counts {
        let length = usize::try_from(time.as_millis() / STEP.as_millis()).unwrap();
        let range = &self.0[step.saturating_sub(length)..step];
        Counts {
            requests: range.iter().map(|one| one.requests).sum(),
            failures: range.iter().map(|one| one.failures).sum(),
        }
    }

    /// The values of a counter that is born at 0, and is reset where a process ends.
    fn counter(&self, resets: &[usize], count: impl Fn(&Counts) -> u64) -> String {
        let (mut values, mut value) = ("0".to_owned(), 0);
        for (step, counts) in self.0.iter().enumerate() {
            if resets.contains(&step) {
                value = 0;
            }
            value += count(counts);
            write!(values, " {value}").unwrap();
        }
        values
    }
}

/// A whole number that is this one on average.
fn chance(exact: f64) -> u64 {
    exact.floor() as u64 + u64::from(fastrand::f64() < exact.fract())
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn three_hundred_histories_get_the_same_verdict_at_every_evaluation() {
    let (mut broken, mut compared) = (0, 0);
    let rules = [
        (5.0, 20, 5),
        (1.0, 20, 5),
        (10.0, 10, 15),
        (50.0, 3, 5),
        (2.0, 100, 60),
        (20.0, 20, 30),
    ];
    for (index, (threshold, at_least, minutes)) in rules.into_iter().enumerate() {
        let window = MINUTE * minutes;
        let process = ShareRule {
            threshold,
            at_least,
            window,
        };
        let rule = above(Signal::error_rate_percent(), threshold);
        let (_, breach) = texts(&rule.at_least(at_least).window(window), &Settings::new());
        // 1 wherever the process says something else.
        let differs = format!("(count({breach}) or vector(0)) != on () process_verdict");
        let recorded = format!(
            "groups:\n- name: all\n  rules:\n  - record: differs\n    expr: {}\n",
            quoted(&differs)
        );
        let mut tests = "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n".to_owned();
        for seed in 0..50 {
            fastrand::seed(1_000 * index as u64 + seed);
            let history = History::random(threshold);
            let resets: Vec<_> = (0..fastrand::usize(0..4))
                .map(|_| fastrand::usize(0..STEPS))
                .collect();
            let verdicts: Vec<_> = (0..=STEPS)
                .map(|step| {
                    let judged =
                        process.judge(&Stretches::new(SLOT), |time| history.counts(step, time));
                    u8::from(judged.is_broken)
                })
                .collect();
            let evaluations = verdicts.iter().step_by(EVALUATION);
            compared += evaluations.clone().count();
            broken += evaluations.filter(|one| **one == 1).count();
            let verdicts: Vec<_> = verdicts.iter().map(u8::to_string).collect();
            let sound = history.counter(&resets, |one| one.requests - one.failures);
            let failed = history.counter(&resets, |one| one.failures);
            let series = |status| {
                format!("http_requests_total{{method=\"GET\",endpoint=\"/a\",status=\"{status}\"}}")
            };
            write!(
                tests,
                "- name: seed_{seed}\n  interval: 15s\n  input_series:\n  - {{series: '{}', values: '{sound}'}}\n  - {{series: '{}', values: '{failed}'}}\n  - {{series: process_verdict, values: '{}'}}\n  promql_expr_test:\n  - {{expr: 'count_over_time(differs[8h]) or vector(0)', eval_time: 7h, exp_samples: [{{labels: '{{}}', value: 0}}]}}\n",
                series(200),
                series(500),
                verdicts.join(" "),
            )
            .unwrap();
        }
        let files = Files::new(&format!("histories-{index}"));
        files.write("rules.yml", &recorded);
        files.write("tests.yml", &tests);
        if let Err(said) = files.run(["test", "rules"], "tests.yml") {
            panic!("rule {index}: {said}");
        }
    }
    println!("{compared} verdicts compared, {broken} of them broken, none differs");
    assert!(
        broken > compared / 10 && broken < compared * 9 / 10,
        "{broken} of {compared}"
    );
}
