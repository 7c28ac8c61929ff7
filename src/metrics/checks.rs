//! Publishes the state of health checks as gauges, and their latencies as a histogram.

use std::{
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use metrics::{Key, Label, SharedString};

use super::{
    GLOBAL, Inner, Metrics,
    bounds::{Bounds, nanos},
    names::{HEALTH_LAST_SUCCESS, HEALTH_SECONDS, HEALTH_STATUS},
    push::Push,
    settings::Settings,
};

/// All sets of checks of the process.
static SETS: Mutex<Vec<Set>> = Mutex::new(Vec::new());

/// The buckets of latencies: the default ones. The recorder can have more, but few checks answer twice between two rounds of
/// publishing, so nearly every sample is pushed as it is.
static BOUNDS: LazyLock<Bounds> = LazyLock::new(|| Settings::new().bounds());

/// The checks of a service.
pub(crate) trait Checks: Send + Sync {
    /// The state of each check at this moment, as a probe reads it. The order stays.
    fn read(&self) -> Vec<CheckReading>;
}

/// The state of one check.
#[derive(Clone, Debug)]
pub(crate) struct CheckReading {
    pub(crate) name: Arc<str>,
    /// 1 healthy, 0.5 degraded, 0 unhealthy or unknown.
    pub(crate) status: f64,
    /// Unix time in seconds.
    pub(crate) last_success: Option<f64>,
    pub(crate) latencies: Latencies,
}

/// How long the answers of a check took: the count and the sum of nanoseconds of each bucket, not cumulative. Empty before
/// the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<(u64, u64)>);

/// The checks of a service, and the counters that publish them.
struct Set {
    checks: Weak<dyn Checks>,
    /// If it is gone, the process publishes them.
    owner: Weak<Inner>,
}

/// The latencies that a recorder has.
#[derive(Debug, Default)]
pub(super) struct PublishedChecks(Vec<PublishedSet>);

struct PublishedSet {
    checks: Weak<dyn Checks>,
    latencies: Vec<Vec<(u64, u64)>>,
}

// === impl Metrics ===

impl Metrics {
    /// Publishes these checks from now on, unless another `Metrics` that is still there does.
    pub(crate) fn add_checks(&self, checks: &Weak<dyn Checks>) {
        let mut sets = sets();
        let set = sets.iter_mut().find(|set| set.checks.ptr_eq(checks));
        if let Some(set) = set.filter(|set| set.owner.strong_count() == 0) {
            set.owner = Arc::downgrade(&self.inner);
        }
    }

    /// The counters that publish these checks: those to which they were added, else those of the process, if there are any.
    pub(crate) fn of_checks(checks: &Weak<dyn Checks>) -> Option<Self> {
        let sets = sets();
        let set = sets.iter().find(|set| set.checks.ptr_eq(checks));
        let owner = set.and_then(|set| set.owner.upgrade());
        let owner = owner.map(|inner| Self { inner });
        owner.or_else(|| GLOBAL.get().cloned())
    }
}

// === impl Latencies ===

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        let Self(buckets) = self;
        buckets.resize(BOUNDS.buckets(), (0, 0));
        let latency = nanos(latency);
        if let Some((count, sum)) = buckets.get_mut(BOUNDS.index(latency)) {
            *count += 1;
            *sum = sum.wrapping_add(latency);
        }
    }
}

// === impl PublishedChecks ===

impl PublishedChecks {
    /// Publishes the sets whose owner is `mine`.
    pub(super) fn publish(&mut self, push: &mut Push<'_>, mine: &dyn Fn(&Weak<Inner>) -> bool) {
        let Self(published) = self;
        published.retain(|set| set.checks.strong_count() > 0);
        // A copy: nobody waits for this lock while a recorder runs.
        let sets = sets();
        let chosen = sets.iter().filter(|set| mine(&set.owner));
        let chosen: Vec<_> = chosen.map(|set| Weak::clone(&set.checks)).collect();
        drop(sets);
        for checks in chosen {
            // The checks are not kept alive while a recorder runs, either.
            let Some(readings) = checks.upgrade().map(|checks| checks.read()) else {
                continue;
            };
            let known = published.iter().position(|set| set.checks.ptr_eq(&checks));
            let index = known.unwrap_or_else(|| {
                published.push(PublishedSet {
                    checks,
                    latencies: Vec::new(),
                });
                published.len() - 1
            });
            published[index].publish(push, &readings);
        }
    }

    /// Forgets everything, because the recorder is another one.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

// === impl PublishedSet ===

impl PublishedSet {
    fn publish(&mut self, push: &mut Push<'_>, readings: &[CheckReading]) {
        self.latencies.resize_with(readings.len(), Vec::new);
        for (check, published) in readings.iter().zip(&mut self.latencies) {
            push.gauge(&key(HEALTH_STATUS, &check.name), check.status);
            if let Some(at) = check.last_success {
                push.gauge(&key(HEALTH_LAST_SUCCESS, &check.name), at);
            }
            let (seconds, Latencies(latencies)) =
                (key(HEALTH_SECONDS, &check.name), &check.latencies);
            push.histogram(&seconds, latencies, published, &BOUNDS);
        }
    }
}

impl std::fmt::Debug for PublishedSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PublishedSet").finish_non_exhaustive()
    }
}

fn sets() -> MutexGuard<'static, Vec<Set>> {
    SETS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(metric: &'static str, check: &Arc<str>) -> Key {
    let check = SharedString::from_shared(Arc::clone(check));
    Key::from_parts(metric, vec![Label::new("check", check)])
}

/// Publishes these checks as long as they are there.
pub(crate) fn register(checks: Weak<dyn Checks>) {
    let mut sets = sets();
    sets.retain(|set| set.checks.strong_count() > 0);
    sets.push(Set {
        checks,
        owner: Weak::new(),
    });
}
