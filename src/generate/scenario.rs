//! Knows which series bring a rule to its threshold.

use super::{
    test_file::{Series, steps},
    values::Values,
    work::{self, Parts},
};
use crate::{
    alerts::{CheckedRule, Comparison, Gauge, Kind, Own, Published, Scope},
    facts::exchange::Outcome,
    metrics::catalog::Id,
};

/// How many requests there are in each step of a test of shares. So a share has four digits behind the point.
pub(super) const MANY: f64 = 1_000_000.0;

/// What a test counts or shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// So many of a million requests in each step failed.
    Failed,
    /// So many of a million requests in each step took longer than the threshold.
    Slow(u8),
    /// So many requests in each step, or so many failed ones.
    Requests,
    Failures,
    /// How often something occurs in a window.
    Counted,
    /// The value of a gauge.
    Shown(Gauge),
    InFlight,
    /// The value of a gauge of the application.
    Own,
}

/// The series that a rule judges.
#[derive(Debug)]
pub(super) struct Scenario<'s> {
    pub(super) rule: &'s CheckedRule,
    pub(super) published: &'s Published<'s>,
    pub(super) load: Load,
    route: String,
    method: String,
}

// === impl Load ===

impl Load {
    /// Whether it says how something is now, and not what happened in a window.
    pub(super) const fn is_now(self) -> bool {
        matches!(self, Self::Shown(_) | Self::InFlight | Self::Own)
    }
}

// === impl Scenario ===

impl<'s> Scenario<'s> {
    pub(super) fn of(rule: &'s CheckedRule, published: &'s Published<'s>) -> Self {
        let load = match &rule.signal.kind {
            Kind::ErrorRate | Kind::OutboundErrorRate | Kind::Own(Own::Share { .. }) => {
                Load::Failed
            }
            Kind::Latency(percent) => Load::Slow(*percent),
            Kind::QueryLatency => Load::Slow(95),
            Kind::RequestsPerSecond => Load::Requests,
            Kind::ErrorsPerMinute | Kind::ErrorSpike => Load::Failures,
            Kind::JobFailures
            | Kind::SlowQueries
            | Kind::NewErrors
            | Kind::NewErrorsSinceDeployment => Load::Counted,
            Kind::InFlight => Load::InFlight,
            Kind::Now(gauge) => Load::Shown(*gauge),
            Kind::Own(Own::Gauge { .. } | Own::Asked { .. }) => Load::Own,
        };
        let (route, method) = match &rule.scope {
            Scope::Endpoint { route, method } => (
                route.to_string(),
                method.as_ref().map(|method| method.as_str().to_owned()),
            ),
            _ => ("/a".to_owned(), None),
        };
        Self {
            rule,
            published,
            load,
            route,
            method: method.unwrap_or_else(|| "GET".to_owned()),
        }
    }

    /// The number that does not break the rule, but nearly does, and the next one, which does. `None` if nothing breaks it.
    pub(super) fn limits(&self) -> Option<(f64, f64)> {
        let threshold = self.rule.threshold;
        let is_above = self.rule.comparison == Comparison::Above;
        // The last number on the good side, on a scale with so many steps for each unit.
        let last = |scale: f64, most: f64| {
            let exact = threshold * scale;
            let near = exact.round();
            let good = match is_above {
                _ if (near - exact).abs() < 1e-6 => near,
                true => exact.floor(),
                false => exact.ceil(),
            };
            let bad = if is_above { good + 1.0 } else { good - 1.0 };
            ((0.0..=most).contains(&bad)).then_some((good, bad))
        };
        let halves = |scale| last(2.0 * scale, f64::MAX).map(|(good, bad)| (good / 2.0, bad / 2.0));
        match self.load {
            Load::Failed => last(MANY / 100.0, MANY),
            Load::Slow(percent) => {
                let most = MANY * f64::from(100_u8.saturating_sub(percent)) / 100.0;
                Some(if is_above {
                    (most, most + 1.0)
                } else {
                    (most + 1.0, most)
                })
            }
            Load::Requests => halves(15.0),
            Load::Failures => halves(0.25),
            // Failures are whole, and the window has them in each of its steps.
            Load::Counted => {
                let (good, bad) = match is_above {
                    true => (threshold.floor(), threshold.floor() + 1.0),
                    false => (threshold.ceil(), threshold.ceil() - 1.0),
                };
                let each = steps(self.rule.window).max(1) as f64;
                (bad >= 0.0).then_some((good.max(0.0) / each, bad / each))
            }
            Load::InFlight | Load::Own => last(1.0, f64::MAX).or_else(|| {
                // A gauge of the application can be below 0.
                (self.load == Load::Own).then(|| {
                    let step = if is_above { 1.0 } else { -1.0 };
                    (threshold, threshold + step)
                })
            }),
            Load::Shown(gauge) => shown(gauge, threshold, is_above),
        }
    }

    /// The series with these numbers. `few` are so many requests that all failed or were slow, and no others.
    pub(super) fn series(&self, values: &Values, few: Option<f64>) -> Option<Vec<Series>> {
        let counter = |name: Option<String>, values: &Values| Some((name?, values.counter()));
        let all = |bad: &Values| match few {
            Some(_) => bad.clone(),
            None => bad.map(|_| MANY),
        };
        let good = |bad: &Values| match few {
            Some(_) => bad.map(|_| 0.0),
            None => bad.map(|bad| MANY - bad),
        };
        let parts = || Parts {
            bad: values.clone(),
            rest: match self.load {
                Load::Counted => values.map(|_| 1.0),
                _ => good(values),
            },
            all: match self.load {
                Load::Counted => values.map(|bad| bad + 1.0),
                _ => all(values),
            },
        };
        let kind = &self.rule.signal.kind;
        Some(match self.load {
            Load::Counted => work::series(self.rule, self.published, &parts())?,
            Load::Failed if !matches!(kind, Kind::ErrorRate) => {
                work::series(self.rule, self.published, &parts())?
            }
            Load::Slow(_) if matches!(kind, Kind::QueryLatency) => {
                work::series(self.rule, self.published, &parts())?
            }
            Load::Own => vec![work::own(self.rule, self.published, values)?],
            Load::Failed => {
                let mut series = vec![self.uncounted()?];
                match self.rule.signal.category {
                    Some(_) => {
                        series.push(counter(self.requests("200"), &all(values))?);
                        series.push(counter(self.errors(), values)?);
                    }
                    None => {
                        series.push(counter(self.requests("200"), &good(values))?);
                        series.push(counter(self.requests("500"), values)?);
                    }
                }
                series
            }
            Load::Slow(_) => {
                let bucket = |edge| {
                    self.published
                        .bucket(Id::Duration, &self.places("200"), edge)
                };
                vec![
                    counter(bucket(self.rule.edge()), &good(values))?,
                    counter(bucket(None), &all(values))?,
                    counter(self.durations("200"), &all(values))?,
                ]
            }
            Load::Requests => vec![self.uncounted()?, counter(self.requests("200"), values)?],
            Load::Failures => vec![self.uncounted()?, counter(self.failures(), values)?],
            Load::InFlight => {
                let name = self
                    .published
                    .sample(Id::InFlight, &[(0, "GET"), (1, "http")]);
                vec![(name?, values.gauge())]
            }
            Load::Shown(gauge) => self.shown(gauge, values)?,
        })
    }

    /// The series of what fails.
    pub(super) fn failures(&self) -> Option<String> {
        match self.rule.signal.category {
            Some(_) => self.errors(),
            None => self.requests("500"),
        }
    }

    /// What says that the process has been there from the beginning on.
    pub(super) fn observed(&self) -> Option<Vec<Series>> {
        let started = self.published.series(Id::Started)?;
        Some(vec![self.uncounted()?, (started, "1x100000".to_owned())])
    }

    fn shown(&self, gauge: Gauge, values: &Values) -> Option<Vec<Series>> {
        let only = self.rule.signal.only.as_deref().unwrap_or("a");
        let sample = |id| self.published.sample(id, &[(0, only)]);
        let one = |id| Some(vec![(sample(id)?, values.gauge())]);
        let share = |part, whole| {
            let hundred = values.map(|_| 100.0).gauge();
            Some(vec![
                (sample(part)?, values.gauge()),
                (sample(whole)?, hundred),
            ])
        };
        match gauge {
            Gauge::MemoryPercent => one(Id::MemoryPercent),
            Gauge::CpuPercent => one(Id::CpuPercent),
            Gauge::CircuitsOpen => one(Id::CircuitsOpen),
            Gauge::RuntimeLagMillis => one(Id::TokioLag),
            Gauge::CheckFailed => one(Id::HealthStatus),
            Gauge::DiskFreePercent => share(Id::DiskFree, Id::DiskSize),
            Gauge::PoolPercent => share(Id::PoolInUse, Id::PoolMax),
            Gauge::CertificateDays => one(Id::CertificateExpiry),
            Gauge::JobAgeSeconds => one(Id::JobLastSuccess),
            Gauge::QueueLength => one(Id::JobQueueLength),
            Gauge::RedisPercent => share(Id::RedisMemoryUsed, Id::RedisMemoryMax),
            Gauge::CacheHitPercent => one(Id::RedisHitRatio),
        }
    }

    /// The labels of a request, by their places in the catalog.
    fn places<'p>(&'p self, status: &'p str) -> [(usize, &'p str); 3] {
        [(0, &self.method), (1, &self.route), (2, status)]
    }

    fn requests(&self, status: &str) -> Option<String> {
        let counted = self.published.sample(Id::Requests, &self.places(status));
        counted.or_else(|| self.durations(status))
    }

    fn durations(&self, status: &str) -> Option<String> {
        self.published.count(Id::Duration, &self.places(status))
    }

    fn errors(&self) -> Option<String> {
        let category = self.rule.signal.category?.as_str();
        self.published
            .sample(Id::Errors, &[(0, category), (1, &self.route)])
    }

    /// Requests that clients gave up, of which there are none.
    fn uncounted(&self) -> Option<Series> {
        let cancelled = Outcome::Cancelled.as_str();
        let name = self.published.sample(Id::Outcomes, &[(0, cancelled)])?;
        Some((name, "0x100000".to_owned()))
    }
}

/// The values of a gauge at its threshold, and beyond.
fn shown(gauge: Gauge, threshold: f64, is_above: bool) -> Option<(f64, f64)> {
    // What a rule makes of a value, so that no rounding carries it over the threshold.
    let near = |value: f64, seen: &dyn Fn(f64) -> f64, step: f64| {
        let mut good = value;
        while (is_above && seen(good) > threshold) || (!is_above && seen(good) < threshold) {
            good = if is_above {
                good.next_down()
            } else {
                good.next_up()
            };
        }
        (good, if is_above { value + step } else { value - step })
    };
    Some(match gauge {
        Gauge::RuntimeLagMillis => near(threshold / 1_000.0, &|one| 1_000.0 * one, 0.001),
        Gauge::CacheHitPercent => near(threshold / 100.0, &|one| 100.0 * one, 0.0001),
        Gauge::DiskFreePercent | Gauge::PoolPercent | Gauge::RedisPercent => {
            near(threshold, &|one| 100.0 * one / 100.0, 0.01)
        }
        Gauge::CheckFailed => match is_above && (0.0..1.0).contains(&threshold) {
            true => (1.0, 0.0),
            false => return None,
        },
        // They change with the time. The clock of a test begins at 0.
        Gauge::CertificateDays if !is_above => (1e12, threshold * 86_400.0 - 1.0),
        Gauge::JobAgeSeconds if is_above => (1e12, -threshold - 1.0),
        Gauge::CertificateDays | Gauge::JobAgeSeconds => return None,
        Gauge::MemoryPercent | Gauge::CpuPercent | Gauge::CircuitsOpen | Gauge::QueueLength => {
            near(threshold, &|one| one, 1.0)
        }
    })
}
