//! Counts the answers of health checks.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::{Key, Label, SharedString};

use super::{
    Metrics,
    bounds::{Bounds, nanos},
    names::{HEALTH_LAST_SUCCESS, HEALTH_SECONDS, HEALTH_STATUS},
    publish::Publisher,
    push::{Push, Target},
    settings::Settings,
};

/// The checks that counters publish.
#[derive(Debug, Default)]
pub(super) struct KnownChecks(Mutex<Vec<Weak<Checks>>>);

/// The answers of all checks of a service.
///
/// They are published by the counters that know them. Until some counters do, each answer is published at once.
#[derive(Debug)]
pub(crate) struct Checks {
    all: Vec<Check>,
    bounds: Bounds,
    /// Some counters publish them.
    known: AtomicBool,
    publisher: Mutex<Publisher>,
}

/// The answers of one check.
#[derive(Debug)]
struct Check {
    name: Arc<str>,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    /// The last answer. `None` before the first.
    last: Option<CheckAnswer>,
    /// The count and the sum of nanoseconds of each bucket.
    latencies: Vec<(u64, u64)>,
    /// The recorder that has `published`.
    target: Target,
    published: Vec<(u64, u64)>,
}

/// One answer of a check.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckAnswer {
    /// 1 healthy, 0.5 degraded, 0 neither.
    pub(crate) status: f64,
    pub(crate) latency: Duration,
    /// In seconds since 1970.
    pub(crate) last_success: Option<f64>,
}

// === impl Metrics ===

impl Metrics {
    /// Publishes the answers of these checks from now on, unless other counters do.
    pub(crate) fn add_checks(&self, checks: &Arc<Checks>) {
        if !checks.known.swap(true, Relaxed) {
            let KnownChecks(known) = &self.inner.checks;
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.push(Arc::downgrade(checks));
        }
    }
}

// === impl KnownChecks ===

impl KnownChecks {
    /// Publishes all of them, and forgets those that have ended.
    pub(super) fn publish(&self, push: &mut Push<'_>, target: Target) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|checks| {
            let checks = checks.upgrade();
            checks.is_some_and(|checks| {
                checks.publish(push, target);
                true
            })
        });
    }
}

// === impl Checks ===

impl Checks {
    pub(crate) fn new(names: impl Iterator<Item = Arc<str>>) -> Self {
        let check = |name| Check {
            name,
            answers: Mutex::default(),
        };
        Self {
            all: names.map(check).collect(),
            bounds: Settings::new().bounds(),
            known: AtomicBool::new(false),
            publisher: Mutex::default(),
        }
    }

    /// Notes the answer of a check, by its index.
    pub(crate) fn answered(&self, index: usize, answer: CheckAnswer) {
        if let Some(check) = self.all.get(index) {
            check.lock().add(answer, &self.bounds);
        }
        if !self.known.load(Relaxed) {
            metrics::with_recorder(|recorder| {
                let mut publisher = self
                    .publisher
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let (target, _) = publisher.target(recorder);
                self.publish(&mut Push::new(recorder, &|| {}), target);
            });
        }
    }

    /// Publishes the last answers, and the latencies that the recorder does not have yet.
    fn publish(&self, push: &mut Push<'_>, target: Target) {
        for check in &self.all {
            let mut answers = check.lock();
            let Some(last) = answers.last else {
                continue;
            };
            push.gauge(&key(HEALTH_STATUS, &check.name), last.status);
            if let Some(at) = last.last_success {
                push.gauge(&key(HEALTH_LAST_SUCCESS, &check.name), at);
            }
            if answers.target != target {
                answers.target = target;
                answers.published.clear();
            }
            let Answers {
                latencies,
                published,
                ..
            } = &mut *answers;
            let key = key(HEALTH_SECONDS, &check.name);
            push.histogram(&key, latencies, published, &self.bounds);
        }
    }
}

// === impl Check ===

impl Check {
    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Answers ===

impl Answers {
    fn add(&mut self, answer: CheckAnswer, bounds: &Bounds) {
        self.last = Some(answer);
        self.latencies.resize(bounds.buckets(), (0, 0));
        let latency = nanos(answer.latency);
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
