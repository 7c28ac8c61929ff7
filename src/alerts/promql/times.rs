//! Tells how long requests and queries took.

use super::{
    condition::{Condition, enough},
    expr::Expr,
    published::{Family, Published, edge},
    requests::Requests,
    selector::{Range, Selector},
};
use crate::{
    alerts::{checked::CheckedRule, rule::Comparison},
    metrics::catalog::Id,
};

/// The label of the upper edge of a bucket.
const EDGE: &str = "le";

/// The durations that a rule judges.
#[derive(Clone, Debug)]
pub(super) struct Times {
    all: Selector,
    buckets: Selector,
    /// The labels that tell apart what is judged on its own.
    group: Vec<&'static str>,
}

// === impl Times ===

impl Times {
    pub(super) fn of_requests(
        rule: &CheckedRule,
        published: &Published<'_>,
    ) -> Result<Self, &'static str> {
        let family = published.family(Id::Duration)?;
        let samples = |suffix| Requests::scoped(rule, &family, [0, 1], family.samples(suffix));
        Ok(Self {
            all: samples("_count"),
            buckets: samples("_bucket"),
            group: Requests::group(rule, &family),
        })
    }

    pub(super) fn of_queries(
        rule: &CheckedRule,
        published: &Published<'_>,
    ) -> Result<Self, &'static str> {
        let family = published.family(Id::QueryDuration)?;
        let samples = |suffix| only(&family, family.samples(suffix), rule);
        Ok(Self {
            all: samples("_count"),
            buckets: samples("_bucket"),
            group: Vec::new(),
        })
    }

    /// What so many per cent do not exceed. It is judged by counts, which are exact where the threshold is an edge: an estimate
    /// within a bucket is not.
    pub(super) fn quantile(&self, rule: &CheckedRule, percent: u8) -> Condition {
        let range = Range::last(rule.window);
        let mut group = self.group.clone();
        group.push(EDGE);
        let buckets = Expr::by("sum", &group, self.buckets.increase(range));
        let quantile = f64::from(percent) / 100.0;
        let quantile = Expr::call("histogram_quantile", Some(quantile), buckets);
        let all = self.sum(&self.all, range);
        let slower = Expr::number(100.0).times(self.slower(rule, range));
        let most = Expr::number(f64::from(100_u8.saturating_sub(percent))).times(all.clone());
        let operator = match rule.comparison {
            Comparison::Above => ">",
            Comparison::Below => "<=",
        };
        let value = Expr::number(1_000.0).times(quantile);
        let is_slow = slower.compared(operator, most);
        Condition {
            breach: value.clone().and(is_slow).and(enough(rule, all)),
            value,
        }
    }

    /// How many took longer than the edge of the rule.
    pub(super) fn slower(&self, rule: &CheckedRule, range: Range) -> Expr {
        let edges = edge(rule.edge().unwrap_or_default());
        let edges: Vec<_> = edges.iter().map(String::as_str).collect();
        let upto = self.buckets.clone().with_one_of(EDGE, &edges);
        self.sum(&self.all, range).minus(self.sum(&upto, range))
    }

    fn sum(&self, selector: &Selector, range: Range) -> Expr {
        Expr::by("sum", &self.group, selector.increase(range))
    }
}

/// The queries of one table, if the rule has one.
fn only(family: &Family<'_>, samples: Selector, rule: &CheckedRule) -> Selector {
    match &rule.signal.only {
        Some(table) => samples.with(family.label(1), table),
        None => samples,
    }
}
