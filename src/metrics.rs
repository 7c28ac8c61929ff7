//! Counts requests on atomics, and publishes them through the `metrics` facade.
//!
//! # When it counts and publishes
//!
//! A request is counted when it begins and when it ends, on the thread that runs it, without a lock and without resolving a
//! label. A thread publishes once a second to the global recorder, and `/metrics` publishes before it answers. What was
//! counted before there was a recorder is published when there is one.
//!
//! Only this thread calls a recorder of the application. If the recorder panics, it costs that round and is counted in
//! `vitals_hook_failures_total`; the next round publishes again. If it never returns, nothing is published any more, and
//! nothing else waits for it.
//!
//! - `started`, the outcomes and the requests in flight always add up: see [`Totals`].
//! - Distinct endpoints are limited by [`Settings::endpoint_cap`]. The others are counted under `overflow`, with one
//!   warning.
//! - Counters wrap at 2^64. An exporter that takes absolute values stays at the last one.
//!
//! A process has one set of counters, since two could not publish under one name. [`Settings::install`] configures it.
//! [`Settings::isolated`] makes counters that publish nowhere, for tests.

mod bounds;
#[cfg_attr(not(feature = "health"), path = "metrics/checks/off.rs")]
pub(crate) mod checks;
pub(crate) mod log_lines;
mod methods;
mod names;
#[cfg_attr(not(feature = "prometheus"), path = "metrics/prometheus/off.rs")]
mod prometheus;
mod publish;
pub(crate) mod publishing;
mod push;
mod recorder;
mod series;
mod settings;
mod shares;
mod sink;
mod table;
mod totals;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError, Weak, atomic::Ordering::Relaxed,
    },
};

use self::{
    bounds::Bounds,
    methods::Methods,
    series::{Sample, SeriesKey},
    shares::Shares,
    table::Table,
};
pub use self::{names::Names, settings::Settings, sink::Sink, totals::Totals};
pub(crate) use self::{prometheus::Exporter, recorder::Recorder};
use crate::{
    facts::{
        Facts,
        category::ErrorCategory,
        exchange::Outcome,
        judge,
        labels::{MethodLabel, StatusLabel},
        route::Endpoint,
    },
    release::Release,
};

/// The most deployments that are remembered. The version is a label, and a process has few.
const MOST_DEPLOYMENTS: usize = 16;

static GLOBAL: OnceLock<Metrics> = OnceLock::new();

/// A handle to counters. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

/// The counters that all handles share.
struct Inner {
    settings: Settings,
    shares: Shares,
    /// By endpoint, method and status.
    http: Table,
    /// By endpoint and category.
    errors: Table,
    /// By method, type and code.
    grpc: Table,
    /// The gRPC methods that become labels.
    methods: Methods,
    /// The build of the process.
    build: OnceLock<Release>,
    /// When each version was deployed, in seconds since 1970.
    deployments: Mutex<BTreeMap<String, f64>>,
}

// === impl Metrics ===

impl Metrics {
    /// The counters of the process. They have the default settings, unless [`Settings::install`] came first.
    #[must_use]
    pub fn global() -> Self {
        Self::or_global(None).clone()
    }

    /// These counters, or those of the process. The latter are made at the last moment: so a layer that is made first does
    /// not fix their settings.
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
                methods: Methods::new(cap, settings.grpc_methods()),
                build: OnceLock::new(),
                deployments: Mutex::default(),
                settings,
            }),
        }
    }

    /// Counters that are published as long as the process lives.
    fn published(settings: Settings) -> Self {
        publishing::start();
        Self::new(settings)
    }

    /// What was counted so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.inner.shares.totals();
        if self.is_global() {
            totals.add_dropped(Sink::Log, log_lines::total());
        }
        totals
    }

    /// The most memory in bytes that counting takes, scraped or not, with endpoints of up to 64 characters.
    ///
    /// Each thread also remembers up to 8,192 series, which takes at most half a mebibyte.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let Inner {
            shares,
            http,
            errors,
            grpc,
            methods,
            ..
        } = &*self.inner;
        let statuses = 501 * MethodLabel::ALL.len();
        let tables = [
            http.memory_bound(statuses),
            errors.memory_bound(ErrorCategory::ALL.len()),
            grpc.memory_bound(17),
            methods.memory_bound(),
        ];
        let tables = tables.into_iter().fold(0, usize::saturating_add);
        shares.memory_bound().saturating_add(tables)
    }

    /// Publishes to the global recorder as soon as the publishing thread can, if these are the counters of the process. Then
    /// `done` is called; else it is dropped.
    pub(crate) fn publish_soon(&self, done: impl FnOnce() + Send + 'static) {
        if self.is_global() {
            publishing::publish_soon(Box::new(done));
        }
    }

    /// Whether these are the counters of the process.
    fn is_global(&self) -> bool {
        let global = GLOBAL.get();
        global.is_some_and(|global| Arc::ptr_eq(&global.inner, &self.inner))
    }

    /// Whether `owner` is these counters.
    fn owns(&self, owner: &Weak<Inner>) -> bool {
        std::ptr::eq(owner.as_ptr(), Arc::as_ptr(&self.inner))
    }

    /// The gRPC methods that these counters know, or those of the process. Before the process counts, methods have a memory
    /// of their own.
    pub(crate) fn methods(metrics: Option<&Self>) -> &Methods {
        static UNCOUNTED: LazyLock<Methods> =
            LazyLock::new(|| Methods::new(Settings::new().endpoint_cap, [].into_iter()));
        match metrics.or_else(|| GLOBAL.get()) {
            Some(metrics) => &metrics.inner.methods,
            None => &UNCOUNTED,
        }
    }

    /// Whether this call is the first that failed without a name for its method.
    pub(crate) fn is_first_without_method(&self, facts: &Facts) -> bool {
        let status = facts.grpc.as_ref();
        status.is_some_and(|status| self.inner.methods.is_first_without_name(status))
    }

    /// Counts the beginning of a request.
    pub(crate) fn start(&self, method: MethodLabel) {
        self.inner.shares.mine().start(method);
    }

    /// Counts the end of a request. Returns `true` if its endpoint is the first that is over the cap.
    pub(crate) fn end(&self, method: MethodLabel, facts: &Facts) -> bool {
        let Inner {
            settings,
            shares,
            http,
            grpc,
            ..
        } = &*self.inner;
        let sample = Sample {
            head: (facts.outcome != Outcome::Cancelled).then(|| facts.own_time()),
            severity: judge::severity(facts),
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
            let kind = settings.grpc_kind(endpoint);
            let key = SeriesKey(kind as u8, status.code.number().into());
            fits &= grpc.record(endpoint, key, sample);
        }
        shares.mine().end(method, facts.outcome);
        if fits {
            return false;
        }
        shares.mine().overflow.fetch_add(1, Relaxed);
        !shares.warned.swap(true, Relaxed)
    }

    /// Counts the end of a request that was counted when it began, and then reached a route that is not observed.
    pub(crate) fn end_unobserved(&self, method: MethodLabel, outcome: Outcome, failed: bool) {
        let share = self.inner.shares.mine();
        share.excluded_errors.fetch_add(failed.into(), Relaxed);
        share.end(method, outcome);
    }

    /// Counts a failure.
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

    /// Counts a request on an excluded path.
    pub(crate) fn excluded(&self, failed: bool) {
        let share = self.inner.shares.mine();
        share.excluded.fetch_add(1, Relaxed);
        share.excluded_errors.fetch_add(failed.into(), Relaxed);
    }

    /// Counts a failure of a function that the application plugged in.
    pub(crate) fn hook_failed(&self) {
        let share = self.inner.shares.mine();
        share.hook_failures.fetch_add(1, Relaxed);
    }

    /// Counts a service that failed before it took a request.
    pub(crate) fn not_ready(&self) {
        let share = self.inner.shares.mine();
        share.readiness_errors.fetch_add(1, Relaxed);
    }

    /// Counts a drop of a sink.
    pub(crate) fn dropped(&self, sink: Sink) {
        let share = self.inner.shares.mine();
        share.dropped[sink.index()].fetch_add(1, Relaxed);
    }

    /// Sets the build of the process. The first one stays.
    pub(crate) fn set_release(&self, release: &Release) {
        let _ = self.inner.build.set(release.clone());
    }

    /// Notes when a version was deployed, in seconds since 1970.
    pub(crate) fn record_deployment(&self, version: &str, at: f64) {
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
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics")
            .field("settings", &self.inner.settings)
            .field("totals", &self.totals())
            .finish_non_exhaustive()
    }
}
