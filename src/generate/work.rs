//! Writes the series of calls, jobs, queries, and of what the application counts itself.

use super::{test_file::Series, values::Values};
use crate::{
    alerts::{CheckedRule, CounterOf, Kind, Own, Published},
    facts::work::CallOutcome,
    metrics::catalog::Id,
};

/// What is counted in each step.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// What failed, or took too long.
    pub(super) bad: Values,
    pub(super) rest: Values,
    pub(super) all: Values,
}

/// The series with these numbers. `None` if these names have no such metric, or a rule counts nothing that another one can.
pub(super) fn series(
    rule: &CheckedRule,
    published: &Published<'_>,
    parts: &Parts,
) -> Option<Vec<Series>> {
    let only = rule.signal.only.as_deref().unwrap_or("a");
    let counter = |name: Option<String>, values: &Values| Some((name?, values.counter()));
    let ended = |id| {
        let sample =
            |outcome: CallOutcome| published.sample(id, &[(0, only), (1, outcome.as_str())]);
        Some(vec![
            counter(sample(CallOutcome::Success), &parts.rest)?,
            counter(sample(CallOutcome::Error), &parts.bad)?,
        ])
    };
    match &rule.signal.kind {
        Kind::OutboundErrorRate => ended(Id::OutboundCalls),
        Kind::JobFailures => ended(Id::JobRuns),
        Kind::QueryLatency | Kind::SlowQueries => {
            let labels = [(0, "SELECT"), (1, only)];
            let bucket = |edge| published.bucket(Id::QueryDuration, &labels, edge);
            let count = published.count(Id::QueryDuration, &labels);
            Some(vec![
                counter(bucket(rule.edge()), &parts.rest)?,
                counter(bucket(None), &parts.all)?,
                counter(count, &parts.all)?,
            ])
        }
        Kind::Own(Own::Share { part, whole, .. }) => {
            let one = |of: &CounterOf| published.own(&of.name, &of.labels);
            let (other, is_rest) = beside(part, whole)?;
            let values = if is_rest { &parts.rest } else { &parts.all };
            Some(vec![
                counter(one(part), &parts.bad)?,
                counter(one(&other), values)?,
            ])
        }
        _ => None,
    }
}

/// A gauge of the application with these values.
pub(super) fn own(
    rule: &CheckedRule,
    published: &Published<'_>,
    values: &Values,
) -> Option<Series> {
    match &rule.signal.kind {
        Kind::Own(Own::Gauge { name, labels }) => {
            Some((published.own(name, labels)?, values.gauge()))
        }
        _ => None,
    }
}

/// The series beside that of the part, and whether it is the rest of the whole: the whole can have the series of the part, too.
/// `None` if it has no other one.
fn beside(part: &CounterOf, whole: &CounterOf) -> Option<(CounterOf, bool)> {
    let has_part = whole.labels.iter().all(|label| part.labels.contains(label));
    if part.name != whole.name || !has_part {
        return Some((whole.clone(), false));
    }
    let mut own = part.labels.iter();
    let (name, value) = own.find(|label| !whole.labels.contains(label))?;
    Some((whole.clone().label(name, format!("not {value}")), true))
}
