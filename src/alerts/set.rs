//! Holds the rules of a service, and how often they are evaluated.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::{
    checked::{CheckedRule, REPEAT, is_repeat},
    presets,
    rule::{Repeat, Rule},
    runbooks::Runbooks,
    severity::AlertSeverity,
    signal::Gauge,
};
use crate::config::{ConfigError, Environment, Variables};

const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The most thresholds of durations. Each is an edge of the buckets of every endpoint.
const MOST_EDGES: usize = 64;

/// The most rules.
const MOST_RULES: usize = 10_000;

/// The rules of a service, and how often they are evaluated.
///
/// By default there are the four of [`presets::usual`], for the whole service.
///
/// ```
/// use tower_vitals::alerts::{Alerts, Rule, Signal, presets};
///
/// let alerts = Alerts::default()
///     .without("high_memory_usage")
///     .rule(Rule::new("quiet", Signal::requests_per_second()).below(0.1))
///     .rules(presets::guides());
/// ```
#[derive(Clone, Debug)]
pub struct Alerts {
    rules: Vec<Rule>,
    interval: Duration,
    /// Those that were chosen, the last one last.
    repeats: Vec<(AlertSeverity, Duration)>,
    /// A rule that was left out, and is none.
    misspelt: Option<String>,
    /// Where the pages of built-in rules are.
    runbooks: Option<String>,
    /// What the environment says, for those who ask where a setting came from. `None` if it was not read.
    pub(super) from: Option<Arc<FromEnvironment>>,
}

/// What the environment says of rules.
#[derive(Clone, Debug)]
pub(crate) struct FromEnvironment {
    pub(crate) variables: Variables,
    /// The rules that it makes, and how often they are evaluated.
    pub(crate) rules: Vec<Rule>,
    pub(crate) interval: Duration,
}

/// Rules that can work.
#[derive(Clone, Debug)]
pub(crate) struct CheckedAlerts {
    pub(crate) rules: Arc<[CheckedRule]>,
    pub(crate) interval: Duration,
    #[cfg(feature = "generate")]
    pub(crate) runbooks: Runbooks,
}

/// What there is in a service that rules can name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Existing {
    pub(crate) checks: BTreeSet<String>,
    /// `None` if they are not known yet.
    pub(crate) pools: Option<BTreeSet<String>>,
    pub(crate) paths: Option<BTreeSet<String>>,
}

// === impl Alerts ===

impl Alerts {
    /// No rules, evaluated every 60 seconds.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            rules: Vec::new(),
            interval: Duration::from_secs(60),
            repeats: Vec::new(),
            misspelt: None,
            runbooks: None,
            from: None,
        }
    }

    /// The rules that are there by default, with the settings of the environment: see [the settings](crate::guides::alerts).
    ///
    /// # Errors
    ///
    /// If a value is not valid. The error names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    /// Adds a rule. No other one may have its name.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Adds rules.
    #[must_use]
    pub fn rules(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.rules.extend(rules);
        self
    }

    /// Leaves out the rule with this name. It must have been added before, or be one of [`presets::usual`], which the environment can
    /// have left out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.name != name);
        let is_usual = || presets::usual().iter().any(|rule| rule.name == name);
        if self.rules.len() == before && !is_usual() {
            self.misspelt = Some(name.to_owned());
        }
        self
    }

    /// After how long firing alerts of this severity are told again, from a second to a week, unless their rule has its own
    /// [`repeat`](Rule::repeat). Defaults to an hour.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_vitals::alerts::{AlertSeverity, Alerts};
    ///
    /// let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    /// let alerts = Alerts::default()
    ///     .repeat(AlertSeverity::Critical, minutes(5))
    ///     .repeat(AlertSeverity::Warning, minutes(15));
    /// ```
    #[must_use]
    pub fn repeat(mut self, severity: AlertSeverity, every: Duration) -> Self {
        self.repeats.push((severity, every));
        self
    }

    /// Where the pages of the built-in rules are: an address in which `{name}` stands for the name of a page. A rule's own
    /// [`runbook`](Rule::runbook) wins. Defaults to the [pages of this crate](crate::guides::runbooks) at docs.rs.
    ///
    /// ```
    /// use tower_vitals::alerts::Alerts;
    ///
    /// let alerts = Alerts::default().runbooks("https://wiki.example.com/runbooks/{name}");
    /// ```
    #[must_use]
    pub fn runbooks(mut self, address: impl Into<String>) -> Self {
        self.runbooks = Some(address.into());
        self
    }

    /// How often the rules are evaluated, from 10 ms to an hour. Defaults to 60 seconds. If it is longer than the window of a rule, what
    /// happens between two windows is judged by nobody.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The rules as they are asked for.
    pub(crate) fn asked_for(&self) -> &[Rule] {
        &self.rules
    }

    /// How often they are evaluated.
    pub(crate) const fn every(&self) -> Duration {
        self.interval
    }

    /// What the environment says of them, if it was read.
    pub(crate) fn as_read(&self) -> Option<&FromEnvironment> {
        self.from.as_deref()
    }

    /// The rules, if all can work.
    pub(crate) fn checked(self) -> Result<CheckedAlerts, ConfigError> {
        let interval = self.interval;
        if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&interval) {
            let reason = "must be from 10 ms to 1 h";
            let value = format!("{interval:?}");
            return Err(ConfigError::new("alerts.interval", value, reason));
        }
        if self.rules.len() > MOST_RULES {
            let count = self.rules.len().to_string();
            let reason = format!("at most {MOST_RULES} rules");
            return Err(ConfigError::new("alerts", count, reason));
        }
        if let Some(name) = self.misspelt {
            let known: Vec<_> = self.rules.iter().map(|rule| rule.name.as_str()).collect();
            let reason = format!("no rule has this name: there is {}", known.join(", "));
            return Err(ConfigError::new("alerts.without", name, reason));
        }
        if let Some((severity, every)) = self.repeats.iter().find(|one| !is_repeat(one.1)) {
            let field = format!("alerts.repeat.{severity}");
            return Err(ConfigError::new(field, format!("{every:?}"), REPEAT));
        }
        let runbooks = Runbooks::checked(self.runbooks)?;
        let mut names = Vec::with_capacity(self.rules.len());
        let mut rules = Vec::with_capacity(self.rules.len());
        for mut rule in self.rules {
            let chosen = self.repeats.iter().rev();
            let mut chosen = chosen.filter(|(severity, _)| *severity == rule.severity);
            if rule.repeat == Repeat::Usual
                && let Some((_, every)) = chosen.next()
            {
                rule.repeat = Repeat::Every(*every);
            }
            if let (None, Some(page)) = (&rule.runbook, rule.page) {
                rule.runbook = Some(runbooks.page(page));
            }
            let rule = rule.checked(&names)?;
            names.push(Arc::clone(&rule.name));
            rules.push(rule);
        }
        let edges: BTreeSet<_> = rules.iter().filter_map(CheckedRule::edge).collect();
        if edges.len() > MOST_EDGES {
            let reason = format!(
                "at most {MOST_EDGES} different thresholds of durations: each is a bucket of every endpoint"
            );
            return Err(ConfigError::new("alerts", edges.len().to_string(), reason));
        }
        Ok(CheckedAlerts {
            rules: rules.into(),
            interval,
            #[cfg(feature = "generate")]
            runbooks,
        })
    }
}

impl Default for Alerts {
    fn default() -> Self {
        Self::none().rules(presets::usual())
    }
}

// === impl CheckedAlerts ===

impl CheckedAlerts {
    /// The rules of an instance of a fleet. Those that each instance evaluates are those of this one.
    pub(crate) fn in_fleet(mut self, instance: &Arc<str>) -> Self {
        let rules = self.rules.iter().cloned().map(|rule| CheckedRule {
            instance: rule.on_each_instance.then(|| Arc::clone(instance)),
            ..rule
        });
        self.rules = rules.collect();
        self
    }

    /// The durations that must be edges of the buckets of times, beside those that are `published` anyway. If a threshold would be
    /// the last edge, there is one above it: else what is published could not tell how much is above.
    pub(crate) fn edges(&self, published: &[Duration]) -> Vec<Duration> {
        let thresholds = self.rules.iter().filter_map(CheckedRule::edge);
        let thresholds: BTreeSet<_> = thresholds.collect();
        let last = published.iter().max();
        let highest = thresholds.last();
        let above = highest.filter(|highest| last.is_none_or(|last| *last <= **highest));
        let above = above.map(|highest| highest.saturating_mul(2));
        let new = thresholds.iter().copied();
        let new = new.filter(|edge| !published.contains(edge));
        new.chain(above).collect()
    }

    /// Refuses a rule that names a check, a pool or a path that does not exist.
    pub(crate) fn check_names(&self, existing: &Existing) -> Result<(), ConfigError> {
        for rule in self.rules.iter() {
            let Some((gauge, name)) = rule.signal.named() else {
                continue;
            };
            let (known, what) = match gauge {
                Gauge::CheckFailed => (Some(&existing.checks), "check"),
                Gauge::PoolPercent => (existing.pools.as_ref(), "pool"),
                Gauge::DiskFreePercent => (existing.paths.as_ref(), "path"),
                _ => continue,
            };
            let Some(known) = known else {
                continue;
            };
            if !known.contains(name) {
                let field = format!("alerts.{}.only", rule.name);
                let known: Vec<_> = known.iter().map(String::as_str).collect();
                let reason = match known.as_slice() {
                    [] => format!("there is no {what}"),
                    known => format!("no {what} has this name: there is {}", known.join(", ")),
                };
                return Err(ConfigError::new(field, name, reason));
            }
        }
        Ok(())
    }
}
