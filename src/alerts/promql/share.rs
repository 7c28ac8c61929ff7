//! Tells a share, and how it is judged over longer times where there is little in the window.

use std::time::Duration;

use super::{
    condition::{Condition, broken, enough, is_of_each},
    expr::Expr,
    selector::Range,
};
use crate::alerts::{checked::CheckedRule, few::Stretches, rule::Comparison};

/// How much there was in a stretch of time, and how much of it failed.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    pub(super) failures: Expr,
    pub(super) requests: Expr,
    /// What did not fail yet has no series of failures.
    pub(super) can_lack: bool,
}

// === impl Counts ===

impl Counts {
    /// The share that failed, in per cent. Nothing failed where there is no series of failures.
    fn percent(&self) -> Expr {
        let failures = self.failures.clone();
        self.percent_of(match self.can_lack {
            true => failures.or(self.requests.clone().none_of()),
            false => failures,
        })
    }

    fn percent_of(&self, failures: Expr) -> Expr {
        let hundredfold = Expr::number(100.0).times(failures);
        hundredfold.over(self.requests.clone())
    }
}

/// A rule over a share. `counts` gives what happened in a stretch of time.
pub(super) fn share(
    rule: &CheckedRule,
    few: &Stretches,
    counts: impl Fn(Range) -> Counts,
) -> Condition {
    let counts = |length: Duration| counts(Range::last(length));
    let window = counts(rule.window);
    let is_broken = |counts: &Counts| {
        let percent = match rule.comparison {
            // Where nothing failed, nothing is above.
            Comparison::Above => counts.percent_of(counts.failures.clone()),
            Comparison::Below => counts.percent(),
        };
        let broken = broken(rule, percent, rule.threshold);
        broken.and(enough(rule, counts.requests.clone()))
    };
    let mut breach = is_broken(&window);
    if rule.comparison == Comparison::Above && rule.at_least > 0 && !is_of_each(rule) {
        let [quarter, hour, six_hours] = [few.quarter, few.hour, few.six_hours].map(counts);
        // In each time that comes before, there are too few.
        let mut before = vec![&window];
        let levels = [
            (few.hour, &hour, [&window, &quarter]),
            (few.six_hours, &six_hours, [&quarter, &hour]),
        ];
        for (length, level, [lately, longer]) in levels {
            if length <= rule.window {
                continue;
            }
            let level_broken = is_broken(level)
                .and(lately.failures.clone().above(0.5))
                .and(longer.failures.clone().above(1.5));
            let decided = before.iter().fold(level_broken, |broken, earlier| {
                broken.unless(enough(rule, earlier.requests.clone()))
            });
            breach = breach.or(decided);
            before.push(level);
        }
    }
    Condition {
        value: window.percent(),
        breach,
    }
}
