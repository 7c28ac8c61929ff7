//! Publishes the state of health checks as gauges, and their latencies as a histogram.

use std::{
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use super::{
    GLOBAL, Inner, Metrics,
    bounds::{Bounds, nanos},
    one_family::OneFamily,
    series::Spread,
    settings::Settings,
};

/// All sets of checks of the process.
static SETS: Mutex<Vec<Set>> = Mutex::new(Vec::new());

/// The buckets of latencies: the default ones.
static BOUNDS: LazyLock<Bounds> = LazyLock::new(|| Settings::new().bounds());

/// Their edges as they are published.
static EDGES: LazyLock<Vec<f64>> = LazyLock::new(|| BOUNDS.published());

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
    /// Hosts, and when their certificates expire, in seconds since 1970.
    pub(crate) certificates: Vec<(Arc<str>, f64)>,
}

/// How long the answers of a check took: the count of each bucket, which is empty before the first, and the sum of
/// nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    counts: Vec<u64>,
    sum: u64,
}

/// The checks of a service, and the counters that publish them.
struct Set {
    checks: Weak<dyn Checks>,
    /// If it is gone, the process publishes them.
    owner: Weak<Inner>,
}

// === impl Metrics ===

impl Metrics {
    /// Publishes these checks from now on, in place of all others. Whether the others are still there is no matter: a thread that
    /// ends holds counters a little longer than their stack does.
    pub(crate) fn add_checks(&self, checks: &Weak<dyn Checks>) {
        let mut sets = sets();
        if let Some(set) = sets.iter_mut().find(|set| set.checks.ptr_eq(checks)) {
            set.owner = Arc::downgrade(&self.inner);
        }
    }

    /// The checks that were added to these counters.
    pub(super) fn checks(&self) -> Vec<CheckReading> {
        read(|owner| self.owns(owner))
    }

    /// The counters that publish these checks: those to which they were added last, else those of the process, if there are any.
    pub(crate) fn of_checks(checks: &Weak<dyn Checks>) -> Option<Self> {
        let sets = sets();
        let set = sets.iter().find(|set| set.checks.ptr_eq(checks));
        let owner = set.and_then(|set| set.owner.upgrade());
        let owner = owner.map(|inner| Self { inner });
        owner.or_else(|| GLOBAL.get().cloned())
    }
}

// === impl CheckReading ===

impl CheckReading {
    /// Two services of a process have a check of one name. It is one series, and shows the worse state.
    fn join(&mut self, other: &Self) {
        self.status = self.status.min(other.status);
        self.last_success = match (self.last_success, other.last_success) {
            (Some(mine), Some(other)) => Some(mine.min(other)),
            _ => None,
        };
        self.latencies.add(&other.latencies);
        self.certificates.extend(other.certificates.iter().cloned());
    }
}

// === impl Latencies ===

impl Latencies {
    pub(crate) fn record(&mut self, latency: Duration) {
        self.counts.resize(BOUNDS.buckets(), 0);
        let latency = nanos(latency);
        if let Some(count) = self.counts.get_mut(BOUNDS.index(latency)) {
            *count += 1;
            self.sum = self.sum.wrapping_add(latency);
        }
    }

    fn add(&mut self, other: &Self) {
        self.counts
            .resize(self.counts.len().max(other.counts.len()), 0);
        for (sum, more) in self.counts.iter_mut().zip(&other.counts) {
            *sum += more;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Gives the histogram of a check, once it has answered.
    pub(super) fn give(&self, family: &mut OneFamily<'_>, check: &str) {
        if !self.counts.is_empty() {
            let spread = Spread::new(self.counts.clone(), self.sum, &BOUNDS, true);
            family.histogram(&[check], &spread.histogram(&BOUNDS, &EDGES));
        }
    }
}

/// The checks that the process publishes: those that were added to its counters, or to none.
pub(super) fn of_process() -> Vec<CheckReading> {
    let metrics = GLOBAL.get();
    read(|owner| owner.strong_count() == 0 || metrics.is_some_and(|metrics| metrics.owns(owner)))
}

/// The checks whose owner is `mine`.
fn read(mine: impl Fn(&Weak<Inner>) -> bool) -> Vec<CheckReading> {
    // A copy: nobody waits for this lock while a check is read.
    let sets = sets();
    let chosen = sets.iter().filter(|set| mine(&set.owner));
    let chosen: Vec<_> = chosen.filter_map(|set| set.checks.upgrade()).collect();
    drop(sets);
    let mut readings: Vec<CheckReading> = Vec::new();
    for reading in chosen.iter().flat_map(|checks| checks.read()) {
        match readings.iter_mut().find(|known| known.name == reading.name) {
            Some(known) => known.join(&reading),
            None => readings.push(reading),
        }
    }
    readings
}

fn sets() -> MutexGuard<'static, Vec<Set>> {
    SETS.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_checks_of_one_name_are_one_series_in_the_worse_state() {
        let reading = |status, last_success, millis: &[u64]| {
            let mut latencies = Latencies::default();
            let millis = millis.iter().copied().map(Duration::from_millis);
            millis.for_each(|latency| latencies.record(latency));
            CheckReading {
                name: "database".into(),
                status,
                last_success,
                latencies,
                certificates: Vec::new(),
            }
        };
        let mut one = reading(1.0, Some(20.0), &[]);
        one.join(&reading(0.5, Some(10.0), &[3, 40]));
        one.join(&reading(1.0, Some(30.0), &[4]));
        assert_eq!((one.status, one.last_success), (0.5, Some(10.0)));
        let Latencies { counts, sum } = &one.latencies;
        assert_eq!((counts.iter().sum::<u64>(), *sum), (3, 47_000_000));
        one.join(&reading(0.0, None, &[]));
        assert_eq!((one.status, one.last_success), (0.0, None));
    }
}
