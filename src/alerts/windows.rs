//! Takes the windows that rules need, each once for all of them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    checked::{CheckedRule, Scope},
    few::Stretches,
    numbers::Numbers,
    own::Own,
    signal::Kind,
    tally::Tallies,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A stretch of time that a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stretch {
    /// The time until now.
    Last(Duration),
    /// As long a time, until that one began.
    Before(Duration),
    /// The last 24 hours until that one began.
    RestOfDay(Duration),
    SinceDeployment,
    /// The hour until then.
    BeforeDeployment,
}

/// What was counted in all stretches of time that rules look at.
#[derive(Debug)]
pub(crate) struct Windows {
    all: BTreeMap<Stretch, Tallies>,
    pub(crate) few: Stretches,
    /// How long ago the service was deployed.
    pub(crate) deployed: Option<Duration>,
}

// === impl Windows ===

impl Windows {
    pub(crate) fn take<'r>(
        rules: impl Iterator<Item = &'r CheckedRule>,
        numbers: &dyn Numbers,
    ) -> Self {
        let now = numbers.now();
        let deployed = numbers.deployed().filter(|at| *at <= now);
        let mut windows = Self {
            all: BTreeMap::new(),
            few: Stretches::new(numbers.slot()),
            deployed: deployed.map(|at| now.saturating_sub(at)),
        };
        // Each stretch of time, and whether somebody needs the durations in it.
        let mut needs = BTreeMap::new();
        for rule in rules {
            windows.needs(rule, |stretch, durations| {
                *needs.entry(stretch).or_insert(false) |= durations;
            });
        }
        // The last ones are the first in this order, and the others begin or end with them.
        for (stretch, durations) in needs {
            let begin = |window| windows.last(window).map_or(now, |last| last.begin);
            let since = deployed.unwrap_or(now);
            let (from, to) = match stretch {
                Stretch::Last(window) => (now.saturating_sub(window), None),
                Stretch::Before(window) => {
                    let begin = begin(window);
                    (begin.saturating_sub(window), Some(begin))
                }
                Stretch::RestOfDay(window) => (now.saturating_sub(DAY), Some(begin(window))),
                Stretch::SinceDeployment => (since, None),
                Stretch::BeforeDeployment => (since.saturating_sub(windows.few.hour), Some(since)),
            };
            let sums = numbers.counted(from, to, durations);
            windows.all.insert(stretch, Tallies::new(&sums));
        }
        windows
    }

    pub(crate) fn get(&self, stretch: Stretch) -> Option<&Tallies> {
        self.all.get(&stretch)
    }

    /// The window that ends now.
    pub(crate) fn last(&self, window: Duration) -> Option<&Tallies> {
        self.get(Stretch::Last(window))
    }

    /// Whether a deployment was not longer ago than that.
    pub(crate) fn was_deployed_within(&self, time: Duration) -> bool {
        self.deployed.is_some_and(|ago| ago <= time)
    }

    fn needs(&self, rule: &CheckedRule, mut add: impl FnMut(Stretch, bool)) {
        let window = rule.window;
        let last = Stretch::Last(window);
        match &rule.signal.kind {
            Kind::ErrorRate | Kind::OutboundErrorRate => {
                add(last, false);
                if rule.scope != Scope::EachEndpoint {
                    let few = &self.few;
                    for longer in [few.quarter, few.hour, few.six_hours] {
                        add(Stretch::Last(longer), false);
                    }
                }
            }
            Kind::ErrorsPerMinute | Kind::RequestsPerSecond | Kind::JobFailures => {
                add(last, false);
            }
            Kind::Latency(_) | Kind::QueryLatency | Kind::SlowQueries => add(last, true),
            Kind::ErrorSpike => {
                add(last, false);
                add(Stretch::Before(window), false);
            }
            Kind::NewErrors => {
                add(last, false);
                add(Stretch::RestOfDay(window), false);
            }
            Kind::NewErrorsSinceDeployment => {
                if self.was_deployed_within(window) {
                    add(Stretch::SinceDeployment, false);
                    add(Stretch::BeforeDeployment, false);
                }
            }
            Kind::InFlight | Kind::Now(_) => {}
            Kind::Own(Own::Asked { .. } | Own::Gauge { .. } | Own::Share { .. }) => {}
        }
    }
}
