//! Tells how calls of other services and runs of jobs ended.

use super::{
    condition::Condition,
    expr::Expr,
    published::{Family, Published},
    selector::{Range, as_scraped},
    share::Counts,
};
use crate::{alerts::checked::CheckedRule, facts::work::CallOutcome, metrics::catalog::Id};

/// Work of one kind, told apart by its name.
#[derive(Clone, Debug)]
pub(super) struct Work<'r> {
    rule: &'r CheckedRule,
    /// By name and outcome.
    family: Family<'r>,
}

// === impl Work ===

impl<'r> Work<'r> {
    pub(super) fn new(
        rule: &'r CheckedRule,
        published: &Published<'r>,
        id: Id,
    ) -> Result<Self, &'static str> {
        let family = published.family(id)?;
        Ok(Self { rule, family })
    }

    /// What has not failed yet has a series of failures, too.
    pub(super) fn counts(&self, range: Range) -> Counts {
        Counts {
            failures: self.failures(range),
            requests: self.all(range),
            can_lack: false,
        }
    }

    /// How many failed.
    pub(super) fn failed(&self) -> Condition {
        let range = Range::last(self.rule.window);
        Condition::of_count(self.rule, self.failures(range))
            .where_some(self.rule, || self.all(range))
    }

    fn failures(&self, range: Range) -> Expr {
        let all = CallOutcome::ALL.into_iter();
        let failures = all.filter(|outcome| outcome.is_failure());
        let failures: Vec<_> = failures.map(CallOutcome::as_str).collect();
        let selector = self.family.only(0, self.rule.signal.only.as_deref());
        let failed = selector.with_one_of(self.family.label(1), &failures);
        Expr::by("sum", &[self.name()], failed.increase(range))
    }

    fn all(&self, range: Range) -> Expr {
        let selector = self.family.only(0, self.rule.signal.only.as_deref());
        Expr::by("sum", &[self.name()], selector.increase(range))
    }

    fn name(&self) -> &'static str {
        as_scraped(self.family.label(0))
    }
}
