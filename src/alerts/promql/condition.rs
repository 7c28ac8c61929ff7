//! Says when the number of a rule breaks it.

use super::expr::Expr;
use crate::alerts::{
    checked::{CheckedRule, Scope},
    rule::Comparison,
};

/// What a rule shows, and when it is broken.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) value: Expr,
    pub(super) breach: Expr,
}

// === impl Condition ===

impl Condition {
    /// Broken by the value alone.
    pub(super) fn of(rule: &CheckedRule, value: Expr) -> Self {
        Self {
            breach: broken(rule, value.clone(), rule.threshold),
            value,
        }
    }

    /// Broken by a number of things. `increase()` estimates it, so it can miss a whole number by a little: the limit stands
    /// between two of them.
    pub(super) fn of_count(rule: &CheckedRule, count: Expr) -> Self {
        let limit = match rule.comparison {
            Comparison::Above => rule.threshold.floor() + 0.5,
            Comparison::Below => rule.threshold.ceil() - 0.5,
        };
        Self {
            breach: broken(rule, count.clone(), limit),
            value: count,
        }
    }

    /// What did not occur in the window has no alert of its own, also if its number is 0.
    pub(super) fn where_some(
        mut self,
        rule: &CheckedRule,
        occurred: impl FnOnce() -> Expr,
    ) -> Self {
        if rule.comparison == Comparison::Below {
            self.breach = self.breach.and(occurred().above(0.0));
        }
        self
    }
}

/// Where a number breaks a rule with this threshold.
pub(super) fn broken(rule: &CheckedRule, value: Expr, threshold: f64) -> Expr {
    let operator = match rule.comparison {
        Comparison::Above => ">",
        Comparison::Below => "<",
    };
    value.compared(operator, Expr::number(threshold))
}

/// Where there are as many as a rule needs. Half of one less, for `increase()` can miss a whole number by a little.
pub(super) fn enough(rule: &CheckedRule, count: Expr) -> Expr {
    count.above(rule.at_least.max(1) as f64 - 0.5)
}

/// Whether each endpoint is judged.
pub(super) fn is_of_each(rule: &CheckedRule) -> bool {
    rule.scope == Scope::EachEndpoint
}
