//! Judges deployments by the errors that followed them.

use std::time::Duration;

use serde::Serialize;

use super::{
    releases::{DeploymentMark, by_time},
    traffic::{Traffic, share},
    wall_time::WallTime,
};
use crate::{metrics::bounds::Bounds, window::Sums};

/// How long before and after a deployment its errors are compared.
const COMPARED: Duration = Duration::from_secs(30 * 60);

/// The fewest requests on each side that can be compared.
const FEWEST: u64 = 10;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the service was deployed, and what followed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DeploymentStatistics {
    /// The deployments of the last 24 hours.
    pub per_day: u64,
    /// How many of all known deployments could be judged.
    pub judged: u64,
    /// How many of those were followed by more errors.
    pub followed_by_more_errors: u64,
    /// The share of the others in those that could be judged, from 0 to 1. `None` if there are none.
    pub success_rate: Option<f64>,
    /// All known deployments, the newest first.
    pub deployments: Vec<JudgedDeployment>,
}

/// A deployment, and whether more errors followed it.
///
/// The 30 minutes before are compared with the 30 minutes after. They end earlier at the deployment before or after, and now.
/// They begin and end with slots of the window, so up to a minute in the last six hours can be on the wrong side, and up to ten
/// minutes before that, or where an earlier process counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JudgedDeployment {
    /// The version that was deployed.
    pub version: String,
    /// When it was deployed.
    pub at: WallTime,
    /// Where it was deployed.
    pub environment: String,
    /// Who deployed it.
    pub by: String,
    /// What has changed. Empty if nobody said it.
    pub changes: String,
    /// The share of requests with a status of 5xx in the time before, from 0 to 1. `None` without requests.
    pub error_rate_before: Option<f64>,
    /// The same in the time after.
    pub error_rate_after: Option<f64>,
    /// The p95 of the time before, in milliseconds, as exact as [that of an endpoint](Traffic::p95_ms).
    pub p95_ms_before: Option<f64>,
    /// The same of the time after.
    pub p95_ms_after: Option<f64>,
    /// Whether the share of errors rose by more than chance explains: by more than two standard errors of the difference.
    /// `None` if there were fewer than 10 requests before, or after.
    pub more_errors: Option<bool>,
}

// === impl DeploymentStatistics ===

impl DeploymentStatistics {
    /// `between` gives the sums between two wall times, and until now if the second one is later.
    pub(crate) fn new(
        marks: &[DeploymentMark],
        now: Duration,
        bounds: &Bounds,
        between: impl Fn(Duration, Duration) -> Sums,
    ) -> Self {
        let marks = by_time(marks);
        let deployments = JudgedDeployment::newest(&marks, usize::MAX, bounds, between);
        let count = |more| {
            let all = deployments.iter();
            let of_each = all.map(|one| u64::from(one.more_errors == Some(more)));
            of_each.sum()
        };
        let (worse, fine): (u64, u64) = (count(true), count(false));
        let day = now.saturating_sub(DAY)..=now;
        Self {
            per_day: marks.iter().filter(|mark| day.contains(&mark.at)).count() as u64,
            judged: worse + fine,
            followed_by_more_errors: worse,
            success_rate: share(fine, worse + fine),
            deployments,
        }
    }
}

// === impl JudgedDeployment ===

impl JudgedDeployment {
    /// The newest of these deployments, which stand in the order of time: the newest first.
    pub(super) fn newest(
        marks: &[&DeploymentMark],
        most: usize,
        bounds: &Bounds,
        between: impl Fn(Duration, Duration) -> Sums,
    ) -> Vec<Self> {
        let traffic = |from, to| Traffic::of_all(&between(from, to), bounds);
        let judged = |(index, mark): (usize, &&DeploymentMark)| {
            let from = mark.at.saturating_sub(COMPARED);
            let previous = index.checked_sub(1).and_then(|before| marks.get(before));
            let from = previous.map_or(from, |previous| from.max(previous.at));
            let next = marks.get(index + 1).map_or(Duration::MAX, |next| next.at);
            let to = mark.at.saturating_add(COMPARED).min(next);
            Self::new(mark, &traffic(from, mark.at), &traffic(mark.at, to))
        };
        let older = marks.len().saturating_sub(most);
        let newest = marks.iter().enumerate().skip(older);
        let mut all: Vec<_> = newest.map(judged).collect();
        all.reverse();
        all
    }

    fn new(mark: &DeploymentMark, before: &Traffic, after: &Traffic) -> Self {
        let enough = before.requests.min(after.requests) >= FEWEST;
        Self {
            version: mark.version.clone(),
            at: WallTime::new(mark.at),
            environment: mark.environment.clone(),
            by: mark.by.clone(),
            changes: mark.changes.clone(),
            error_rate_before: before.error_rate,
            error_rate_after: after.error_rate,
            p95_ms_before: before.p95_ms,
            p95_ms_after: after.p95_ms,
            more_errors: enough.then(|| has_risen(before, after)),
        }
    }
}

/// Whether the share of errors rose by more than two standard errors of the difference of two shares.
fn has_risen(before: &Traffic, after: &Traffic) -> bool {
    let [(few, all_before), (many, all_after)] =
        [before, after].map(|traffic| (traffic.errors as f64, traffic.requests as f64));
    let rise = many / all_after - few / all_before;
    let pooled = (few + many) / (all_before + all_after);
    let variance = pooled * (1.0 - pooled) * (all_before.recip() + all_after.recip());
    rise > 2.0 * variance.sqrt()
}
