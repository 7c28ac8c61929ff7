//! Says in PromQL what a rule judges.
//!
//! The expressions stand over the names and labels that `/metrics` has, and say the same as the rule's own verdict. What is
//! counted is summed over all processes that Prometheus scrapes. What is now is judged for each of them, and the age of a job for
//! all of them together.
//!
//! `increase()` does not see what a series begins with. So it misses the first failure of a kind, where `/metrics` does not show
//! a 0 before it.

mod condition;
#[cfg(feature = "generate")]
mod dashboard;
mod expr;
mod gauges;
mod job_age;
mod own;
mod published;
mod requests;
mod selector;
mod share;
mod times;
mod work;

use std::time::Duration;

use self::{
    condition::Condition, requests::Requests, selector::Range, share::share, times::Times,
    work::Work,
};
use super::{
    checked::CheckedRule,
    own::Own,
    rule::{Comparison, Rule},
    signal::Kind,
};
use crate::{
    config::ConfigError,
    metrics::{Settings, catalog::Id},
};

pub(crate) use self::published::Published;
#[cfg(feature = "generate")]
pub(crate) use self::selector::duration;

/// The shortest slots of windows, unless the application chose others.
const SLOT: Duration = Duration::from_secs(10);

/// What Prometheus computes for a [`Rule`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Promql {
    /// Prometheus knows as much as the rule does.
    Signal {
        /// The number over the rule's window, in the [unit](crate::alerts::Signal::unit) of the signal.
        value: String,
        /// It has samples exactly where the rule is broken, also if a share of few requests is judged over longer times. A sample
        /// has the number of the signal, or the share that decided. That of a job without a success has the threshold: the job is
        /// older.
        breach: String,
    },
    /// Prometheus cannot compute it, for this reason.
    None(&'static str),
}

// === impl Rule ===

impl Rule {
    /// The rule in PromQL, over the names and labels with which these settings publish.
    ///
    /// What is counted is summed over all processes that Prometheus scrapes. What is now is judged for each of them, and the age of
    /// a job for all of them together. `increase()` does not see what a series begins with, so the first failure of a kind can be
    /// missed.
    ///
    /// # Errors
    ///
    /// If the rule cannot work.
    ///
    /// ```
    /// use tower_vitals::{
    ///     alerts::{Promql, Rule, Signal},
    ///     metrics::Settings,
    /// };
    ///
    /// let busy = Rule::new("busy", Signal::in_flight()).above(500.0);
    /// let told = busy.promql(&Settings::new().prefix("shop_"))?;
    /// let Promql::Signal { value, breach } = told else {
    ///     unreachable!("requests in flight are published");
    /// };
    /// assert_eq!(value, "shop_http_requests_in_flight");
    /// assert_eq!(breach, "shop_http_requests_in_flight > 500");
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn promql(&self, metrics: &Settings) -> Result<Promql, ConfigError> {
        let rule = self.clone().checked(&[])?;
        Ok(rule.promql(&Published::new(metrics.names, &metrics.naming, SLOT)))
    }
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
        Kind::Now(gauge) => gauges::gauge(rule, *gauge, published)?,
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
