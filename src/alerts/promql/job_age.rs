//! Tells how long ago a job succeeded, in whichever process it did.

use std::time::Duration;

use super::{
    condition::Condition,
    expr::Expr,
    published::Published,
    selector::{Range, as_scraped},
};
use crate::{
    alerts::{checked::CheckedRule, rule::Comparison},
    metrics::catalog::Id,
};

/// How far back a success is looked for at least. It stays known when the process that saw it has ended.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// No Prometheus keeps more, and its durations end at 292 years.
const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// A rule over the age of jobs. A job that one process ran has run for all.
///
/// A job without a success has no series of it. It is as old as the threshold at least, if requests were counted so long ago.
pub(super) fn job_age(
    rule: &CheckedRule,
    published: &Published<'_>,
) -> Result<Condition, &'static str> {
    let longest = longest(rule.threshold);
    let range = Range::last(longest.max(DAY));
    let only = rule.signal.only.as_deref();
    let successes = published.family(Id::JobLastSuccess)?;
    let job = [as_scraped(successes.label(0))];
    let succeeded = successes.only(0, only).over(range);
    let last = Expr::call("max_over_time", None, &succeeded);
    let last = Expr::by("max", &job, last);
    let mut condition = Condition::of(rule, Expr::whole("time()").minus(last.clone()));
    if rule.comparison == Comparison::Above {
        let never = match only {
            // Its name is one of the labels that it gives.
            Some(_) => {
                let absent = Expr::call("absent_over_time", None, &succeeded);
                Expr::by("max", &job, absent)
            }
            None => {
                let runs = published.family(Id::JobRuns)?.all().over(range);
                let ran = Expr::call("last_over_time", None, runs);
                Expr::by("group", &job, ran).unless(last)
            }
        };
        let started = published.family(Id::Started)?.all();
        let observed = Expr::call("sum", None, started.ago(longest));
        let overdue = Expr::number(rule.threshold).times(never);
        condition.breach = condition.breach.or(overdue.and_once(observed));
    }
    Ok(condition)
}

/// The time of a threshold.
fn longest(threshold: f64) -> Duration {
    let time = Duration::try_from_secs_f64(threshold.max(0.0));
    time.unwrap_or(MOST).min(MOST)
}
