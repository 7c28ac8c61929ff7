//! Whether Prometheus and the process agree at every evaluation of random histories.

use std::fmt::Write;

use super::{
    cases::STEP,
    promtool::{Files, quoted},
    shapes::{Part, Shape},
    *,
};
use crate::alerts::few::{Counts, ShareRule};

/// How many steps of 15 seconds a history has: seven hours.
const STEPS: usize = 1_680;

/// How many steps there are from one evaluation to the next.
const EVALUATION: usize = 4;

/// The requests until the end of each step, and how many of them failed.
struct History(Vec<Counts>);

// === impl History ===

impl History {
    /// From 0.001 to 1,000 requests a second, with bursts, with gaps, and with failures about the threshold.
    fn random(threshold: f64) -> Self {
        let mut sum = Counts::default();
        let mut steps = vec![sum];
        while steps.len() <= STEPS {
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
                sum.failures += failures;
                sum.requests += requests;
                steps.push(sum);
            }
        }
        steps.truncate(STEPS + 1);
        Self(steps)
    }

    /// What happened in the time until the end of this step.
    fn counts(&self, step: usize, time: Duration) -> Counts {
        let length = usize::try_from(time.as_millis() / STEP.as_millis()).unwrap();
        self.between(step.saturating_sub(length), step)
    }

    fn between(&self, from: usize, to: usize) -> Counts {
        Counts {
            requests: self.0[to].requests - self.0[from].requests,
            failures: self.0[to].failures - self.0[from].failures,
        }
    }

    /// The values of a counter that is born at 0, and is reset where a process ends.
    fn counter(&self, resets: &[usize], part: Part) -> String {
        let (mut values, mut value) = ("0".to_owned(), 0);
        for step in 0..STEPS {
            if resets.contains(&step) {
                value = 0;
            }
            value += part.of(self.between(step, step + 1));
            write!(values, " {value}").unwrap();
        }
        values
    }
}

/// A whole number that is this one on average.
pub(super) fn chance(exact: f64) -> u64 {
    exact.floor() as u64 + u64::from(fastrand::f64() < exact.fract())
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn three_hundred_histories_get_the_same_verdict_at_every_evaluation() {
    let (mut broken, mut compared) = (0, 0);
    let rules = [
        (Shape::Errors, 42, 5.0, 20, 5),
        (Shape::Errors, 42, 1.0, 20, 5),
        (Shape::Errors, 42, 10.0, 10, 15),
        (Shape::Errors, 42, 50.0, 3, 5),
        (Shape::Errors, 42, 2.0, 100, 60),
        (Shape::Errors, 42, 20.0, 20, 30),
        (Shape::OtelErrors, 12, 5.0, 20, 5),
        (Shape::Latency, 12, 5.0, 20, 5),
        (Shape::Latency, 12, 1.0, 100, 10),
        (Shape::OtelLatency, 12, 50.0, 20, 5),
    ];
    for (index, (shape, histories, threshold, at_least, minutes)) in rules.into_iter().enumerate() {
        let process = ShareRule {
            threshold,
            at_least,
            window: MINUTE * minutes,
        };
        // 1 wherever the process says something else.
        let breach = shape.breach(&process);
        let differs = format!("(count({breach}) or vector(0)) != on () process_verdict");
        let recorded = format!(
            "groups:\n- name: all\n  rules:\n  - record: differs\n    expr: {}\n",
            quoted(&differs)
        );
        let mut tests = "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n".to_owned();
        for seed in 0..histories {
            fastrand::seed(1_000 * index as u64 + seed);
            let history = History::random(threshold);
            let resets: Vec<_> = (0..fastrand::usize(0..4))
                .map(|_| fastrand::usize(0..STEPS))
                .collect();
            let verdicts: Vec<_> = (0..=STEPS)
                .map(|step| shape.is_broken(&process, |time| history.counts(step, time)))
                .map(u8::from)
                .collect();
            let evaluations = verdicts.iter().step_by(EVALUATION);
            compared += evaluations.clone().count();
            broken += evaluations.filter(|one| **one == 1).count();
            let verdicts: Vec<_> = verdicts.iter().map(u8::to_string).collect();
            writeln!(
                tests,
                "- name: seed_{seed}\n  interval: 15s\n  input_series:\n  - {{series: process_verdict, values: '{}'}}",
                verdicts.join(" "),
            )
            .unwrap();
            for (series, part) in shape.series() {
                let values = history.counter(&resets, part);
                writeln!(tests, "  - {{series: '{series}', values: '{values}'}}").unwrap();
            }
            tests += "  promql_expr_test:\n  - {expr: 'count_over_time(differs[8h]) or vector(0)', eval_time: 7h, exp_samples: [{labels: '{}', value: 0}]}\n";
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
