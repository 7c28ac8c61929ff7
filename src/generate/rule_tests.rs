//! Writes the tests of generated rules, which promtool runs.

use std::time::Duration;

use super::{
    beginnings, job_tests,
    scenario::{Load, Scenario},
    test_file::{Evaluations, Series, Test, TestFile, firing, steps},
    values::{STEP, Values},
};
use crate::alerts::{CheckedRule, Comparison, Kind, Promql, Published, duration};

/// The shortest window of a rule that has tests: a scrape every 15 seconds tells nothing of shorter ones.
const SHORTEST: Duration = Duration::from_secs(60);

/// The tests of one rule.
#[derive(Debug)]
struct Tests<'t> {
    rule: &'t CheckedRule,
    scenario: Scenario<'t>,
    evaluations: Evaluations,
    written: Vec<Test>,
}

/// The tests of these rules, and which of them have none.
pub(super) fn of(
    rules: &[CheckedRule],
    published: &Published<'_>,
    interval: Duration,
) -> (TestFile, Vec<String>) {
    let evaluations = Evaluations::new(interval);
    let (mut tests, mut comments) = (Vec::new(), Vec::new());
    for rule in rules {
        if matches!(rule.promql(published), Promql::None(_)) {
            continue;
        }
        let more = job_tests::of(rule, published, evaluations);
        for written in [of_rule(rule, published, evaluations), more] {
            match written {
                Ok(written) => tests.extend(written),
                Err(reason) => comments.push(format!("{} has no test: {reason}", rule.name)),
            }
        }
    }
    let file = TestFile {
        rule_files: ["rules.yml"],
        evaluation_interval: duration(evaluations.0),
        tests,
    };
    (file, comments)
}

fn of_rule(
    rule: &CheckedRule,
    published: &Published<'_>,
    evaluations: Evaluations,
) -> Result<Vec<Test>, &'static str> {
    let scenario = Scenario::of(rule, published);
    let is_now = match rule.signal.kind {
        Kind::ErrorSpike | Kind::NewErrors => false,
        _ => scenario.load.is_now(),
    };
    let is_whole = rule.window.as_millis().is_multiple_of(STEP.as_millis());
    if !is_now && (rule.window < SHORTEST || !is_whole) {
        return Err("its window does not consist of scrapes every 15 seconds");
    }
    match rule.signal.kind {
        Kind::ErrorSpike => return beginnings::of_spike(&scenario, evaluations),
        Kind::NewErrors => return beginnings::of_new_errors(&scenario, evaluations),
        _ => {}
    }
    let (good, bad) = scenario.limits().ok_or("no number breaks it")?;
    let mut tests = Tests {
        rule,
        scenario,
        evaluations,
        written: Vec::new(),
    };
    tests
        .write(good, bad)
        .ok_or("no series brings it to its threshold")?;
    Ok(tests.written)
}

// === impl Tests ===

impl Tests<'_> {
    fn write(&mut self, good: f64, bad: f64) -> Option<()> {
        let rule = self.rule;
        let window = match self.scenario.load.is_now() {
            true => Duration::ZERO,
            false => rule.window,
        };
        let after = |time, evaluations| self.evaluations.after(time, evaluations);
        let fired = after(window + rule.pending_for, 2);
        let ended = after(fired + window + rule.keep_firing_for, 3);
        let side = match rule.comparison {
            Comparison::Above => "above",
            Comparison::Below => "below",
        };
        let threshold = rule.threshold;

        let recovering = Values::new([(bad, steps(fired)), (good, steps(ended - fired) + 1)]);
        let series = self.scenario.series(&recovering, None)?;
        self.test(
            &format!("fires {side} {threshold}, and ends"),
            series,
            &[(fired, 1), (ended, 0)],
        );
        // What is below a rate while it begins has ended then.
        let settled = match rule.comparison {
            Comparison::Above => fired,
            Comparison::Below => ended,
        };
        let values = Values::new([(good, steps(settled) + 1)]);
        let series = self.scenario.series(&values, None)?;
        self.test("does not fire at the threshold", series, &[(settled, 0)]);
        let is_judged = matches!(self.scenario.load, Load::Failed | Load::Slow(_));
        if is_judged && rule.comparison == Comparison::Above && rule.at_least > 1 {
            let few = (rule.at_least - 1) as f64;
            let values = Values::new([(few, 1), (0.0, steps(fired))]);
            let series = self.scenario.series(&values, Some(few))?;
            self.test("does not fire with few requests", series, &[(fired, 0)]);
        }
        self.test("does not fire without data", Vec::new(), &[(fired, 0)]);
        Some(())
    }

    fn test(&mut self, says: &str, series: Vec<Series>, expected: &[(Duration, u8)]) {
        let rule = &self.rule.name;
        let test = Test::new(format!("{rule} {says}"), series);
        let alerts = firing(rule);
        let test = expected.iter().fold(test, |test, (at, number)| {
            test.counts(&alerts, *at, *number)
        });
        self.written.push(test);
    }
}
