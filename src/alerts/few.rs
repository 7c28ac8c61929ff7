//! Judges a share of few requests, so that one failure is no alarm and a quiet service that fails is not missed.

use std::time::Duration;

/// How many requests there were in a stretch of time, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) failures: u64,
    pub(crate) requests: u64,
}

/// The stretches of time that stand in for a window that has few requests, each until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretches {
    /// 15 minutes.
    pub(crate) quarter: Duration,
    pub(crate) hour: Duration,
    pub(crate) six_hours: Duration,
}

/// The share that decided, and whether it breaks the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Judged {
    pub(crate) is_broken: bool,
    /// Whether there was enough to judge by.
    pub(crate) is_judged: bool,
    /// In per cent. `None` without requests.
    pub(crate) percent: Option<f64>,
}

/// A rule over a share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShareRule {
    /// In per cent.
    pub(crate) threshold: f64,
    pub(crate) at_least: u64,
    pub(crate) window: Duration,
}

// === impl Counts ===

impl Counts {
    pub(crate) fn percent(self) -> Option<f64> {
        (self.requests > 0).then(|| self.failures as f64 * 100.0 / self.requests as f64)
    }

    /// A share is divided, since that is rounded to the threshold where both are equal. As a product, 69 of 1,500 are above 4.6 %:
    /// 4.6 * 1,500 is a little less than 6,900. Without requests there is no share.
    pub(crate) fn is_above(self, percent: f64) -> bool {
        self.percent().is_some_and(|share| share > percent)
    }

    pub(crate) fn is_below(self, percent: f64) -> bool {
        self.percent().is_some_and(|share| share < percent)
    }
}

// === impl Stretches ===

impl Stretches {
    /// With slots of 10 seconds, these are a quarter of an hour, an hour and six hours.
    pub(crate) fn new(slot: Duration) -> Self {
        Self {
            quarter: slot * 90,
            hour: slot * 360,
            six_hours: slot * 2_160,
        }
    }
}

// === impl ShareRule ===

impl ShareRule {
    /// Judges the window alone.
    pub(crate) fn window_alone(&self, window: Counts) -> Judged {
        Judged {
            is_broken: window.requests >= self.at_least && window.is_above(self.threshold),
            is_judged: window.requests >= self.at_least,
            percent: window.percent(),
        }
    }

    /// Judges the window, and longer times where it has too few requests. `counts` gives what happened in the time until now.
    pub(crate) fn judge(
        &self,
        stretches: &Stretches,
        counts: impl Fn(Duration) -> Counts,
    ) -> Judged {
        let window = counts(self.window);
        if window.requests >= self.at_least {
            return self.window_alone(window);
        }
        if stretches.hour > self.window {
            let hour = counts(stretches.hour);
            if hour.requests >= self.at_least {
                let is_broken = hour.is_above(self.threshold)
                    && window.failures >= 1
                    && counts(stretches.quarter).failures >= 2;
                return Judged::of(is_broken, hour, window);
            }
        }
        if stretches.six_hours > self.window {
            let long = counts(stretches.six_hours);
            if long.requests >= self.at_least {
                let is_broken = long.is_above(self.threshold)
                    && counts(stretches.quarter).failures >= 1
                    && counts(stretches.hour).failures >= 2;
                return Judged::of(is_broken, long, window);
            }
        }
        Judged {
            is_broken: false,
            is_judged: false,
            percent: window.percent(),
        }
    }
}

// === impl Judged ===

impl Judged {
    /// What decided is shown where the rule is broken. Else it is what the window had, which can be nothing.
    fn of(is_broken: bool, decided: Counts, window: Counts) -> Self {
        let shown = if is_broken { decided } else { window };
        Self {
            is_broken,
            is_judged: true,
            percent: shown.percent(),
        }
    }
}
