//! Writes the tests of generated rules, which promtool runs.

use std::time::Duration;

use serde::Serialize;

use super::{
    alerting::length,
    scenario::{Load, Scenario, Series},
    values::{STEP, Values},
};
use crate::alerts::{CheckedRule, Comparison, Promql, Published};

/// The shortest window of a rule that has tests: a scrape every 15 seconds tells nothing of shorter ones.
const SHORTEST: Duration = Duration::from_secs(60);

/// A file of tests.
#[derive(Debug, Serialize)]
pub(super) struct TestFile {
    rule_files: [&'static str; 1],
    evaluation_interval: String,
    tests: Vec<Test>,
}

#[derive(Debug, Serialize)]
struct Test {
    name: String,
    interval: String,
    input_series: Vec<Input>,
    promql_expr_test: Vec<Expected>,
}

#[derive(Debug, Serialize)]
struct Input {
    series: String,
    values: String,
}

#[derive(Debug, Serialize)]
struct Expected {
    expr: String,
    eval_time: String,
    exp_samples: [Sample; 1],
}

#[derive(Debug, Serialize)]
struct Sample {
    labels: &'static str,
    value: u8,
}

/// The tests of one rule.
#[derive(Debug)]
struct Tests<'t> {
    rule: &'t CheckedRule,
    scenario: Scenario<'t>,
    evaluation: Duration,
    written: Vec<Test>,
}

/// The tests of these rules, and which of them have none.
pub(super) fn of(
    rules: &[CheckedRule],
    published: &Published<'_>,
    interval: Duration,
) -> (TestFile, Vec<String>) {
    // Rules are judged where there are samples.
    let steps = interval.as_nanos().div_ceil(STEP.as_nanos());
    let evaluation = STEP * u32::try_from(steps.max(1)).unwrap_or(u32::MAX);
    let (mut tests, mut comments) = (Vec::new(), Vec::new());
    for rule in rules {
        if matches!(rule.promql(published), Promql::None(_)) {
            continue;
        }
        match Tests::of(rule, published, evaluation) {
            Ok(written) => tests.extend(written),
            Err(reason) => comments.push(format!("{} has no test: {reason}", rule.name)),
        }
    }
    let file = TestFile {
        rule_files: ["rules.yml"],
        evaluation_interval: length(evaluation),
        tests,
    };
    (file, comments)
}

// === impl Tests ===

impl<'t> Tests<'t> {
    fn of(
        rule: &'t CheckedRule,
        published: &'t Published<'t>,
        evaluation: Duration,
    ) -> Result<Vec<Test>, &'static str> {
        let scenario = Scenario::of(rule, published);
        let scenario = scenario.ok_or("none is written for this signal")?;
        let window = rule.window;
        let is_counted = !matches!(scenario.load, Load::Shown(_) | Load::InFlight);
        let is_whole = window.as_millis().is_multiple_of(STEP.as_millis());
        if is_counted && (window < SHORTEST || !is_whole) {
            return Err("its window does not consist of scrapes every 15 seconds");
        }
        let (good, bad) = scenario.limits().ok_or("no number breaks it")?;
        let mut tests = Self {
            rule,
            scenario,
            evaluation,
            written: Vec::new(),
        };
        tests
            .write(good, bad)
            .ok_or("these names have no such metric")?;
        Ok(tests.written)
    }

    fn write(&mut self, good: f64, bad: f64) -> Option<()> {
        let rule = self.rule;
        let window = match self.scenario.load {
            Load::Shown(_) | Load::InFlight => Duration::ZERO,
            _ => rule.window,
        };
        let fired = self.after(window + rule.pending_for, 2);
        let ended = self.after(fired + window + rule.keep_firing_for, 3);
        let steps =
            |time: Duration| u64::try_from(time.as_nanos() / STEP.as_nanos()).unwrap_or(u64::MAX);
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

    /// The moment of an evaluation, so many after this time.
    fn after(&self, time: Duration, evaluations: u32) -> Duration {
        let whole = time.as_nanos().div_ceil(self.evaluation.as_nanos());
        self.evaluation
            * (u32::try_from(whole)
                .unwrap_or(u32::MAX)
                .saturating_add(evaluations))
    }

    fn test(&mut self, says: &str, series: Vec<Series>, expected: &[(Duration, u8)]) {
        let rule = &self.rule.name;
        let inputs = series.into_iter();
        let expected = expected.iter();
        self.written.push(Test {
            name: format!("{rule} {says}"),
            interval: length(STEP),
            input_series: inputs
                .map(|(series, values)| Input { series, values })
                .collect(),
            promql_expr_test: expected
                .map(|(at, value)| Expected {
                    expr: format!(
                        "count(ALERTS{{rule=\"{rule}\",alertstate=\"firing\"}}) or vector(0)"
                    ),
                    eval_time: length(*at),
                    exp_samples: [Sample {
                        labels: "{}",
                        value: *value,
                    }],
                })
                .collect(),
        });
    }
}
