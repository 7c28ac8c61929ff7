//! Shows the service itself: which process it is, its checks, and requests that failed or hang.

use std::{path::Path, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use super::{super::sources::Sources, times::Origin};
use crate::{
    bounded_file,
    facts::category::ErrorCategory,
    failures::{Failure, Failures},
    health::{Role, SeenCheck},
    statistics::WallTime,
    stuck::{StuckObserver, StuckRequest},
    text::millis,
    timestamp::rfc3339,
};

/// The most stuck requests that are shown.
const MOST_STUCK: usize = 50;

/// A strip of a check has so many steps of a minute.
const STRIP: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);

/// How often a page asks, in milliseconds.
const POLL_MS: u64 = 2_000;

/// Which process it is.
#[derive(Debug, Serialize)]
pub(super) struct ServiceSection<'s> {
    name: Option<&'s str>,
    version: Option<&'s str>,
    environment: &'s str,
    instance: Option<&'s str>,
    started_at: WallTime,
    access: &'static str,
    may_change: bool,
    poll_ms: u64,
    sentry: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct StuckSection {
    watched: bool,
    count: usize,
    requests: Vec<ShownStuck>,
}

#[derive(Debug, Serialize)]
struct ShownStuck {
    method: &'static str,
    endpoint: String,
    request_id: Option<String>,
    since: WallTime,
}

#[derive(Debug, Serialize)]
pub(super) struct FailuresSection {
    most: usize,
    total: u64,
    failures: Vec<ShownFailure>,
}

#[derive(Debug, Serialize)]
struct ShownFailure {
    at: WallTime,
    request_id: Option<String>,
    method: &'static str,
    endpoint: String,
    status: Option<u16>,
    grpc_status: Option<u8>,
    category: Option<&'static str>,
    cause: Option<String>,
    duration_ms: f64,
    outcome: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct HealthSection {
    status: Option<&'static str>,
    draining: bool,
    errors_shown: bool,
    checks: Vec<ShownCheck>,
}

#[derive(Debug, Serialize)]
struct ShownCheck {
    name: String,
    status: &'static str,
    role: &'static str,
    latency_ms: f64,
    answered_at: Option<WallTime>,
    last_success: Option<String>,
    last_change: Option<WallTime>,
    runs: u64,
    error: Option<String>,
    strip: Strip,
}

#[derive(Debug, Serialize)]
struct Strip {
    begin: WallTime,
    step_seconds: u64,
    statuses: Vec<Option<&'static str>>,
}

// === impl ServiceSection ===

impl<'s> ServiceSection<'s> {
    pub(super) fn of(
        sources: &'s Sources,
        instance: Option<&'s str>,
        origin: &Origin,
        access: &'static str,
        may_change: bool,
    ) -> Self {
        Self {
            name: sources.service.as_deref(),
            version: sources.version.as_deref(),
            environment: &sources.environment,
            instance,
            started_at: origin.began(),
            access,
            may_change,
            poll_ms: POLL_MS,
            sentry: sources.sentry,
        }
    }
}

/// The name of the machine. `None` where the kernel does not tell it in a file.
pub(super) fn instance() -> Option<String> {
    let name = bounded_file::text(Path::new("/proc/sys/kernel/hostname"))?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

// === impl StuckSection ===

impl StuckSection {
    pub(super) fn of(stuck: &StuckObserver, origin: &Origin) -> Self {
        let listed = stuck.listed();
        let watched = listed.is_some();
        let listed = listed.unwrap_or_default();
        let shown = |one: &StuckRequest| ShownStuck {
            method: one.method,
            endpoint: one.endpoint.clone(),
            request_id: one.request_id.clone(),
            since: origin.time(one.started),
        };
        Self {
            watched,
            count: listed.len(),
            requests: listed.iter().take(MOST_STUCK).map(shown).collect(),
        }
    }
}

// === impl FailuresSection ===

impl FailuresSection {
    /// `None` if nobody keeps failures. With `causes`, the texts of errors are there.
    pub(super) fn of(failures: Option<&Failures>, causes: bool) -> Self {
        let Some(failures) = failures else {
            return Self {
                most: 0,
                total: 0,
                failures: Vec::new(),
            };
        };
        let (total, last) = failures.last();
        let shown = |one: &Failure| ShownFailure {
            at: WallTime::new(one.at),
            request_id: one.request_id.as_deref().map(ToOwned::to_owned),
            method: one.method,
            endpoint: one.endpoint(),
            status: one.status,
            grpc_status: one.grpc_status,
            category: one.category.map(ErrorCategory::as_str),
            cause: match causes {
                true => failures.cause(one).map(ToOwned::to_owned),
                false => None,
            },
            duration_ms: millis(one.duration),
            outcome: one.outcome.as_str(),
        };
        Self {
            most: failures.most(),
            total,
            failures: last.iter().map(|one| shown(one)).collect(),
        }
    }
}

// === impl HealthSection ===

impl HealthSection {
    /// With `errors`, the texts of the checks' errors are there.
    pub(super) fn of(sources: &Sources, errors: bool, now: Instant, origin: &Origin) -> Self {
        let health = sources.health.as_ref();
        let seen = health.map(|health| health.seen()).unwrap_or_default();
        let shown = |check| ShownCheck::of(check, errors, now, origin);
        let mut checks: Vec<_> = seen.into_iter().map(shown).collect();
        checks.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            status: health.map(|health| health.status().as_str()),
            draining: health.is_some_and(|health| health.is_draining()),
            errors_shown: errors,
            checks,
        }
    }
}

// === impl ShownCheck ===

impl ShownCheck {
    fn of(check: SeenCheck, errors: bool, now: Instant, origin: &Origin) -> Self {
        let strip = Strip::of(&check, now, origin);
        let SeenCheck {
            report,
            answered,
            course,
        } = check;
        Self {
            name: report.name.to_string(),
            status: report.status.as_str(),
            role: match report.role {
                Role::Critical => "critical",
                Role::Optional => "optional",
                Role::Informational => "informational",
            },
            latency_ms: millis(report.latency),
            answered_at: answered.map(|at| origin.time(at)),
            last_success: report.last_success.map(|at| rfc3339::text(at).to_string()),
            last_change: course.last_change().map(|at| origin.time(at)),
            runs: report.runs,
            error: report
                .error
                .filter(|_| errors)
                .map(|error| error.to_string()),
            strip,
        }
    }
}

// === impl Strip ===

impl Strip {
    /// The worst status of each minute of the last hour. The minutes begin with those of the clock.
    fn of(check: &SeenCheck, now: Instant, origin: &Origin) -> Self {
        let wall = origin.time(now).since_1970();
        let into_minute = Duration::from_nanos((wall.as_nanos() % MINUTE.as_nanos()) as u64);
        let before = MINUTE * (STRIP as u32 - 1) + into_minute;
        let begin = wall.saturating_sub(before);
        let statuses = (0..STRIP as u32).map(|step| {
            // How long ago it began, and ended.
            let ago = before.saturating_sub(MINUTE * step);
            let from = now.checked_sub(ago)?;
            let to = (from + MINUTE).min(now + Duration::from_nanos(1));
            check.course.worst(from, to).map(|status| status.as_str())
        });
        Self {
            begin: WallTime::new(begin),
            step_seconds: MINUTE.as_secs(),
            statuses: statuses.collect(),
        }
    }
}
