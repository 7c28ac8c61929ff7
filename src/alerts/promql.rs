//! Says in PromQL what a rule judges.
//!
//! The expressions stand over the names and labels that `/metrics` has, and say the same as the rule's own verdict. What is counted
//! is summed over all processes that Prometheus scrapes. What is now is judged for each of them.
//!
//! `increase()` does not see what a series begins with. So it misses the first failure of a kind, where `/metrics` does not show a 0
//! before it.

mod condition;
mod expr;
mod gauges;
mod own;
mod published;
mod requests;
mod selector;
mod share;
mod times;
mod work;

use self::{
    condition::Condition, requests::Requests, selector::Range, share::share, times::Times,
    work::Work,
};
use super::{checked::CheckedRule, own::Own, rule::Comparison, signal::Kind};
use crate::metrics::catalog::Id;

pub(crate) use self::published::Published;

/// What Prometheus computes for a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Promql {
    Signal {
        /// The number over the rule's window, in the unit of the signal.
        value: String,
        /// It has samples exactly where the rule is broken. Of a share, also by longer times. Its value is that of the share that
        /// decided, or of the signal; of a latency it is no time, so `value and breach` is what to show.
        breach: String,
    },
    /// It cannot be told, for this reason.
    None(&'static str),
}

// === impl CheckedRule ===

impl CheckedRule {
    /// The rule in PromQL.
    pub(crate) fn promql(&self, published: &Published<'_>) -> Promql {
        match condition(self, published) {
            Ok(Condition { value, breach }) => Promql::Signal {
                value: value.to_string(),
                breach: breach.to_string(),
            },
            Err(reason) => Promql::None(reason),
        }
    }
}

fn condition(rule: &CheckedRule, published: &Published<'_>) -> Result<Condition, &'static str> {
    let requests = || Requests::new(rule, published);
    let few = &published.few;
    Ok(match &rule.signal.kind {
        Kind::ErrorRate => {
            let requests = requests()?;
            share(rule, few, |range| requests.counts(range))
        }
        Kind::ErrorsPerMinute | Kind::RequestsPerSecond => requests()?.rate(),
        Kind::Latency(percent) => Times::of_requests(rule, published)?.quantile(rule, *percent),
        Kind::InFlight => Condition::of(rule, gauges::in_flight(published)?),
        Kind::ErrorSpike => requests()?.spike(),
        Kind::NewErrors => requests()?.new_kinds(few.hour),
        Kind::NewErrorsSinceDeployment => {
            return Err("a range of PromQL has a fixed length, and cannot begin at a deployment");
        }
        Kind::QueryLatency => Times::of_queries(rule, published)?.quantile(rule, 95),
        Kind::SlowQueries => {
            let range = Range::last(rule.window);
            let slower = Times::of_queries(rule, published)?.slower(rule, range);
            let slower = match rule.comparison {
                Comparison::Above => slower,
                // A service without queries has no slow ones.
                Comparison::Below => slower.or(requests()?.none(range)),
            };
            Condition::of_count(rule, slower)
        }
        Kind::OutboundErrorRate => {
            let calls = Work::new(rule, published, Id::OutboundCalls)?;
            share(rule, few, |range| calls.counts(range))
        }
        Kind::JobFailures => Work::new(rule, published, Id::JobRuns)?.failed(),
        Kind::Now(gauge) => {
            let only = rule.signal.only.as_deref();
            Condition::of(rule, gauges::gauge(*gauge, only, published)?)
        }
        Kind::Own(Own::Asked { .. }) => {
            return Err("the application computes it, and publishes it nowhere");
        }
        Kind::Own(Own::Gauge { name, labels }) => {
            Condition::of(rule, own::series(name, labels)?.now())
        }
        Kind::Own(Own::Share { part, whole, .. }) => share(rule, few, own::counts(part, whole)?),
    })
}

#[cfg(test)]
mod tests;
