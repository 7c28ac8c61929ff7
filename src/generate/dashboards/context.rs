//! Holds what all dashboards are made of.

use super::{
    as_is,
    judged::{Judged, color, exact, judgement, runbook},
    metric::OwnMetric,
    model::Step,
    panel::{COLORS, Draft},
    query::{Catalog, Query},
};
use crate::alerts::{CheckedRule, Comparison, Kind, Own, Promql, Scope, SignalUnit};

/// What dashboards are made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'g> {
    pub(super) catalog: Catalog<'g>,
    pub(super) judged: Judged<'g>,
    /// What the application records, in the order of the names.
    pub(super) own: &'g [OwnMetric],
}

// === impl Context ===

impl Context<'_> {
    /// A panel for each rule over one endpoint that is about such a number.
    pub(super) fn of_endpoints(&self, is_about: fn(&CheckedRule) -> bool) -> Vec<Draft> {
        let scoped = |rule: &&CheckedRule| matches!(rule.scope, Scope::Endpoint { .. });
        self.of_rules(|rule| scoped(&rule) && is_about(rule))
    }

    /// A panel for each of these rules that Prometheus can compute.
    pub(super) fn of_rules(&self, chosen: impl Fn(&CheckedRule) -> bool) -> Vec<Draft> {
        let rules = self.judged.rules.iter().filter(|rule| chosen(rule));
        rules.filter_map(|rule| self.of_rule(rule)).collect()
    }

    fn of_rule(&self, rule: &CheckedRule) -> Option<Draft> {
        let Promql::Signal { value, .. } = rule.promql(&self.catalog.published) else {
            return None;
        };
        let (unit, scale) = match rule.signal.unit() {
            SignalUnit::Percent => ("percent", 1.0),
            SignalUnit::PerMinute => ("cpm", 1.0),
            SignalUnit::PerSecond => ("reqps", 1.0),
            SignalUnit::Milliseconds => ("ms", 1.0),
            SignalUnit::Seconds => ("s", 1.0),
            SignalUnit::Days => ("s", 86_400.0),
            SignalUnit::Count => ("short", 1.0),
        };
        let subject = match &rule.scope {
            Scope::Endpoint { route, method } => {
                let method = method
                    .as_ref()
                    .map(|method| format!("{} ", method.as_str()));
                format!(": {}{route}", method.unwrap_or_default())
            }
            _ => String::new(),
        };
        let bad = Step {
            color: color(rule.severity),
            value: Some(exact(scale * rule.threshold)),
        };
        let good = Step {
            color: COLORS[0],
            value: None,
        };
        let steps = match rule.comparison {
            Comparison::Above => vec![good, bad],
            Comparison::Below => vec![
                Step { value: None, ..bad },
                Step {
                    value: bad.value,
                    ..good
                },
            ],
        };
        let value = match scale {
            1.0 => value,
            scale => format!("{scale} * ({value})"),
        };
        let legend = match rule.signal.kind {
            // Each of its series is judged, and their labels are those of the application: Grafana shows what tells them apart.
            Kind::Own(Own::Gauge { .. }) => "__auto".to_owned(),
            _ => as_is::legend(rule.signal.name()),
        };
        let draft = Draft::lines(as_is::text(&format!("{}{subject}", rule.name)), unit)
            .about(&as_is::text(&rule.summary))
            .about("What the rule judges, over all processes and without the choices above.")
            .about(&format!("Alert: {}.", judgement(rule)))
            .query(Some(Query::of(as_is::expr(&value), &legend)))
            .steps(steps)
            .links(runbook(rule).into_iter().collect());
        Some(draft)
    }
}
