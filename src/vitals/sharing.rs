//! Shares with the other instances what this one knows beside its counts, and shows what they know.

#[cfg(feature = "health")]
mod others;

#[cfg(feature = "health")]
use std::sync::Arc;
use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

#[cfg(feature = "health")]
use self::others::Others;
use super::{
    alerting::Alerting,
    lately::Lately,
    telling::{Heard, Teller, Telling},
};
#[cfg(feature = "health")]
use crate::monitoring::AskFleet;
use crate::{
    config::ConfigError,
    doctor::FleetFacts,
    fleet::{
        Chores, FleetHandle, Gatherer, GuideWriter, Mark, NewMark, Noted, Noting, Running,
        SharedMarks, Told,
    },
    health::HealthService,
    metrics::Metrics,
    release::Release,
    statistics::DeploymentMark,
};

/// The most checks that an instance tells of.
#[cfg(feature = "health")]
const MOST_CHECKS: usize = 50;

/// Over which time the doctor looks.
const LATELY: Duration = Duration::from_secs(300);

/// What instances share beside their counts. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    marks: Option<SharedMarks>,
    fleet: Option<FleetHandle>,
}

// === impl Sharing ===

impl Sharing {
    /// Begins to share, if the service is one of several.
    pub(super) fn start(
        lately: &Lately,
        alerting: &Alerting,
        metrics: &Metrics,
        release: &Release,
        health: Option<&HealthService>,
    ) -> Result<Self, ConfigError> {
        let Some(running) = lately.fleet() else {
            return Ok(Self {
                marks: None,
                fleet: None,
            });
        };
        let settings = format!("{:016x}", alerting.thresholds(metrics));
        let health = health.cloned();
        running.describe(Box::new(move || described(&settings, health.as_ref())));
        let marks = start_marks(running, lately, metrics, release)?;
        lately.share(&marks);
        if let Some(version) = &release.version {
            let start = NewMark::start(version.clone());
            // The list of all instances tells of it.
            marks.note(start, Box::new(|_| {}));
        }
        Ok(Self {
            marks: Some(marks),
            fleet: lately.handle().fleet(),
        })
    }

    /// Tells the others of a deployment. `then` hears whether they know of it: now, or within seconds.
    pub(super) fn note(&self, telling: Telling, then: impl FnOnce(Heard) + Send + 'static) {
        let Some(marks) = &self.marks else {
            return then(Heard::Alone);
        };
        let new = NewMark {
            told: match telling.teller {
                Teller::Application => Told::Process,
                Teller::Person => Told::Outside,
            },
            version: telling.version,
            environment: telling.environment,
            by: telling.by,
            changes: telling.changes,
            token: fastrand::u64(..),
        };
        marks.note(new, Box::new(|noted| then(noted.into())));
    }

    /// All instances. `None` if the service is alone.
    #[cfg(feature = "health")]
    pub(super) fn others(&self) -> Option<Arc<dyn AskFleet>> {
        let fleet = self.fleet.clone()?;
        Some(Arc::new(Others(fleet)))
    }

    /// What the doctor wants to know of the others. It asks Redis.
    pub(super) fn facts(&self) -> Option<FleetFacts> {
        let fleet = self.fleet.as_ref()?;
        let clock_off = fleet.clock_off();
        Some(match fleet.over(LATELY) {
            Ok(lately) => {
                let all = lately.instances.iter().filter(|one| !one.has_ended);
                let named = |is: fn(&crate::fleet::InstanceStatistics) -> bool| {
                    let some = all.clone().filter(|one| is(one));
                    let mut names: Vec<_> = some.map(|one| one.id.clone()).collect();
                    // One that starts again and again is named once. They stand in the order of their names.
                    names.dedup();
                    names
                };
                FleetFacts {
                    silence: None,
                    instances: all.clone().filter(|one| !one.is_lost).count(),
                    lost: named(|one| one.is_lost),
                    other_settings: named(|one| one.other_settings && !one.is_lost),
                    clock_off,
                }
            }
            Err(error) => FleetFacts {
                silence: Some(error.to_string()),
                ..FleetFacts::default()
            },
        })
    }
}

// === impl Heard ===

impl From<Noted> for Heard {
    fn from(noted: Noted) -> Self {
        match noted {
            Noted::Marked { is_news } => Self::First { is_news },
            Noted::Known => Self::Known,
            Noted::Alone => Self::Alone,
        }
    }
}

fn start_marks(
    running: &Running,
    lately: &Lately,
    metrics: &Metrics,
    release: &Release,
) -> Result<SharedMarks, ConfigError> {
    let mut link = running.link();
    let metrics = metrics.clone();
    let mut guide = GuideWriter::of(running);
    let mut gatherer = Gatherer::of(running);
    let chores = Chores {
        noting: Noting {
            keys: running.keys().clone(),
            start: running.start_id(),
            id: running.checked().instance.clone(),
            version: release.version.clone(),
        },
        ask: Box::new(move |pipeline| link.ask(pipeline)),
        heard: Box::new(move |marks| {
            for mark in marks {
                let at = Duration::from_millis(mark.at_ms).as_secs_f64();
                metrics.record_deployment(&mark.version, at);
            }
        }),
        each_minute: Some(Box::new(move || {
            gatherer.gather();
            if let Some(guide) = &mut guide {
                guide.write();
            }
        })),
    };
    let before = lately.handle().marks().into_iter().map(Mark::from);
    SharedMarks::start(chores, before.collect())
}

/// What an instance says of itself to the others: words and numbers, and no text.
fn described(settings: &str, health: Option<&HealthService>) -> Value {
    let checks = health.map(checks).unwrap_or_default();
    json!({ "settings": settings, "health": word(health), "checks": checks })
}

#[cfg(feature = "health")]
fn word(health: Option<&HealthService>) -> Option<&'static str> {
    health.map(|health| health.handle().status().as_str())
}

#[cfg(feature = "health")]
fn checks(health: &HealthService) -> BTreeMap<String, &'static str> {
    use crate::health::Role;
    let reports = health.handle().reports().into_iter();
    // What is only shown is no check of the application.
    let checks = reports.filter(|check| check.role != Role::Informational);
    let words = checks.map(|check| (check.name.to_string(), check.status.as_str()));
    words.take(MOST_CHECKS).collect()
}

#[cfg(not(feature = "health"))]
const fn word(_: Option<&HealthService>) -> Option<&'static str> {
    None
}

#[cfg(not(feature = "health"))]
const fn checks(health: &HealthService) -> BTreeMap<String, &'static str> {
    match *health {}
}

// === impl Mark ===

impl From<DeploymentMark> for Mark {
    fn from(mark: DeploymentMark) -> Self {
        let new = NewMark {
            told: Told::Outside,
            version: mark.version,
            environment: mark.environment,
            by: mark.by,
            changes: mark.changes,
            token: fastrand::u64(..),
        };
        Self::alone(&new, mark.at)
    }
}

// === impl DeploymentMark ===

impl From<Mark> for DeploymentMark {
    fn from(mark: Mark) -> Self {
        Self {
            version: mark.version,
            at: Duration::from_millis(mark.at_ms),
            environment: mark.environment,
            by: mark.by,
            changes: mark.changes,
        }
    }
}
