//! Tells apart what happened since each deployment.

use std::time::Duration;

use serde::Serialize;

use super::{traffic::Traffic, wall_time::WallTime};
use crate::{metrics::bounds::Bounds, window::Sums};

/// What is known of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeploymentMark {
    pub(crate) version: String,
    /// By the wall clock, since 1970.
    pub(crate) at: Duration,
    pub(crate) environment: String,
    pub(crate) by: String,
    pub(crate) changes: String,
}

/// The requests since a deployment: until the next one, or until now.
///
/// Of a release that is older than the window, only the requests of the last 24 hours are known.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReleaseStatistics {
    /// The version that was deployed.
    pub version: String,
    /// When it was deployed.
    pub since: WallTime,
    /// When the next one was deployed. `None` if this is the newest.
    pub until: Option<WallTime>,
    /// How many seconds of that time were observed.
    pub covered_seconds: f64,
    /// The requests in that time. In JSON they stand beside the version.
    #[serde(flatten)]
    pub traffic: Traffic,
}

// === impl ReleaseStatistics ===

impl ReleaseStatistics {
    /// All releases, the newest first. `between` gives the sums between two wall times, and until now if the second one is later.
    pub(crate) fn of_each(
        marks: &[DeploymentMark],
        bounds: &Bounds,
        between: impl Fn(Duration, Duration) -> Sums,
    ) -> Vec<Self> {
        let marks = by_time(marks);
        let nexts = marks.iter().skip(1).map(|next| Some(next.at));
        let intervals = marks.iter().zip(nexts.chain([None]));
        let mut releases: Vec<_> = intervals
            .map(|(mark, next)| {
                // A time that was read before the counters would leave out what came last.
                let until = next.unwrap_or(Duration::MAX);
                let sums = between(mark.at, until);
                Self {
                    version: mark.version.clone(),
                    since: WallTime::new(mark.at),
                    until: next.map(WallTime::new),
                    covered_seconds: sums.covered.as_secs_f64(),
                    traffic: Traffic::of_all(&sums, bounds),
                }
            })
            .collect();
        releases.reverse();
        releases
    }
}

/// The deployments, the oldest first.
pub(super) fn by_time(marks: &[DeploymentMark]) -> Vec<&DeploymentMark> {
    let mut marks: Vec<_> = marks.iter().collect();
    marks.sort_by_key(|mark| mark.at);
    marks
}
