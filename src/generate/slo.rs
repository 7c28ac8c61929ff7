//! Describes objectives, and writes the rules that tell how fast a budget of errors is spent.

use std::{collections::BTreeMap, time::Duration};

use super::{
    alerting::{Common, Entry, Group},
    template,
    tier::{TIERS, Tier},
};
use crate::{
    alerts::{CheckedRule, Promql, Published, Rule, Signal, duration},
    config::ConfigError,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The time that a budget is for.
const PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The fewest requests of the longer window of a tier.
pub(super) const AT_LEAST: f64 = 20.0;

/// An objective: how many per cent of the requests have a status below 500, over 30 days.
///
/// ```
/// use tower_vitals::{alerts::Alerts, generate::{Generated, Slo}, metrics::Settings};
///
/// let generated = Generated::new(Alerts::default(), &Settings::new())?
///     .slo(Slo::new(99.9))?
///     .slo(Slo::new(99.5).endpoint("/orders/{id}").tiers(2))?;
/// assert!(generated.slo_rules().contains("alert: SloBudgetBurns"));
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Slo {
    objective: f64,
    endpoint: Option<String>,
    method: Option<String>,
    tiers: usize,
}

/// An objective that can be reached and missed.
#[derive(Clone, Debug)]
pub(super) struct CheckedSlo {
    name: String,
    /// The per cent of the requests that may fail.
    budget: f64,
    errors: CheckedRule,
    requests: CheckedRule,
    tiers: usize,
}

// === impl Slo ===

impl Slo {
    /// So many per cent of all requests, above 0 and below 100.
    #[must_use]
    pub const fn new(objective: f64) -> Self {
        Self {
            objective,
            endpoint: None,
            method: None,
            tiers: TIERS.len(),
        }
    }

    /// Only requests of one route, such as `/orders/{id}`, as it is spelled in the metrics. Defaults to all.
    ///
    /// Building a stack cannot refuse a route that does not exist: it learns routes only from requests. So a rule tells of it in
    /// Prometheus: the alert `SloWithoutData` fires if nothing has had the route for an hour.
    #[must_use]
    pub fn endpoint(mut self, route: impl Into<String>) -> Self {
        self.endpoint = Some(route.into());
        self
    }

    /// Only requests with this method. Needs [`endpoint`](Self::endpoint). Defaults to all.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = Some(method.into());
        self
    }

    /// How many tiers alert, from 1 to 4, the fastest first: 14.4, 6, 3 and 1 times as fast as the budget allows. Defaults to 4.
    #[must_use]
    pub const fn tiers(mut self, tiers: usize) -> Self {
        self.tiers = tiers;
        self
    }

    pub(super) fn checked(self) -> Result<CheckedSlo, ConfigError> {
        let wrong = |field: &str, value: String, reason: &str| {
            Err(ConfigError::new(format!("slo.{field}"), value, reason))
        };
        let objective = self.objective;
        // Also what is no number.
        if !(objective > 0.0 && objective < 100.0) {
            return wrong(
                "objective",
                objective.to_string(),
                "expected a per cent above 0 and below 100",
            );
        }
        if !(1..=TIERS.len()).contains(&self.tiers) {
            return wrong("tiers", self.tiers.to_string(), "expected 1 to 4");
        }
        let scoped = |signal| {
            let mut rule = Rule::new("slo", signal).above(0.0);
            if let Some(route) = &self.endpoint {
                rule = rule.endpoint(route);
            }
            if let Some(method) = &self.method {
                rule = rule.method(method);
            }
            rule.checked(&[])
        };
        let errors = scoped(Signal::error_rate_percent())?;
        let requests = scoped(Signal::requests_per_second())?;
        let name = match (&self.endpoint, &self.method) {
            (Some(route), Some(method)) => format!("{method} {route}"),
            (Some(route), None) => route.clone(),
            _ => "all".to_owned(),
        };
        Ok(CheckedSlo {
            name,
            budget: decimal(100.0 - objective),
            errors,
            requests,
            tiers: self.tiers,
        })
    }
}

// === impl CheckedSlo ===

impl CheckedSlo {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name as what is recorded has it.
    pub(super) fn label(&self) -> String {
        template::inert(&self.name)
    }

    pub(super) const fn errors(&self) -> &CheckedRule {
        &self.errors
    }

    /// The per cent of the requests that may fail.
    pub(super) const fn budget(&self) -> f64 {
        self.budget
    }

    pub(super) fn tiers(&self) -> &'static [Tier] {
        &TIERS[..self.tiers]
    }

    /// The per cent of the requests above which a tier fires.
    pub(super) fn limit(&self, tier: &Tier) -> f64 {
        decimal(tier.burn * self.budget)
    }

    /// What is recorded, the alerts, and the budget that is left.
    pub(super) fn groups(&self, common: &Common<'_>, published: &Published<'_>) -> [Group; 2] {
        let service = common.service.unwrap_or("service");
        let tiers = self.tiers();
        let mut windows: Vec<_> = tiers
            .iter()
            .flat_map(|tier| [tier.long, tier.short])
            .collect();
        windows.sort();
        windows.dedup();
        let mut rules = Vec::new();
        for window in windows {
            let errors = value(&self.errors, window, published);
            rules.extend(errors.map(|expr| self.record(&errors_of(window), expr, common)));
        }
        for tier in tiers {
            let requests = value(&self.requests, tier.long, published);
            rules.extend(requests.map(|expr| self.record(&requests_of(tier.long), expr, common)));
        }
        rules.extend(tiers.iter().map(|tier| self.burns(tier, common)));
        rules.push(self.has_no_data(tiers, common));
        let left = value(&self.errors, PERIOD, published).map(|errors| {
            let expr = format!("100 - 100 * ({errors}) / {}", self.budget);
            self.record("slo:budget_left_percent:30d", expr, common)
        });
        [
            Group {
                name: format!("{service}/slo/{}", self.name),
                interval: duration(MINUTE),
                rules,
            },
            Group {
                // An objective can be for the endpoint `/budget` of another one.
                name: format!("{service}/slo_budget/{}", self.name),
                // It reads a month.
                interval: duration(5 * MINUTE),
                rules: left.into_iter().collect(),
            },
        ]
    }

    fn record(&self, name: &str, expr: String, common: &Common<'_>) -> Entry {
        let mut labels = BTreeMap::from([("slo", self.label())]);
        labels.extend(
            common
                .service
                .map(|service| ("service", template::inert(service))),
        );
        Entry {
            record: Some(name.to_owned()),
            expr,
            labels,
            ..Entry::default()
        }
    }

    fn burns(&self, tier: &Tier, common: &Common<'_>) -> Entry {
        let only = self.only(common);
        let limit = self.limit(tier);
        let [long, short] = [tier.long, tier.short].map(errors_of);
        let (requests, seconds) = (requests_of(tier.long), tier.long.as_secs());
        let few = AT_LEAST - 0.5;
        let name = template::literal(&self.name);
        let (burn, over) = (tier.burn, duration(tier.long));
        let entry = Entry {
            alert: Some("SloBudgetBurns".to_owned()),
            expr: format!(
                "{long}{only} > {limit} and {short}{only} > {limit} and {seconds} * {requests}{only} > {few}"
            ),
            labels: self.labels(tier.severity, Some(tier.name)),
            annotations: BTreeMap::from([
                (
                    "summary",
                    format!("The budget of errors of {name} is spent too fast"),
                ),
                (
                    "description",
                    format!(
                        "{{{{ printf \"%.2f\" $value }}}} % of the requests of the last {over} failed: {burn} times as many as the budget allows are {limit} %"
                    ),
                ),
            ]),
            ..Entry::default()
        };
        common.with_page(entry, "slo_budget_burns")
    }

    /// An objective for requests that nobody counts is a mistake in its endpoint or its method.
    fn has_no_data(&self, tiers: &[Tier], common: &Common<'_>) -> Entry {
        let longest = tiers.last().map_or(HOUR, |tier| tier.long);
        let name = template::literal(&self.name);
        let entry = Entry {
            alert: Some("SloWithoutData".to_owned()),
            expr: format!("absent({}{})", requests_of(longest), self.only(common)),
            pending: Some("1h".to_owned()),
            labels: self.labels("warning", None),
            annotations: BTreeMap::from([
                (
                    "summary",
                    format!("No request counts for the objective of {name}"),
                ),
                (
                    "description",
                    "Nothing has its labels: is its endpoint spelled as in the metrics?".to_owned(),
                ),
            ]),
            ..Entry::default()
        };
        common.with_page(entry, "slo_without_data")
    }

    fn labels(&self, severity: &str, tier: Option<&str>) -> BTreeMap<&'static str, String> {
        let mut labels = BTreeMap::from([
            ("severity", severity.to_owned()),
            ("signal", "slo".to_owned()),
            ("slo", template::literal(&self.name)),
        ]);
        labels.extend(tier.map(|tier| ("slo_tier", tier.to_owned())));
        labels
    }

    /// What tells apart what is recorded of this objective.
    pub(super) fn only(&self, common: &Common<'_>) -> String {
        let slo = template::string(&self.label());
        let service = common.service.map(template::inert);
        match service.as_deref().map(template::string) {
            Some(service) => format!("{{slo={slo},service={service}}}"),
            None => format!("{{slo={slo}}}"),
        }
    }
}

/// The number of a rule over another window. `None` if the names have no metrics for it.
fn value(rule: &CheckedRule, window: Duration, published: &Published<'_>) -> Option<String> {
    let rule = CheckedRule {
        window,
        ..rule.clone()
    };
    match rule.promql(published) {
        Promql::Signal { value, .. } => Some(value),
        Promql::None(_) => None,
    }
}

fn errors_of(window: Duration) -> String {
    format!("slo:errors_percent:{}", duration(window))
}

fn requests_of(window: Duration) -> String {
    format!("slo:requests_per_second:{}", duration(window))
}

/// Without the dust of binary fractions.
fn decimal(number: f64) -> f64 {
    (number * 1e9).round() / 1e9
}
