//! Tells how many requests there were, and how many of them failed.

use std::time::Duration;

use super::{
    condition::{Condition, broken, enough, is_of_each},
    expr::Expr,
    published::{Family, Published},
    selector::{Range, Selector},
    share::Counts,
};
use crate::{
    alerts::{
        checked::{CheckedRule, Scope},
        rule::Comparison,
        signal::Kind,
    },
    facts::{category::ErrorCategory, exchange::Outcome},
    metrics::{catalog::Id, gather::EXCLUDED},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The requests that a rule judges.
#[derive(Clone, Debug)]
pub(super) struct Requests<'r> {
    rule: &'r CheckedRule,
    all: Selector,
    /// Those that are not among them, since they have no duration.
    given_up: Option<Selector>,
    failed: Selector,
    /// What has not failed yet has no series of failures.
    can_lack: bool,
    /// It is there from the start of the process on.
    started: Selector,
    /// The labels that tell apart what is judged on its own.
    group: Vec<&'static str>,
    category: &'static str,
    endpoint: &'static str,
}

// === impl Requests ===

impl<'r> Requests<'r> {
    pub(super) fn new(
        rule: &'r CheckedRule,
        published: &Published<'_>,
    ) -> Result<Self, &'static str> {
        // By status, they are counted by a family of their own or by the histogram of durations.
        let counter = published.family(Id::Requests);
        let is_counted = counter.is_ok();
        let (family, suffix) = match counter {
            Ok(family) => (family, ""),
            Err(_) => (published.family(Id::Duration)?, "_count"),
        };
        let all = Self::scoped(rule, &family, [0, 1], family.samples(suffix));
        let given_up = match rule.scope {
            Scope::Service if !is_counted => {
                let outcomes = published.family(Id::Outcomes)?;
                Some(outcomes.only(0, Some(Outcome::Cancelled.as_str())))
            }
            _ => None,
        };
        let errors = published.family(Id::Errors)?;
        let category = rule.signal.category;
        let failed = match category {
            None if !rule.signal.is_new_errors() => all.clone().matching(family.label(2), "5.."),
            category => {
                let failed = match category {
                    Some(category) => errors.only(0, Some(category.as_str())),
                    None => {
                        let of_server = ErrorCategory::OF_SERVER.map(ErrorCategory::as_str);
                        errors.all().with_one_of(errors.label(0), &of_server)
                    }
                };
                Self::observed(rule, &errors, Self::scoped(rule, &errors, [2, 1], failed))
            }
        };
        Ok(Self {
            given_up,
            failed,
            can_lack: match category {
                Some(category) => category != ErrorCategory::ServerError,
                None => !is_counted,
            },
            started: published.family(Id::Started)?.all(),
            group: Self::group(rule, &family),
            category: errors.label(0),
            endpoint: errors.label(1),
            all,
            rule,
        })
    }

    /// Only those of the endpoint of a rule. `places` are those of the labels of the method and of the endpoint.
    pub(super) fn scoped(
        rule: &CheckedRule,
        family: &Family<'_>,
        places: [usize; 2],
        samples: Selector,
    ) -> Selector {
        let Scope::Endpoint { route, method } = &rule.scope else {
            return samples;
        };
        let [of_method, of_route] = places.map(|place| family.label(place));
        let samples = samples.with(of_route, route);
        match method {
            Some(method) => samples.with(of_method, method.as_str()),
            None => samples,
        }
    }

    /// The labels by which a rule judges each endpoint.
    pub(super) fn group(rule: &CheckedRule, family: &Family<'_>) -> Vec<&'static str> {
        let by_route = rule.signal.category.is_some() || rule.signal.is_new_errors();
        match (is_of_each(rule), by_route) {
            (false, _) => Vec::new(),
            (true, true) => vec![family.label(1)],
            (true, false) => vec![family.label(0), family.label(1)],
        }
    }

    pub(super) fn counts(&self, range: Range) -> Counts {
        Counts {
            failures: self.failures(range),
            requests: self.requests(range),
            can_lack: self.can_lack,
        }
    }

    /// How many there are in a second, or how many fail in a minute.
    pub(super) fn rate(&self) -> Condition {
        let range = Range::last(self.rule.window);
        let seconds = Expr::number(self.rule.window.as_secs_f64());
        let (count, can_lack) = match self.rule.signal.kind {
            Kind::ErrorsPerMinute => {
                let minute = Expr::number(60.0);
                (minute.times(self.failures(range)), self.can_lack)
            }
            _ => (self.requests(range), false),
        };
        let rate = count.over(seconds);
        // A service without requests has a rate, too.
        let can_lack = can_lack || self.rule.comparison == Comparison::Below;
        let value = if can_lack {
            rate.or(self.none(range))
        } else {
            rate
        };
        let condition = Condition::of(self.rule, value);
        match is_of_each(self.rule) {
            true => condition.where_some(self.rule, || self.requests(range)),
            false => condition,
        }
    }

    /// By how many per cent there are more failures than in the window before. It is known if nine tenths of that one are.
    pub(super) fn spike(&self) -> Condition {
        let window = self.rule.window;
        let range = Range::last(window);
        let before = Range {
            offset: window,
            ..range
        };
        let now = match self.can_lack {
            true => self.failures(range).or(self.none(range)),
            false => self.failures(range),
        };
        let nothing = match is_of_each(self.rule) {
            true => now.clone().none_of(),
            false => self.none(range),
        };
        let before = self.failures(before).or(nothing).at_least(1.0);
        let more = now.clone().minus(before.clone());
        let value = Expr::number(100.0).times(more).over(before);
        let mut breach = broken(self.rule, value.clone(), self.rule.threshold);
        if self.rule.at_least > 0 {
            breach = breach.and(enough(self.rule, now));
        }
        let since = window + window * 9 / 10;
        let observed = Expr::call("sum", None, self.started.ago(since));
        Condition {
            value,
            breach: breach.and_once(observed),
        }
    }

    /// How many kinds of failures occurred in the window and not in the rest of the last day, of which an hour must be known.
    pub(super) fn new_kinds(&self, hour: Duration) -> Condition {
        let window = self.rule.window;
        let range = Range::last(window);
        let rest = Range {
            length: DAY.saturating_sub(window),
            offset: window,
        };
        let new = self.occurred(range).unless(self.occurred(rest));
        let count = Expr::by("count", &self.group, new).or(self.none(range));
        let observed = Expr::call("sum", None, self.started.ago(window + hour));
        Condition::of(self.rule, count.and_once(observed))
    }

    /// No errors, of a service or an endpoint that has no series of them.
    pub(super) fn none(&self, range: Range) -> Expr {
        match is_of_each(self.rule) {
            true => self.requests(range).above(0.0).none_of(),
            false => Expr::call("sum", None, &self.started).none_of(),
        }
    }

    fn requests(&self, range: Range) -> Expr {
        let counted = Expr::by("sum", &self.group, self.all.increase(range));
        match &self.given_up {
            Some(given_up) => counted.plus(Expr::call("sum", None, given_up.increase(range))),
            None => counted,
        }
    }

    fn failures(&self, range: Range) -> Expr {
        Expr::by("sum", &self.group, self.failed.increase(range))
    }

    /// The kinds of failures that occurred. The first of its kind is no increase: with it, a series begins.
    fn occurred(&self, range: Range) -> Expr {
        let kinds = [self.category, self.endpoint];
        let sum = |of: String| Expr::by("sum", &kinds, of);
        let grown = sum(self.failed.increase(range).to_string()).above(0.0);
        let highest = Expr::call("max_over_time", None, self.failed.over(range));
        let shown = sum(highest.to_string()).above(0.0);
        let earlier = self.failed.ago(range.offset + range.length);
        grown.or(shown.unless(sum(earlier.to_string())))
    }

    /// Without what failed on excluded paths, which rules do not judge. An application can have an endpoint of that name.
    fn observed(rule: &CheckedRule, errors: &Family<'_>, failed: Selector) -> Selector {
        let category = rule.signal.category;
        let is_in = category.is_none_or(|category| category == ErrorCategory::ServerError);
        match rule.scope {
            Scope::Endpoint { .. } => failed,
            _ if is_in => failed.without(errors.label(1), EXCLUDED),
            _ => failed,
        }
    }
}
