//! Checks a rule, and says which field of it cannot work.

use std::{sync::Arc, time::Duration};

use super::{
    fingerprint::Labels,
    own::Own,
    rule::{Comparison, Repeat, Rule},
    severity::AlertSeverity,
    signal::{Gauge, Kind, Signal},
};
use crate::{config::ConfigError, facts::labels::MethodLabel};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Why a time after which an alert is told again is refused.
pub(super) const REPEAT: &str = "must be from a second to a week";

/// A query that takes longer is slow.
const SLOW_QUERY: Duration = Duration::from_secs(1);

/// A rule that can work.
#[derive(Clone, Debug)]
pub(crate) struct CheckedRule {
    pub(crate) name: Arc<str>,
    pub(crate) signal: Signal,
    pub(crate) comparison: Comparison,
    pub(crate) threshold: f64,
    pub(crate) window: Duration,
    pub(crate) pending_for: Duration,
    pub(crate) keep_firing_for: Duration,
    pub(crate) at_least: u64,
    pub(crate) severity: AlertSeverity,
    pub(crate) summary: String,
    pub(crate) runbook: Option<String>,
    pub(crate) repeat: Option<Duration>,
    pub(crate) scope: Scope,
    /// Each instance of a fleet evaluates it, over its own numbers.
    pub(crate) on_each_instance: bool,
    /// The instance that evaluates it for itself, if the service is a fleet.
    pub(crate) instance: Option<Arc<str>>,
    /// Rules with the same key judge the same: a critical one mutes the milder ones.
    pub(crate) key: String,
}

/// Which requests a rule judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Service,
    Endpoint {
        route: Arc<str>,
        method: Option<MethodLabel>,
    },
    EachEndpoint,
}

/// Whether an alert can be told again after this time.
pub(super) fn is_repeat(every: Duration) -> bool {
    (Duration::from_secs(1)..=WEEK).contains(&every)
}

// === impl Rule ===

impl Rule {
    /// The rule, if it can work. `others` are the names that are taken.
    pub(crate) fn checked(self, others: &[Arc<str>]) -> Result<CheckedRule, ConfigError> {
        self.check_name(others)?;
        let (comparison, threshold) = self.checked_comparison()?;
        self.check_times()?;
        self.check_texts()?;
        let scope = self.checked_scope()?;
        let usual = if self.signal.is_share() { 15 } else { 5 };
        let usual = Duration::from_secs(usual * 60);
        Ok(CheckedRule {
            key: self.signal.key(),
            name: Arc::from(self.name),
            comparison,
            threshold,
            window: self.window,
            pending_for: self.pending_for,
            keep_firing_for: self.keep_firing_for.unwrap_or(usual),
            at_least: self.at_least,
            severity: self.severity,
            summary: self.summary,
            runbook: self.runbook,
            repeat: match self.repeat {
                Repeat::Usual => Some(HOUR),
                Repeat::Every(every) => Some(every),
                Repeat::Never => None,
            },
            scope,
            on_each_instance: self.on_each_instance || self.signal.is_of_each_instance(),
            instance: None,
            signal: self.signal,
        })
    }

    fn check_name(&self, others: &[Arc<str>]) -> Result<(), ConfigError> {
        let name = &self.name;
        let field = format!("alerts[{}].name", others.len());
        let fits =
            |one: u8| one.is_ascii_alphanumeric() || matches!(one, b'_' | b'-' | b'.' | b':');
        if name.is_empty() || name.len() > 100 || !name.bytes().all(fits) {
            let reason = "expected 1 to 100 letters, digits, `_`, `-`, `.` or `:`";
            return Err(ConfigError::new(field, name, reason));
        }
        if others.iter().any(|other| **other == **name) {
            return Err(ConfigError::new(field, name, "another rule has this name"));
        }
        Ok(())
    }

    fn checked_comparison(&self) -> Result<(Comparison, f64), ConfigError> {
        let Some((comparison, threshold)) = self.comparison else {
            return Err(self.wrong("threshold", "", "set it by `above` or `below`"));
        };
        let wrong = |reason| Err(self.wrong("threshold", threshold, reason));
        if !threshold.is_finite() {
            return wrong("expected a number");
        }
        if self.signal.is_share() && !(0.0..=100.0).contains(&threshold) {
            return wrong("a share is from 0 to 100 per cent");
        }
        // A nanosecond, and the time of a request that nobody waits for.
        if self.signal.is_latency() && !(1e-6..=3_600_000.0).contains(&threshold) {
            return wrong("expected milliseconds, above 0 and at most 3600000");
        }
        Ok((comparison, threshold))
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        let window = self.window;
        let longest = match self.signal.kind {
            // The window before it must be kept, too.
            Kind::ErrorSpike | Kind::NewErrors => DAY / 2,
            _ => DAY,
        };
        if window.is_zero() || window > longest {
            let reason = format!("must be above 0 and at most {longest:?}");
            return Err(self.wrong("window", format!("{window:?}"), &reason));
        }
        let held = self.keep_firing_for.unwrap_or_default();
        for (field, time) in [("pending_for", self.pending_for), ("keep_firing_for", held)] {
            if time > DAY {
                return Err(self.wrong(field, format!("{time:?}"), "must be at most 24 hours"));
            }
        }
        if let Repeat::Every(repeat) = self.repeat
            && !is_repeat(repeat)
        {
            return Err(self.wrong("repeat", format!("{repeat:?}"), REPEAT));
        }
        Ok(())
    }

    fn check_texts(&self) -> Result<(), ConfigError> {
        if self.summary.len() > 1_000 {
            let length = format!("{} bytes", self.summary.len());
            return Err(self.wrong("summary", length, "must have at most 1000 bytes"));
        }
        if let Some(runbook) = &self.runbook {
            let is_address = ["https://", "http://"]
                .iter()
                .any(|scheme| runbook.starts_with(scheme));
            if !is_address || runbook.len() > 2_000 || runbook.contains(char::is_whitespace) {
                let reason = "expected an address that begins with `https://` or `http://`";
                return Err(self.wrong("runbook", runbook, reason));
            }
        }
        if self.signal.name().is_empty() {
            return Err(self.wrong("signal", "", "it has no name"));
        }
        if let Some(only) = &self.signal.only
            && (only.is_empty() || self.signal.subject().is_none())
        {
            let reason = match self.signal.subject() {
                Some(_) => "expected a name",
                None => "this signal has one number, and no name to choose it by",
            };
            return Err(self.wrong("only", only, reason));
        }
        if let Some(category) = self.signal.category
            && !self.signal.is_of_errors()
        {
            let reason = "only signals of errors are told by category";
            return Err(self.wrong("category", category.as_str(), reason));
        }
        Ok(())
    }

    fn checked_scope(&self) -> Result<Scope, ConfigError> {
        let by_endpoint = self.signal.is_of_requests();
        if self.each_endpoint {
            return match (by_endpoint, &self.endpoint) {
                (false, _) => {
                    let reason = "this signal is not told by endpoint";
                    Err(self.wrong("each_endpoint", "true", reason))
                }
                (true, Some(_)) => {
                    let reason = "a rule has either one endpoint or each";
                    Err(self.wrong("each_endpoint", "true", reason))
                }
                (true, None) if self.is_below_a_rate() => {
                    let reason = "an endpoint without requests is not seen: name it by `endpoint`";
                    Err(self.wrong("each_endpoint", "true", reason))
                }
                (true, None) => Ok(Scope::EachEndpoint),
            };
        }
        let Some(route) = &self.endpoint else {
            return match &self.method {
                Some(method) => Err(self.wrong("method", method, "it needs an `endpoint`")),
                None => Ok(Scope::Service),
            };
        };
        if !by_endpoint || route.is_empty() {
            let reason = match by_endpoint {
                true => "expected a route",
                false => "this signal is not told by endpoint",
            };
            return Err(self.wrong("endpoint", &**route, reason));
        }
        let method = self
            .method
            .as_deref()
            .map(|method| self.checked_method(method));
        Ok(Scope::Endpoint {
            route: Arc::clone(route),
            method: method.transpose()?,
        })
    }

    /// Whether the rule is broken where little or nothing happens.
    const fn is_below_a_rate(&self) -> bool {
        matches!(self.comparison, Some((Comparison::Below, _)))
            && matches!(
                self.signal.kind,
                Kind::RequestsPerSecond | Kind::ErrorsPerMinute
            )
    }

    fn checked_method(&self, method: &str) -> Result<MethodLabel, ConfigError> {
        if self.signal.category.is_some() || self.signal.is_new_errors() {
            let reason = "categories are told by endpoint, and not by method";
            return Err(self.wrong("method", method, reason));
        }
        let index = MethodLabel::ALL.iter().position(|label| *label == method);
        match index.and_then(|index| u8::try_from(index).ok()) {
            Some(index) => Ok(MethodLabel::at(index)),
            None => {
                let reason = "expected a method such as `GET`, or `_OTHER`";
                Err(self.wrong("method", method, reason))
            }
        }
    }

    fn wrong(&self, field: &str, value: impl ToString, reason: &str) -> ConfigError {
        let field = format!("alerts.{}.{field}", self.name);
        ConfigError::new(field, value.to_string(), reason)
    }
}

// === impl CheckedRule ===

impl CheckedRule {
    /// The labels of an alert of this rule, beside those of what its signal is of.
    pub(crate) fn labels(&self) -> Labels {
        let mut labels = Labels::new();
        if let Scope::Endpoint { route, method } = &self.scope {
            labels.insert("endpoint".to_owned(), route.as_ref().to_owned());
            if let Some(method) = method {
                labels.insert("method".to_owned(), method.as_str().to_owned());
            }
        }
        self.mark(&mut labels);
        labels
    }

    /// The duration that must be an edge of the buckets, so that what is published gives the same verdict.
    pub(crate) fn edge(&self) -> Option<Duration> {
        if matches!(self.signal.kind, Kind::SlowQueries) {
            return Some(SLOW_QUERY);
        }
        let is_latency = self.signal.is_latency();
        is_latency.then(|| Duration::from_nanos((self.threshold * 1e6).round() as u64))
    }
}

// === impl Signal ===

impl Signal {
    /// Whether it is a share of something that is counted, so that few of them prove little.
    pub(crate) const fn is_share(&self) -> bool {
        matches!(
            self.kind,
            Kind::ErrorRate | Kind::OutboundErrorRate | Kind::Own(Own::Share { .. })
        )
    }

    pub(crate) const fn is_latency(&self) -> bool {
        matches!(self.kind, Kind::Latency(_) | Kind::QueryLatency)
    }

    pub(crate) const fn is_new_errors(&self) -> bool {
        matches!(self.kind, Kind::NewErrors | Kind::NewErrorsSinceDeployment)
    }

    const fn is_of_errors(&self) -> bool {
        self.is_new_errors()
            || matches!(
                self.kind,
                Kind::ErrorRate | Kind::ErrorsPerMinute | Kind::ErrorSpike
            )
    }

    const fn is_of_requests(&self) -> bool {
        self.is_of_errors() || matches!(self.kind, Kind::Latency(_) | Kind::RequestsPerSecond)
    }

    /// What it has a number for each of. `None` if it has one number.
    pub(crate) const fn subject(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Now(gauge) => gauge.label(),
            Kind::OutboundErrorRate => Some("service"),
            Kind::JobFailures => Some("job"),
            Kind::QueryLatency | Kind::SlowQueries => Some("table"),
            _ => None,
        }
    }

    /// The check, pool or path that must exist.
    pub(crate) fn named(&self) -> Option<(Gauge, &str)> {
        match (&self.kind, &self.only) {
            (Kind::Now(gauge), Some(only)) => Some((*gauge, only)),
            _ => None,
        }
    }

    fn key(&self) -> String {
        let category = self.category.map_or("", |category| category.as_str());
        // Alerts of the others have it as a label.
        let is_no_label = matches!(self.kind, Kind::QueryLatency | Kind::SlowQueries);
        let only = self.only.as_deref().filter(|_| is_no_label);
        let only = only.unwrap_or_default();
        format!("{}/{category}/{only}", self.name())
    }
}

#[cfg(test)]
mod tests;
