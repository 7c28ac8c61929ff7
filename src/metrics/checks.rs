//! Records the results of health checks, and publishes them as gauges and a histogram.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use metrics::{Key, Label, SharedString};

use super::{
    Inner, Metrics,
    bounds::{Bounds, nanos},
    names::{HEALTH_LAST_SUCCESS, HEALTH_SECONDS, HEALTH_STATUS},
    publish::Publisher,
    push::{Push, Target},
    settings::Settings,
};

/// The sets of checks that one [`Metrics`] publishes.
#[derive(Debug, Default)]
pub(super) struct RegisteredChecks(Mutex<Vec<Weak<CheckMetrics>>>);

/// The results of all checks of a service.
///
/// The [`Metrics`] to which they are added publishes them. Until then, each result is published to the global recorder at
/// once.
#[derive(Debug)]
pub(crate) struct CheckMetrics {
    checks: Vec<Check>,
    bounds: Bounds,
    /// The counters that publish them.
    registered: Mutex<Weak<Inner>>,
    publisher: Mutex<Publisher>,
}

/// A check by its name.
#[derive(Debug)]
struct Check {
    name: Arc<str>,
    history: Mutex<History>,
}

#[derive(Debug, Default)]
struct History {
    /// The last result. `None` before the first.
    last: Option<CheckResult>,
    /// The count and the sum of nanoseconds of each bucket, not cumulative.
    latencies: Vec<(u64, u64)>,
    /// The recorder to which `published` was pushed.
    target: Option<Target>,
    published: Vec<(u64, u64)>,
}

/// The result of one run of a check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckResult {
    /// 1 healthy, 0.5 degraded, 0 unhealthy or unknown.
    pub(crate) status: f64,
    pub(crate) latency: Duration,
    /// Unix time in seconds.
    pub(crate) last_success: Option<f64>,
}

// === impl Metrics ===

impl Metrics {
    /// Publishes the results of these checks from now on, unless another `Metrics` that is still there does.
    pub(crate) fn add_checks(&self, checks: &Arc<CheckMetrics>) {
        let mut registered = checks.lock();
        if registered.strong_count() == 0 {
            *registered = Arc::downgrade(&self.inner);
            let RegisteredChecks(all) = &self.inner.checks;
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(Arc::downgrade(checks));
        }
    }
}

// === impl RegisteredChecks ===

impl RegisteredChecks {
    /// Publishes all sets, and removes those whose handles are gone.
    pub(super) fn publish(&self, push: &mut Push<'_>, target: Target) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|checks| checks.strong_count() > 0);
        for checks in all.iter().filter_map(Weak::upgrade) {
            checks.publish(push, target);
        }
    }
}

// === impl CheckMetrics ===

impl CheckMetrics {
    pub(crate) fn new(names: impl Iterator<Item = Arc<str>>) -> Self {
        let check = |name| Check {
            name,
            history: Mutex::default(),
        };
        Self {
            checks: names.map(check).collect(),
            // The default buckets. The recorder can have more, but few checks answer twice between two rounds of publishing,
            // so nearly every sample is pushed as it is.
            bounds: Settings::new().bounds(),
            registered: Mutex::default(),
            publisher: Mutex::default(),
        }
    }

    /// Records the result of a check, by its index in the names of `new`.
    pub(crate) fn record(&self, index: usize, result: CheckResult) {
        if let Some(check) = self.checks.get(index) {
            check.lock().add(result, &self.bounds);
        }
        if self.lock().strong_count() == 0 {
            ::metrics::with_recorder(|recorder| {
                let mut publisher = self
                    .publisher
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let (target, _) = publisher.select(recorder);
                // The recorder of an application is not drained by this crate.
                self.publish(&mut Push::new(recorder, &|| {}), target);
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Weak<Inner>> {
        self.registered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes the last results, and the latencies that the recorder does not have yet.
    fn publish(&self, push: &mut Push<'_>, target: Target) {
        for check in &self.checks {
            let mut history = check.lock();
            let Some(last) = history.last else {
                continue;
            };
            push.gauge(&key(HEALTH_STATUS, &check.name), last.status);
            if let Some(at) = last.last_success {
                push.gauge(&key(HEALTH_LAST_SUCCESS, &check.name), at);
            }
            if !history
                .target
                .is_some_and(|before| before.is_same_recorder(target))
            {
                history.published.clear();
            }
            history.target = Some(target);
            let History {
                latencies,
                published,
                ..
            } = &mut *history;
            let seconds = key(HEALTH_SECONDS, &check.name);
            push.histogram(&seconds, latencies, published, &self.bounds);
        }
    }
}

// === impl Check ===

impl Check {
    fn lock(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl History ===

impl History {
    fn add(&mut self, result: CheckResult, bounds: &Bounds) {
        self.last = Some(result);
        self.latencies.resize(bounds.buckets(), (0, 0));
        let latency = nanos(result.latency);
        if let Some((count, sum)) = self.latencies.get_mut(bounds.index(latency)) {
            *count += 1;
            *sum = sum.wrapping_add(latency);
        }
    }
}

fn key(metric: &'static str, check: &Arc<str>) -> Key {
    let check = SharedString::from_shared(Arc::clone(check));
    Key::from_parts(metric, vec![Label::new("check", check)])
}
