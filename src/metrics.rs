//! Counts requests on atomics of our own and publishes them through the `metrics` facade.
//!
//! # When it speaks
//!
//! A request is counted when it begins and when it ends, on the thread that runs it, without a lock and without looking up
//! a label. A thread of its own publishes once a second to the global recorder; `/metrics` publishes before it answers.
//! Whatever was counted before a recorder came is published when it comes.
//!
//! - `started`, outcomes and requests in flight always add up: see [`Totals`].
//! - Distinct endpoints are capped ([`Settings::endpoint_cap`]); the rest is counted under `overflow`, with one warning.
//! - Counters wrap at 2⁶⁴; an exporter that follows absolute values stays at the last one.
//!
//! There is one set of counters per process, since two could not publish one name; [`Settings::install`] configures it.
//! [`Settings::isolated`] makes one that publishes nowhere, for tests.

mod names;
#[cfg(feature = "prometheus")]
mod prometheus;
mod publish;
mod series;
mod settings;
mod table;
mod totals;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

#[cfg(feature = "prometheus")]
pub(crate) use self::prometheus::Exporter;
pub(crate) use self::totals::Sink;
pub use self::{names::Names, settings::Settings};
use self::{
    publish::Publisher,
    series::{Bounds, Sample, SeriesKey},
    table::Table,
    totals::{Share, Shares},
};
pub(crate) use crate::facts::labels::{MethodLabel, StatusLabel};
use crate::{
    category::ErrorCategory, exchange::Outcome, facts::route::Endpoint, observe::Facts,
    release::Release, timing,
};

/// How often the global recorder is given what was counted.
const EVERY: Duration = Duration::from_secs(1);

/// A version is a label, and a process has few.
const MOST_DEPLOYMENTS: usize = 16;

static GLOBAL: OnceLock<Metrics> = OnceLock::new();

/// A handle to the counters; clones share them.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

/// What was counted over all endpoints.
///
/// `started` is `completed + body_error + aborted + cancelled + error + panicked + in_flight`, but for requests that begin
/// or end while it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Requests that began.
    pub started: u64,
    /// See [`Outcome::Completed`].
    pub completed: u64,
    /// See [`Outcome::BodyError`].
    pub body_error: u64,
    /// See [`Outcome::Aborted`].
    pub aborted: u64,
    /// See [`Outcome::Cancelled`].
    pub cancelled: u64,
    /// See [`Outcome::Error`].
    pub error: u64,
    /// See [`Outcome::Panicked`].
    pub panicked: u64,
    /// Requests that began and have not ended.
    pub in_flight: u64,
    /// Requests on excluded paths, which are in none of the above.
    pub excluded: u64,
    /// Requests on excluded paths that panicked, failed or answered 5xx.
    pub excluded_errors: u64,
    /// Requests counted under `overflow`.
    pub overflow: u64,
    /// Panics and nonsense from code that the application plugged in.
    pub hook_failures: u64,
    /// Errors of inner services before they took a request, once for each of our layers they passed.
    pub readiness_errors: u64,
    /// Log events that were not written.
    pub dropped_log: u64,
    /// What was not sent to Sentry: no room, no network, or refused.
    pub dropped_sentry: u64,
    /// Reports to Sentry that were held back, because the same was told often enough.
    pub dropped_sentry_flood: u64,
    /// What was not sent to Sentry because it could not be scrubbed.
    pub dropped_sentry_scrubbing: u64,
}

struct Inner {
    settings: Settings,
    shares: Shares,
    /// By endpoint, method and status.
    http: Table,
    /// By endpoint and category.
    errors: Table,
    /// By method, type and code.
    grpc: Table,
    /// What the process is a build of.
    build: OnceLock<Release>,
    /// When each version was deployed, in seconds since 1970.
    deployments: Mutex<BTreeMap<String, f64>>,
    publisher: Mutex<Publisher>,
}

// === impl Metrics ===

impl Metrics {
    /// The counters of the process; with default settings, unless [`Settings::install`] came first.
    #[must_use]
    pub fn global() -> Self {
        Self::or_global(None).clone()
    }

    /// These, or the process's: found at the last moment, so that a layer which is made first does not settle their names.
    pub(crate) fn or_global(metrics: Option<&Self>) -> &Self {
        metrics.unwrap_or_else(|| GLOBAL.get_or_init(|| Self::published(Settings::new())))
    }

    fn new(settings: Settings) -> Self {
        let cap = settings.endpoint_cap;
        let none = || Bounds::new([]);
        Self {
            inner: Arc::new(Inner {
                shares: Shares::new(),
                http: Table::new(cap, settings.bounds(), Settings::stream_bounds()),
                errors: Table::new(cap, none(), none()),
                grpc: Table::new(cap, settings.bounds(), none()),
                build: OnceLock::new(),
                deployments: Mutex::default(),
                publisher: Mutex::default(),
                settings,
            }),
        }
    }

    /// Counters with a thread that publishes them for as long as the process lives.
    fn published(settings: Settings) -> Self {
        let metrics = Self::new(settings);
        let publishing = metrics.clone();
        let spawned = thread::Builder::new()
            .name("vitals-metrics".into())
            .spawn(move || {
                loop {
                    thread::sleep(EVERY);
                    metrics::with_recorder(|recorder| publishing.publish(recorder));
                }
            });
        if let Err(error) = spawned {
            let error = error.to_string();
            tracing::error!(target: "tower_vitals", error, "metrics are published only when scraped: no thread");
        }
        metrics
    }

    /// What was counted so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let sum = |of: &dyn Fn(&Share) -> u64| {
            let shares = self.inner.shares.all();
            shares.fold(0_u64, |sum, share| sum.wrapping_add(of(share)))
        };
        // Endings before beginnings: nothing is seen to have ended that is not seen to have begun.
        for outcome in Outcome::ALL {
            *totals.outcome_mut(outcome) = sum(&|share| share.outcome(outcome));
        }
        totals.started = sum(&|share| share.started.load(Relaxed));
        let in_flight: i64 = self.in_flight().iter().map(|(_, value)| value).sum();
        totals.in_flight = u64::try_from(in_flight).unwrap_or(0);
        totals.excluded = sum(&|share| share.excluded.load(Relaxed));
        totals.excluded_errors = sum(&|share| share.excluded_errors.load(Relaxed));
        totals.overflow = sum(&|share| share.overflow.load(Relaxed));
        totals.hook_failures = sum(&|share| share.hook_failures.load(Relaxed));
        totals.readiness_errors = sum(&|share| share.readiness_errors.load(Relaxed));
        let dropped = |sink: Sink| sum(&|share| share.dropped[sink as usize].load(Relaxed));
        let [log, sentry, flood, scrubbing] = Sink::ALL.map(dropped);
        totals.dropped_log = log;
        totals.dropped_sentry = sentry;
        totals.dropped_sentry_flood = flood;
        totals.dropped_sentry_scrubbing = scrubbing;
        totals
    }

    /// The most memory, in bytes, that counting can take, scraped or not, with endpoints of up to 64 characters.
    ///
    /// Threads remember up to 8,192 series each on top of it, half a mebibyte at most.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let Inner {
            shares,
            http,
            errors,
            grpc,
            ..
        } = &*self.inner;
        let statuses = 501 * MethodLabel::ALL.len();
        shares.memory_bound()
            + http.memory_bound(statuses)
            + errors.memory_bound(ErrorCategory::ALL.len())
            + grpc.memory_bound(17)
    }

    fn in_flight(&self) -> Vec<(&'static str, i64)> {
        let shares = || self.inner.shares.all();
        let of = |(index, label): (usize, &&'static str)| {
            let value: i64 = shares()
                .map(|shard| shard.in_flight[index].load(Relaxed))
                .sum();
            // Between reading one shard and the next a request may end that was not seen to begin.
            (*label, value.max(0))
        };
        MethodLabel::ALL.iter().enumerate().map(of).collect()
    }

    /// Gives the process's recorder what it has not been given yet, where these are the process's counters.
    #[cfg(feature = "health")]
    pub(crate) fn publish_global(&self) {
        let global = GLOBAL
            .get()
            .is_some_and(|global| Arc::ptr_eq(&global.inner, &self.inner));
        if global {
            metrics::with_recorder(|recorder| self.publish(recorder));
        }
    }

    /// Gives the recorder what it has not been given yet.
    fn publish(&self, recorder: &dyn metrics::Recorder) {
        self.publish_and(recorder, &drain_global);
    }

    fn publish_and(&self, recorder: &dyn metrics::Recorder, drain: &dyn Fn()) {
        let mut publisher = self
            .inner
            .publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        publisher.publish(self, recorder, drain);
    }

    pub(crate) fn start(&self, method: MethodLabel) {
        self.inner.shares.mine().start(method);
    }

    /// Counts an ending; `true` where its endpoint is the first that no longer fitted under the cap.
    pub(crate) fn end(&self, method: MethodLabel, facts: &Facts) -> bool {
        let Inner {
            settings,
            shares,
            http,
            grpc,
            ..
        } = &*self.inner;
        let sample = Sample {
            head: (facts.outcome != Outcome::Cancelled).then_some(facts.head),
            severity: timing::severity(facts),
            stream: (facts.streamed && facts.status.is_some()).then_some(facts.total),
        };
        let endpoint = facts.endpoint.as_ref().map(Endpoint::as_str);
        let key = SeriesKey(method.index() as u8, StatusLabel::of(facts).code());
        let mut fits = http.record(endpoint, key, sample);
        if let Some(status) = &facts.grpc {
            let sample = Sample {
                head: Some(facts.total),
                severity: None,
                stream: None,
            };
            let key = SeriesKey(
                settings.grpc_kind(endpoint) as u8,
                status.code.number().into(),
            );
            fits &= grpc.record(endpoint, key, sample);
        }
        shares.mine().end(method, facts.outcome);
        if fits {
            return false;
        }
        shares.mine().overflow.fetch_add(1, Relaxed);
        !shares.warned.swap(true, Relaxed)
    }

    pub(crate) fn failed(&self, facts: &Facts, category: ErrorCategory) {
        let sample = Sample {
            head: None,
            severity: None,
            stream: None,
        };
        let endpoint = facts.endpoint.as_ref().map(Endpoint::as_str);
        let errors = &self.inner.errors;
        errors.record(endpoint, SeriesKey(0, category as u16), sample);
    }

    pub(crate) fn excluded(&self, failed: bool) {
        let totals = self.inner.shares.mine();
        totals.excluded.fetch_add(1, Relaxed);
        totals.excluded_errors.fetch_add(failed.into(), Relaxed);
    }

    pub(crate) fn hook_failed(&self) {
        let totals = self.inner.shares.mine();
        totals.hook_failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn not_ready(&self) {
        let totals = self.inner.shares.mine();
        totals.readiness_errors.fetch_add(1, Relaxed);
    }

    /// Says what the process is a build of; who says so first is right.
    pub(crate) fn runs(&self, release: &Release) {
        let _ = self.inner.build.set(release.clone());
    }

    pub(crate) fn deployed(&self, version: &str, at: f64) {
        let mut deployments = self.deployments();
        if deployments.len() < MOST_DEPLOYMENTS || deployments.contains_key(version) {
            deployments.insert(version.to_owned(), at);
        }
    }

    fn deployments(&self) -> MutexGuard<'_, BTreeMap<String, f64>> {
        self.inner
            .deployments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn dropped(&self, sink: Sink) {
        let totals = self.inner.shares.mine();
        totals.dropped[sink as usize].fetch_add(1, Relaxed);
    }
}

/// Our own recorder holds samples back until it is asked; of others we know nothing.
fn drain_global() {
    #[cfg(feature = "prometheus")]
    prometheus::drain_global();
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("settings", &self.inner.settings)
            .field("totals", &self.totals())
            .finish_non_exhaustive()
    }
}

// === impl Totals ===

impl Totals {
    /// Requests that ended in this way.
    #[must_use]
    pub const fn outcome(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Completed => self.completed,
            Outcome::BodyError => self.body_error,
            Outcome::Aborted => self.aborted,
            Outcome::Cancelled => self.cancelled,
            Outcome::Error => self.error,
            Outcome::Panicked => self.panicked,
        }
    }

    const fn outcome_mut(&mut self, outcome: Outcome) -> &mut u64 {
        match outcome {
            Outcome::Completed => &mut self.completed,
            Outcome::BodyError => &mut self.body_error,
            Outcome::Aborted => &mut self.aborted,
            Outcome::Cancelled => &mut self.cancelled,
            Outcome::Error => &mut self.error,
            Outcome::Panicked => &mut self.panicked,
        }
    }
}
