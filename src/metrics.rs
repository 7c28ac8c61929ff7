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
mod buckets;
#[cfg_attr(not(feature = "health"), path = "metrics/checks/off.rs")]
pub(crate) mod checks;
mod counts;
mod deployments;
mod families;
pub(crate) mod log_lines;
mod memory;
mod methods;
mod names;
mod naming;
#[cfg_attr(not(feature = "prometheus"), path = "metrics/prometheus/off.rs")]
mod prometheus;
mod publish;
pub(crate) mod publishing;
mod push;
mod recorder;
mod remember;
mod series;
pub(crate) mod sessions;
mod settings;
mod shares;
mod sink;
mod sizes;
mod table;
mod totals;

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZero,
    sync::{Arc, LazyLock, Mutex, OnceLock, Weak, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

use self::{
    bounds::nanos,
    counts::Places,
    methods::Methods,
    series::{Sample, SeriesKey},
    sessions::Sessions,
    shares::Shares,
    sizes::Sizes,
    table::{Limits, OVERFLOW, Table},
};
pub use self::{names::Names, settings::Settings, sink::Sink, totals::Totals};
pub(crate) use self::{prometheus::Exporter, recorder::Recorder};
use crate::{
    facts::{
        Facts,
        category::ErrorCategory,
        exchange::Outcome,
        grpc::{self, Kind},
        judge,
        labels::{MethodLabel, StatusLabel},
        route::Endpoint,
    },
    release::Release,
};

/// The memory in bytes for the counters of single threads, for each processor.
const OWN_PER_CPU: usize = 500_000;

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
    /// The memory for the counters of single threads, in all tables.
    places: Arc<Places>,
    /// By endpoint, method and status.
    http: Table,
    /// The durations of streamed bodies, by endpoint, method and status. With names that have no status there, it is 0.
    streams: Table,
    /// By endpoint and category.
    errors: Table,
    /// By method, type and code.
    grpc: Table,
    /// The durations of calls, by method and type.
    grpc_seconds: Table,
    /// The sizes of bodies. Made for the first layer that asks for it.
    sizes: OnceLock<Sizes>,
    sessions: Sessions,
    /// The gRPC methods that become labels.
    methods: Methods,
    /// The build of the process, and its service.
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
        let cpus = thread::available_parallelism();
        Self::on(settings, cpus.map_or(1, NonZero::get))
    }

    /// Counters for a machine with so many processors.
    fn on(settings: Settings, cpus: usize) -> Self {
        let endpoints = settings.endpoint_cap;
        let places = Arc::new(Places::new(cpus.saturating_mul(OWN_PER_CPU)));
        let table = |each, bounds| Table::new(Limits { endpoints, each }, bounds, &places);
        Self {
            inner: Arc::new(Inner {
                shares: Shares::new(cpus),
                http: table(8, Some(settings.bounds())),
                // Few endpoints stream the answers of more than four methods or statuses.
                streams: table(4, Some(settings.stream_bounds())),
                errors: table(8, None),
                grpc: table(8, None),
                // The type follows from the method.
                grpc_seconds: table(1, Some(settings.bounds())),
                sizes: OnceLock::new(),
                sessions: Sessions::new(settings.stream_bounds(), &places),
                methods: Methods::new(endpoints, settings.grpc_methods()),
                build: OnceLock::new(),
                deployments: Mutex::default(),
                settings,
                places,
            }),
        }
    }

    /// Counters that are published as long as the process lives.
    fn published(settings: Settings) -> Self {
        publishing::start();
        Self::new(settings)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
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
    /// Most of it is for the series, at one set of counters each. The rest is for the counters of single threads: a thread
    /// that counts much in a series has counters of its own there, as long as there is room. This room, and so the bound,
    /// grows with the number of processors, by half a megabyte each. The other threads share counters.
    ///
    /// The sizes of bodies are part of it as soon as they are counted.
    ///
    /// Each thread also remembers up to 7,168 series, which takes at most 0.7 MB. Up to 4,096 names of routes are kept until the
    /// process ends, which takes at most 1.3 MB, and 0.3 MB more for each thread.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let Inner {
            settings,
            shares,
            places,
            http,
            streams,
            errors,
            grpc,
            grpc_seconds,
            sizes,
            sessions,
            methods,
            ..
        } = &*self.inner;
        let by_method = MethodLabel::ALL.len();
        let statuses = 501 * by_method;
        let streamed = if settings.names.metric_names().duration_by_status {
            statuses
        } else {
            by_method
        };
        let parts = [
            http.memory_bound(statuses),
            streams.memory_bound(streamed),
            errors.memory_bound(ErrorCategory::ALL.len()),
            grpc.memory_bound(17 * Kind::ALL.len()),
            grpc_seconds.memory_bound(Kind::ALL.len()),
            sizes.get().map_or(0, |sizes| sizes.memory_bound(streamed)),
            sessions.memory_bound(),
            methods.memory_bound(),
            places.memory_bound(),
            shares.memory_bound(),
        ];
        parts.into_iter().fold(0, usize::saturating_add)
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
        self.inner.shares.start(method);
    }

    /// Counts the end of a request. Returns `true` if its endpoint is the first that is over the cap.
    pub(crate) fn end(&self, method: MethodLabel, facts: &Facts) -> bool {
        let Inner { shares, http, .. } = &*self.inner;
        let cancelled = facts.outcome == Outcome::Cancelled;
        let sample = Sample {
            value: (!cancelled).then(|| nanos(facts.own_time())),
            severity: judge::severity(facts),
        };
        let endpoint = facts.endpoint.as_ref().map(Endpoint::as_str);
        let key = SeriesKey(method.index() as u8, StatusLabel::of(facts).code());
        let mut fits = http.record(endpoint, key, sample);
        if facts.streamed && facts.status.is_some() {
            fits = self.streamed(within(fits, endpoint), key, facts.total) && fits;
        }
        if facts.body_sizes && !cancelled {
            let key = self.key_of_duration(key);
            fits = self.sized(within(fits, endpoint), key, facts) && fits;
        }
        if let Some(status) = &facts.grpc {
            fits = self.called(within(fits, endpoint), status, facts.total) && fits;
        }
        if fits {
            shares.end(method, facts.outcome);
            return false;
        }
        shares.end_over_the_cap(method, facts.outcome);
        !shares.warned.swap(true, Relaxed)
    }

    /// Counts the end of a streamed body. Returns `false` if its endpoint is over the cap.
    fn streamed(&self, endpoint: Option<&str>, key: SeriesKey, total: Duration) -> bool {
        let key = self.key_of_duration(key);
        self.inner.streams.record(endpoint, key, Sample::of(total))
    }

    /// The labels of histograms, which have a status in one preset only.
    fn key_of_duration(&self, SeriesKey(method, status): SeriesKey) -> SeriesKey {
        let names = self.inner.settings.names.metric_names();
        SeriesKey(method, if names.duration_by_status { status } else { 0 })
    }

    /// Counts the end of a gRPC call. Returns `false` if its method is over the cap.
    fn called(&self, endpoint: Option<&str>, status: &grpc::Status, total: Duration) -> bool {
        let Inner {
            settings,
            grpc,
            grpc_seconds,
            ..
        } = &*self.inner;
        let kind = settings.grpc_kind(endpoint) as u8;
        let key = SeriesKey(kind, status.code.number().into());
        let fits = grpc.record(endpoint, key, Sample::default());
        let key = SeriesKey(kind, 0);
        grpc_seconds.record(within(fits, endpoint), key, Sample::of(total)) && fits
    }

    /// Counts the end of a request that was counted when it began, and then reached a route that is not observed.
    pub(crate) fn end_unobserved(&self, method: MethodLabel, outcome: Outcome, failed: bool) {
        self.inner.shares.end_unobserved(method, outcome, failed);
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, facts: &Facts, category: ErrorCategory) {
        let endpoint = facts.endpoint.as_ref().map(Endpoint::as_str);
        let key = SeriesKey(0, category as u16);
        self.inner.errors.record(endpoint, key, Sample::default());
    }

    /// Counts a request on an excluded path.
    pub(crate) fn excluded(&self, failed: bool) {
        self.inner.shares.excluded(failed);
    }

    /// Counts a failure of a function that the application plugged in.
    pub(crate) fn hook_failed(&self) {
        self.inner.shares.hook_failed();
    }

    /// Counts a service that failed before it took a request.
    pub(crate) fn not_ready(&self) {
        self.inner.shares.not_ready();
    }

    /// Counts a drop of a sink.
    pub(crate) fn dropped(&self, sink: Sink) {
        self.inner.shares.dropped(sink);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.places.close();
        self.shares.close();
        remember::forget_dropped();
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

/// The endpoint, or the one for all that are over the cap.
fn within(fits: bool, endpoint: Option<&str>) -> Option<&str> {
    if fits { endpoint } else { Some(OVERFLOW) }
}

#[cfg(test)]
mod tests;
