//! Gives statistics of all instances together.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    error::FleetError,
    running::Running,
    view::{Instance, View},
};
use crate::{
    metrics::{bounds::Bounds, readings::Key},
    statistics::{
        DeploymentStatistics, Now, ReleaseStatistics, Statistics, StatisticsHandle, Stretches,
        Traffic, WallTime, check_window,
    },
    timestamp,
    window::{Span, Sums},
};

/// The fewest requests of an instance whose p95 is compared with that of others.
const FEWEST: u64 = 20;

/// The statistics of all instances of a service. Clones share them.
///
/// Redis is asked on the thread that asks here, for as long as the [timeout](crate::fleet::Fleet::timeout) allows. In a task, use
/// `tokio::task::spawn_blocking`.
#[derive(Clone, Debug)]
pub struct FleetHandle {
    running: Running,
    /// Knows the deployments.
    statistics: StatisticsHandle,
}

/// What happened on all instances in one window of time.
///
/// Made by [`FleetHandle::over`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FleetStatistics {
    /// All instances together. What the type says of one process is of all of them, but for circuit breakers and samples, which
    /// are none here. A window begins where a copy was made: each minute in the last quarter of an hour, each ten minutes in
    /// the last two hours, and each hour before.
    pub statistics: Statistics,
    /// Each start of an instance that counted something in the window or gives signs of life, by its id, and the older one first.
    pub instances: Vec<InstanceStatistics>,
    /// How many starts of the last day are not among them: of more than 2,000, the oldest that ran for less than ten minutes. What they
    /// counted is in `statistics`, as of when they ended. 0 if the service does not start again and again.
    pub unlisted_starts: u64,
}

/// What happened on one instance.
///
/// Times are in milliseconds. They are within 5 % from 66 µs to 69 s, and `None` without requests.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct InstanceStatistics {
    /// The name of the instance.
    pub id: String,
    /// The version that it runs. `None` if it has none.
    pub version: Option<String>,
    /// When the process began, by the clock of Redis.
    pub started: WallTime,
    /// When it gave a sign of life last, by the clock of Redis. Redis has all that it counted until then.
    pub last_seen: WallTime,
    /// Whether it gave none for three ticks and at least 30 s, and did not say that it ends.
    pub is_lost: bool,
    /// Whether it ended in good order.
    pub has_ended: bool,
    /// The requests that ended in the window.
    pub requests: u64,
    /// Those with a status of 5xx.
    pub errors: u64,
    /// The share of `errors` in `requests`, from 0 to 1. `None` without requests.
    pub error_rate: Option<f64>,
    /// The median.
    pub p50_ms: Option<f64>,
    /// What 95 % of the requests do not exceed.
    pub p95_ms: Option<f64>,
    /// What 99 % of the requests do not exceed.
    pub p99_ms: Option<f64>,
    /// How many times the middle one of the others' p95 its own is. `None` where it or all others have fewer than 20 requests.
    pub p95_to_others: Option<f64>,
    /// Whether it has other thresholds than most of the instances that are there. If it counts durations in other buckets, they are left out.
    pub other_settings: bool,
    /// The health that it tells: `healthy`, `degraded` or `unhealthy`. `None` if it tells none.
    pub health: Option<String>,
}

// === impl StatisticsHandle ===

impl StatisticsHandle {
    /// The statistics of all instances of the service. `None` without a
    /// [fleet](crate::vitals::VitalsBuilder::fleet).
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use tower_vitals::{Vitals, fleet::Fleet};
    ///
    /// let vitals = Vitals::builder().fleet(Fleet::at("redis://cache")?).build()?;
    /// if let Some(fleet) = vitals.statistics().fleet() {
    ///     let lately = fleet.over(Duration::from_secs(5 * 60))?;
    ///     println!("{} requests", lately.statistics.total.requests);
    ///     for instance in lately.instances {
    ///         println!("{}: p95 {:?} ms", instance.id, instance.p95_ms);
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "fleet")))]
    #[must_use]
    pub fn fleet(&self) -> Option<FleetHandle> {
        let running = self.source.fleet()?.downcast::<Running>().ok()?;
        Some(FleetHandle {
            running: (*running).clone(),
            statistics: self.clone(),
        })
    }
}

// === impl FleetHandle ===

impl FleetHandle {
    /// How far the clock of this machine is off that of Redis.
    pub(crate) fn clock_off(&self) -> Duration {
        self.running.now().abs_diff(timestamp::since_1970())
    }

    /// What happened on all instances in the last `window`, which is above 0 and at most 24 hours.
    ///
    /// # Errors
    ///
    /// If the window is none of these, or if Redis does not answer.
    pub fn over(&self, window: Duration) -> Result<FleetStatistics, FleetError> {
        over(&self.running, window)
    }

    /// The requests of all instances since each deployment, the newest first.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub fn releases(&self) -> Result<Vec<ReleaseStatistics>, FleetError> {
        // First: what is deployed meanwhile has no requests yet.
        let marks = self.statistics.marks();
        self.between(|between| ReleaseStatistics::of_each(&marks, self.running.bounds(), between))
    }

    /// How often the service was deployed, and how many deployments were followed by more errors on all instances together.
    ///
    /// # Errors
    ///
    /// If Redis does not answer.
    pub fn deployments(&self) -> Result<DeploymentStatistics, FleetError> {
        let marks = self.statistics.marks();
        let now = self.running.now();
        let bounds = self.running.bounds();
        self.between(|between| DeploymentStatistics::new(&marks, now, bounds, between))
    }

    /// What is made of the requests between any two times.
    fn between<T>(&self, made: impl FnOnce(&Stretches<'_>) -> T) -> Result<T, FleetError> {
        let view = self.running.view()?;
        let made = made(&|from, to| view.sums(Span::Between(from, to), Key::is_of_traffic));
        match view.failure() {
            Some(error) => Err(error),
            None => Ok(made),
        }
    }
}

/// What happened on all instances in the last `window`.
pub(super) fn over(running: &Running, window: Duration) -> Result<FleetStatistics, FleetError> {
    check_window(window)?;
    let view = running.view()?;
    let bounds = running.bounds();
    let sums = view.sums(Span::Last(window), |_| true);
    let span = Span::Between(sums.begin.saturating_sub(window), sums.begin);
    let before = view.sums(span, |key| matches!(key, Key::Errors { .. }));
    let instances = view.instances(&running.described());
    let live = instances.iter().filter(|instance| instance.is_live());
    let now = Now {
        in_flight: live
            .map(|instance| instance.entry.in_flight)
            .fold(0, u64::saturating_add),
        circuits: BTreeMap::new(),
        samples: BTreeMap::new(),
    };
    let instances = each(&view, &instances, (window, &sums), bounds);
    match view.failure() {
        Some(error) => Err(error),
        None => Ok(FleetStatistics {
            statistics: Statistics::new(window, &sums, &before, bounds, now),
            instances,
            unlisted_starts: view.unlisted(),
        }),
    }
}

// === impl InstanceStatistics ===

impl InstanceStatistics {
    fn new(instance: &Instance, own: &Sums, bounds: &Bounds) -> Self {
        let entry = &instance.entry;
        let traffic = Traffic::of_all(own, bounds);
        let health = entry.described.get("health").and_then(|told| told.as_str());
        Self {
            id: entry.id.clone(),
            version: entry.version.clone(),
            started: WallTime::new(Duration::from_millis(entry.began)),
            last_seen: WallTime::new(instance.last_seen),
            is_lost: instance.is_lost,
            has_ended: entry.ended,
            requests: traffic.requests,
            errors: traffic.errors,
            error_rate: traffic.error_rate,
            p50_ms: traffic.p50_ms,
            p95_ms: traffic.p95_ms,
            p99_ms: traffic.p99_ms,
            p95_to_others: None,
            other_settings: instance.other_settings,
            health: health.map(str::to_owned),
        }
    }
}

/// The instances that counted something in a window, or give signs of life.
fn each(
    view: &View<'_>,
    instances: &[Instance],
    (window, all): (Duration, &Sums),
    bounds: &Bounds,
) -> Vec<InstanceStatistics> {
    let shown = instances
        .iter()
        .filter(|instance| instance.is_live() || instance.last_seen >= all.begin);
    let of_each = shown.map(|instance| {
        let own = view.sums_of_start(instance.start, Span::Last(window), Key::is_of_traffic);
        InstanceStatistics::new(instance, &own, bounds)
    });
    let mut all: Vec<_> = of_each.collect();
    let enough = |one: &InstanceStatistics| one.p95_ms.filter(|_| one.requests >= FEWEST);
    let told: Vec<_> = all.iter().map(enough).collect();
    for (index, one) in all.iter_mut().enumerate() {
        one.p95_to_others = to_others(index, &told);
    }
    all
}

/// How many times the middle one of the others' p95 that of one instance is. So two slow ones of ten do not hide each other.
fn to_others(index: usize, told: &[Option<f64>]) -> Option<f64> {
    let own = told.get(index).copied().flatten()?;
    let others = told.iter().enumerate().filter(|(other, _)| *other != index);
    let mut others: Vec<f64> = others.filter_map(|(_, p95)| *p95).collect();
    others.sort_by(f64::total_cmp);
    // Of an even number the higher one: nothing is called slow lightly.
    let middle = others.get(others.len() / 2).copied()?;
    (middle > 0.0).then(|| own / middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_instances_do_not_hide_each_other() {
        let two_of_six = [10.0, 11.0, 80.0, 90.0, 10.0, 12.0].map(Some);
        let times = |index| to_others(index, &two_of_six);
        assert_eq!((times(2), times(3)), (Some(80.0 / 11.0), Some(90.0 / 11.0)));
        assert_eq!((times(0), times(5)), (Some(10.0 / 12.0), Some(12.0 / 11.0)));
        // Of a pair the slow one is slow, and who has too few requests says nothing.
        assert_eq!(to_others(1, &[Some(10.0), Some(30.0)]), Some(3.0));
        assert_eq!(to_others(1, &[None, Some(30.0)]), None);
        assert_eq!(to_others(0, &[None, Some(30.0)]), None);
        assert_eq!(to_others(0, &[Some(1.0), Some(0.0)]), None);
    }
}
