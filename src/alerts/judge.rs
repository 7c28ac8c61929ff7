//! Judges the requests of an endpoint, or of all of them.

use std::time::Duration;

use super::{
    checked::CheckedRule,
    few::{Counts, Judged, ShareRule, Stretches},
    rule::Comparison,
    signal::Kind,
    tally::{Tally, Times},
    verdict::Verdict,
};
use crate::metrics::bounds::Bounds;

const TEN_SECONDS: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// Judges numbers by one rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'r> {
    rule: &'r CheckedRule,
    bounds: &'r Bounds,
    /// How many buckets lie below the threshold of a latency.
    below: usize,
}

// === impl Judge ===

impl<'r> Judge<'r> {
    pub(crate) fn new(rule: &'r CheckedRule, bounds: &'r Bounds) -> Self {
        let edge = rule.edge().unwrap_or_default();
        let edge = u64::try_from(edge.as_nanos()).unwrap_or(u64::MAX);
        Self {
            rule,
            bounds,
            below: bounds.edges().partition_point(|other| *other <= edge),
        }
    }

    /// Compares a value. One that is no number is no data.
    pub(crate) fn value(&self, value: Option<f64>) -> Verdict {
        match value {
            None => Verdict::NoData,
            Some(value) if value.is_nan() => Verdict::NoData,
            Some(value) if self.is_broken_by(value) => Verdict::Broken(value),
            Some(value) => Verdict::Fine(value),
        }
    }

    /// Judges a share, and over longer times where there is little in the window.
    pub(crate) fn share(&self, few: &Stretches, counts: impl Fn(Duration) -> Counts) -> Verdict {
        let share = self.share_rule();
        Self::judged(match self.rule.comparison {
            Comparison::Above => share.judge(few, counts),
            Comparison::Below => self.below(counts(self.rule.window)),
        })
    }

    /// Whether the requests of a window break the rule, judged by that window alone. For signals that need no other window.
    pub(crate) fn is_broken(&self, tally: &Tally, covered: Duration) -> bool {
        match self.rule.signal.kind {
            Kind::ErrorRate => self.alone(self.counts(tally)).is_broken,
            Kind::Latency(percent) => self.is_slow(&tally.times, percent),
            _ => {
                let value = self.rate(tally, covered);
                value.is_some_and(|value| self.is_broken_by(value))
            }
        }
    }

    /// What the requests of a window show, judged by that window alone.
    pub(crate) fn tally(&self, tally: &Tally, covered: Duration) -> Verdict {
        match self.rule.signal.kind {
            Kind::ErrorRate => Self::judged(self.alone(self.counts(tally))),
            Kind::Latency(percent) => self.times(&tally.times, percent),
            _ => self.value(self.rate(tally, covered)),
        }
    }

    /// What times show, of which so many per cent should not be above the threshold.
    pub(crate) fn times(&self, times: &Times, percent: u8) -> Verdict {
        let Some(bucket) = times.bucket(percent) else {
            return Verdict::NoData;
        };
        let value = self.bounds.middle(bucket) as f64 / 1e6;
        let threshold = self.rule.threshold;
        if times.count().is_none_or(|count| count < self.rule.at_least) {
            return Verdict::Unjudged(value);
        }
        // The value is an estimate, and the verdict is none: it must not look wrong.
        match (self.is_slow(times, percent), self.rule.comparison) {
            (true, Comparison::Above) => Verdict::Broken(value.max(threshold)),
            (false, Comparison::Above) => Verdict::Fine(value.min(threshold)),
            (true, Comparison::Below) => Verdict::Broken(value.min(threshold)),
            (false, Comparison::Below) => Verdict::Fine(value.max(threshold)),
        }
    }

    /// How many times are above the edge of the rule.
    pub(crate) fn above(&self, times: &Times) -> Option<u64> {
        let count = times.count()?;
        Some(count.saturating_sub(times.upto(self.below)))
    }

    /// By how many per cent there are more failures than before. What was before is given for as long a time.
    pub(crate) fn spike(&self, now: u64, before: f64) -> Verdict {
        let value = match now {
            0 if before == 0.0 => 0.0,
            _ => (now as f64 - before.max(1.0)) * 100.0 / before.max(1.0),
        };
        if now < self.rule.at_least {
            return Verdict::Fine(value);
        }
        self.value(Some(value))
    }

    pub(crate) fn counts(&self, tally: &Tally) -> Counts {
        tally.counts(self.rule.signal.category)
    }

    fn is_broken_by(&self, value: f64) -> bool {
        match self.rule.comparison {
            Comparison::Above => value > self.rule.threshold,
            Comparison::Below => value < self.rule.threshold,
        }
    }

    const fn share_rule(&self) -> ShareRule {
        ShareRule {
            threshold: self.rule.threshold,
            at_least: self.rule.at_least,
            window: self.rule.window,
        }
    }

    fn alone(&self, window: Counts) -> Judged {
        match self.rule.comparison {
            Comparison::Above => self.share_rule().window_alone(window),
            Comparison::Below => self.below(window),
        }
    }

    fn below(&self, window: Counts) -> Judged {
        let enough = window.requests >= self.rule.at_least;
        Judged {
            is_broken: enough && window.is_below(self.rule.threshold),
            is_judged: enough,
            percent: window.percent(),
        }
    }

    fn judged(judged: Judged) -> Verdict {
        match (judged.is_broken, judged.percent) {
            (_, None) => Verdict::NoData,
            (true, Some(percent)) => Verdict::Broken(percent),
            (false, Some(percent)) if !judged.is_judged => Verdict::Unjudged(percent),
            (false, Some(percent)) => Verdict::Fine(percent),
        }
    }

    /// Whether too many times are above the threshold, or too few of them for a rule that is broken below it. In whole numbers,
    /// as it follows from the published counts.
    fn is_slow(&self, times: &Times, percent: u8) -> bool {
        let Some(count) = times.count().filter(|count| *count > 0) else {
            return false;
        };
        if count < self.rule.at_least {
            return false;
        }
        let above = count.saturating_sub(times.upto(self.below));
        let most = u128::from(count) * u128::from(100_u8.saturating_sub(percent));
        let is_above = u128::from(above) * 100 > most;
        match self.rule.comparison {
            Comparison::Above => is_above,
            Comparison::Below => !is_above,
        }
    }

    fn rate(&self, tally: &Tally, covered: Duration) -> Option<f64> {
        let observed = !covered.is_zero();
        // What happened in the first moments of a process says little of a minute, or of a second.
        let at_least = |time: Duration| covered.max(time.min(self.rule.window)).as_secs_f64();
        observed.then(|| match self.rule.signal.kind {
            Kind::ErrorsPerMinute => {
                tally.failures(self.rule.signal.category) as f64 * 60.0 / at_least(MINUTE)
            }
            _ => tally.requests as f64 / at_least(TEN_SECONDS),
        })
    }
}
