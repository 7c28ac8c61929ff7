//! Draws all sections.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use tokio::time::Instant;

use super::{
    super::sources::Sources,
    inside::InsideSection,
    instances::Instances,
    live::Drawn,
    people::{
        AlertsSection, DeploymentsSection, HistorySection, NotifiersSection, SilencesSection,
    },
    places::{FailuresSection, HealthSection, ServiceSection, StuckSection, instance},
    times::Origin,
    traffic::{EndpointsSection, ErrorsSection, HourSection, NowSection},
};
use crate::{statistics::Hour, timestamp};

/// How often deployments are judged.
const JUDGE_EVERY: Duration = Duration::from_secs(5);

/// What the sections are drawn from.
#[derive(Debug)]
pub(super) struct Sections {
    sources: Arc<Sources>,
    access: &'static str,
    may_change: bool,
    errors: bool,
    instance: Option<String>,
    instances: Instances,
    kept: Mutex<Kept>,
}

/// What is kept from one drawing to the next.
#[derive(Debug)]
struct Kept {
    origin: Origin,
    hour: Hour,
    /// The deployments as they were judged last. To judge them reads hours.
    judged: Option<(Instant, Vec<u8>)>,
}

// === impl Sections ===

impl Sections {
    pub(super) fn new(
        sources: Arc<Sources>,
        access: &'static str,
        may_change: bool,
        errors: bool,
    ) -> Self {
        Self {
            sources,
            access,
            may_change,
            errors,
            instance: instance(),
            instances: Instances::default(),
            kept: Mutex::new(Kept {
                origin: Origin::now(),
                hour: Hour::new(),
                judged: None,
            }),
        }
    }

    /// Draws all of them. It can take milliseconds.
    pub(super) fn draw(&self) -> Vec<Drawn> {
        let sources = &self.sources;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.origin.follow(now, timestamp::since_1970());
        let origin = &{ kept.origin };
        let (statistics, alerts) = (&sources.statistics, &sources.alerts);
        let overview = statistics.overview(&mut kept.hour);
        let lately = &overview.lately;
        let service = ServiceSection::of(
            sources,
            self.instance.as_deref(),
            origin,
            self.access,
            self.may_change,
        );
        let failures = sources.failures.failures.as_deref();
        // Everybody would read them.
        let causes = self.access != "public";
        vec![
            ("service", json(&service)),
            ("now", json(&NowSection::new(&overview, sources.bands))),
            ("stuck", json(&StuckSection::of(&sources.stuck, origin))),
            (
                "hour",
                json(&HourSection::new(&kept.hour, lately.in_flight)),
            ),
            (
                "endpoints",
                json(&EndpointsSection::new(&overview, &kept.hour)),
            ),
            ("errors", json(&ErrorsSection::new(&overview, &kept.hour))),
            ("failures", json(&FailuresSection::of(failures, causes))),
            (
                "health",
                json(&HealthSection::of(sources, self.errors, now, origin)),
            ),
            ("alerts", json(&AlertsSection::of(alerts))),
            ("history", json(&HistorySection::of(alerts))),
            ("silences", json(&SilencesSection::of(alerts))),
            ("deployments", self.deployments(&mut kept, now)),
            ("instances", json(&self.instances.section(sources, now))),
            ("notifiers", json(&NotifiersSection::of(sources))),
            (
                "inside",
                json(&InsideSection::new(lately, &sources.metrics)),
            ),
        ]
    }

    fn deployments(&self, kept: &mut Kept, now: Instant) -> Vec<u8> {
        if let Some((at, judged)) = &kept.judged
            && now.duration_since(*at) < JUDGE_EVERY
        {
            return judged.clone();
        }
        let judged = json(&DeploymentsSection::of(&self.sources.statistics));
        kept.judged = Some((now, judged.clone()));
        judged
    }
}

/// A section that cannot be written, which none is, is an empty one.
fn json(section: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(section).unwrap_or_else(|_| b"null".to_vec())
}
