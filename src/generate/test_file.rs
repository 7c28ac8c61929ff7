//! Is a file of tests for promtool.

use std::time::Duration;

use serde::Serialize;

use super::values::STEP;
use crate::alerts::duration;

/// A series with its values.
pub(super) type Series = (String, String);

/// A file of tests, which lies beside the file of rules that it names.
#[derive(Debug, Serialize)]
pub(super) struct TestFile {
    pub(super) rule_files: [&'static str; 1],
    pub(super) evaluation_interval: String,
    pub(super) tests: Vec<Test>,
}

/// What is scraped, and what is found then.
#[derive(Debug, Serialize)]
pub(super) struct Test {
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

/// When rules are judged: at samples, and about as often as the application has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evaluations(pub(super) Duration);

// === impl Test ===

impl Test {
    pub(super) fn new(name: String, series: Vec<Series>) -> Self {
        let series = series.into_iter();
        Self {
            name,
            interval: duration(STEP),
            input_series: series
                .map(|(series, values)| Input { series, values })
                .collect(),
            promql_expr_test: Vec::new(),
        }
    }

    /// How many series there are at a moment.
    pub(super) fn counts(mut self, series: &str, at: Duration, number: u8) -> Self {
        self.promql_expr_test.push(Expected {
            expr: format!("count({series}) or vector(0)"),
            eval_time: duration(at),
            exp_samples: [Sample {
                labels: "{}",
                value: number,
            }],
        });
        self
    }
}

// === impl Evaluations ===

impl Evaluations {
    pub(super) fn new(interval: Duration) -> Self {
        let steps = interval.as_nanos().div_ceil(STEP.as_nanos());
        Self(STEP * u32::try_from(steps.max(1)).unwrap_or(u32::MAX))
    }

    /// The moment of an evaluation, so many after the first one at this time or later.
    pub(super) fn after(self, time: Duration, evaluations: u32) -> Duration {
        let whole = time.as_nanos().div_ceil(self.0.as_nanos());
        let whole = u32::try_from(whole).unwrap_or(u32::MAX);
        self.0 * whole.saturating_add(evaluations)
    }

    /// The moment of the last evaluation before this time. `None` if there is none.
    pub(super) fn before(self, time: Duration) -> Option<Duration> {
        let nanos = time.as_nanos().checked_sub(1)?;
        let whole = u32::try_from(nanos / self.0.as_nanos());
        Some(self.0 * whole.unwrap_or(u32::MAX))
    }
}

/// How many samples there are in a time.
pub(super) fn steps(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() / STEP.as_nanos()).unwrap_or(u64::MAX)
}

/// The alerts of a rule that fire.
pub(super) fn firing(rule: &str) -> String {
    format!("ALERTS{{rule=\"{rule}\",alertstate=\"firing\"}}")
}

/// The alerts of a rule that are pending or fire.
pub(super) fn active(rule: &str) -> String {
    format!("ALERTS{{rule=\"{rule}\"}}")
}
