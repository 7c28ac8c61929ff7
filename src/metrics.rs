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

mod after_the_fact;
pub(crate) mod alerts;
#[cfg(feature = "prometheus")]
mod application;
pub(crate) mod bounds;
mod buckets;
pub(crate) mod catalog;
#[cfg_attr(not(feature = "health"), path = "metrics/checks/off.rs")]
pub(crate) mod checks;
pub(crate) mod circuits;
mod counting;
mod counts;
#[cfg(feature = "statistics")]
pub(crate) mod current;
mod deployments;
mod describe;
pub(crate) mod early;
mod error_types;
mod exemplars;
pub(crate) mod exposition;
pub(crate) mod fleet;
pub(crate) mod gather;
mod grid;
pub(crate) mod log_lines;
mod memory;
mod methods;
mod names;
pub(crate) mod naming;
pub(crate) mod notifications;
mod one_family;
#[cfg_attr(not(feature = "prometheus"), path = "metrics/prometheus/off.rs")]
mod prometheus;
mod publish;
pub(crate) mod publishing;
mod push;
pub(crate) mod readings;
#[cfg(feature = "generate")]
mod recorded;
mod recorder;
mod remember;
pub(crate) mod sampled;
pub(crate) mod samples;
mod series;
pub(crate) mod sessions;
mod settings;
mod shares;
mod sink;
mod sizes;
mod snapshot;
mod suspects;
mod table;
mod totals;
mod work;

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    num::NonZero,
    sync::{
        Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::Sender,
    },
    thread,
};

#[cfg(feature = "statistics")]
use self::bounds::Bounds;
#[cfg(feature = "generate")]
pub(crate) use self::recorded::Recorded;
pub use self::{
    circuits::CircuitState,
    names::Names,
    settings::Settings,
    sink::Sink,
    snapshot::{HistogramSummary, Snapshot},
    totals::Totals,
};
use self::{
    circuits::Circuits,
    counts::Places,
    error_types::ErrorTypes,
    exemplars::Exemplars,
    methods::Methods,
    sampled::Samplers,
    sessions::Sessions,
    shares::Shares,
    sizes::Sizes,
    suspects::Suspects,
    table::{Limits, Table},
    work::WorkCounts,
};
pub(crate) use self::{prometheus::Exporter, recorder::Recorder};
use crate::{
    facts::{Facts, category::ErrorCategory, grpc::Kind, labels::MethodLabel},
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
    /// By endpoint, method and status, with durations on the grid.
    http: Table,
    exemplars: Exemplars,
    /// The durations of streamed bodies, by endpoint, method and status. With names that have no status there, it is 0.
    streams: Table,
    /// By endpoint and category.
    errors: Table,
    error_types: ErrorTypes,
    /// By method, type and code.
    grpc: Table,
    /// The durations of calls, by method and type.
    grpc_seconds: Table,
    /// The sizes of bodies. Made for the first layer that asks for it.
    sizes: OnceLock<Sizes>,
    sessions: Sessions,
    suspects: Suspects,
    /// Made for the first work that is not a request.
    work: OnceLock<Box<WorkCounts>>,
    circuits: Circuits,
    alerts: alerts::Alerts,
    notifications: notifications::Notifications,
    fleet: fleet::Fleet,
    samplers: Samplers,
    /// The gRPC methods that become labels.
    methods: Methods,
    /// The build of the process, and its service.
    build: OnceLock<Release>,
    /// When each version was deployed, in seconds since 1970.
    deployments: Mutex<BTreeMap<String, f64>>,
    /// A recorder of the application gets these counters, and what it has is remembered.
    pushes: AtomicBool,
    /// Ends the thread that writes these counters to the log, if there is one: it waits for the other end.
    log_values: Mutex<Option<Sender<Infallible>>>,
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
        metrics.unwrap_or_else(|| Self::of_process(Settings::new))
    }

    /// The counters of the process. If there are none, they are made with these settings, and count what was done before.
    fn of_process(settings: impl FnOnce() -> Settings) -> &'static Self {
        let mut is_new = false;
        let metrics = GLOBAL.get_or_init(|| {
            is_new = true;
            Self::published(settings())
        });
        if is_new {
            early::count_in(metrics);
        }
        metrics
    }

    fn new(settings: Settings) -> Self {
        let cpus = thread::available_parallelism();
        Self::on(settings, cpus.map_or(1, NonZero::get))
    }

    /// Counters for a machine with so many processors.
    fn on(settings: Settings, cpus: usize) -> Self {
        let endpoints = settings.endpoint_cap;
        let places = Arc::new(Places::new(cpus.saturating_mul(OWN_PER_CPU)));
        let buckets = settings.bounds().buckets();
        let table = |each, bounds| Table::new(Limits { endpoints, each }, bounds, &places);
        Self {
            inner: Arc::new(Inner {
                shares: Shares::new(cpus),
                http: table(8, Some(settings.bounds().on_grid())),
                exemplars: Exemplars::new(buckets),
                // Few endpoints stream the answers of more than four methods or statuses.
                streams: table(4, Some(settings.stream_bounds())),
                errors: table(8, None),
                error_types: ErrorTypes::new(table(1, None)),
                grpc: table(8, None),
                // The type follows from the method.
                grpc_seconds: table(1, Some(settings.bounds())),
                sizes: OnceLock::new(),
                sessions: Sessions::new(settings.stream_bounds(), &places),
                suspects: Suspects::default(),
                work: OnceLock::new(),
                circuits: Circuits::default(),
                alerts: alerts::Alerts::default(),
                notifications: notifications::Notifications::default(),
                fleet: fleet::Fleet::default(),
                samplers: Samplers::default(),
                methods: Methods::new(endpoints, settings.grpc_methods()),
                build: OnceLock::new(),
                deployments: Mutex::default(),
                pushes: AtomicBool::new(false),
                log_values: Mutex::default(),
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

    /// The buckets by which durations are counted.
    #[cfg(feature = "statistics")]
    pub(crate) fn duration_bounds(&self) -> Bounds {
        self.inner.settings.bounds().on_grid()
    }

    /// How many endpoints are counted separately, and how many can be.
    #[cfg(feature = "statistics")]
    pub(crate) fn endpoints(&self) -> (usize, usize) {
        self.inner.http.named()
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
    /// The sizes of bodies are part of it as soon as they are counted, so is what a service does beside answering requests, and so is
    /// what a recorder of the application has got as soon as there is one.
    ///
    /// Each thread also remembers up to 7,168 series, which takes at most 0.7 MB. Up to 4,096 names of routes are kept until the
    /// process ends, which takes at most 1.3 MB, and 0.3 MB more for each thread.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        let inner = &*self.inner;
        let by_method = MethodLabel::ALL.len();
        let statuses = 501 * by_method;
        let streamed = if inner.settings.names.duration_by_status() {
            statuses
        } else {
            by_method
        };
        let pushes = inner.pushes.load(Relaxed);
        let parts = [
            inner.http.memory_bound(statuses, pushes),
            inner.streams.memory_bound(streamed, pushes),
            inner.errors.memory_bound(ErrorCategory::ALL.len(), pushes),
            inner.error_types.memory_bound(),
            inner.grpc.memory_bound(17 * Kind::ALL.len(), pushes),
            inner.grpc_seconds.memory_bound(Kind::ALL.len(), pushes),
            inner
                .sizes
                .get()
                .map_or(0, |sizes| sizes.memory_bound(streamed, pushes)),
            inner.sessions.memory_bound(pushes),
            inner.work.get().map_or(0, |work| work.memory_bound(pushes)),
            inner.exemplars.memory_bound(),
            inner.methods.memory_bound(),
            inner.places.memory_bound(),
            inner.shares.memory_bound(),
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

    /// Gives these counters as long as somebody else has them.
    pub(crate) fn weak(&self) -> impl Fn() -> Option<Self> + Send + 'static {
        let inner = Arc::downgrade(&self.inner);
        move || inner.upgrade().map(|inner| Self { inner })
    }

    /// The thread that writes these counters to the log ends when these counters end, or another one takes its place: the other
    /// end of this is closed then.
    pub(crate) fn log_values_until_closed(&self, alive: Sender<Infallible>) {
        let before = &self.inner.log_values;
        *before.lock().unwrap_or_else(PoisonError::into_inner) = Some(alive);
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

#[cfg(test)]
mod tests;
