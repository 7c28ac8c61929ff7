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
//! There is one ledger per process, since two could not publish one name; [`Settings::install`] configures it.
//! [`Settings::isolated`] makes one that publishes nowhere, for tests.

mod labels;
mod ledger;
mod names;
#[cfg(feature = "prometheus")]
mod prometheus;
mod publish;
mod series;

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::Ordering::Relaxed},
    thread,
    time::Duration,
};

pub(crate) use self::labels::{MethodLabel, StatusLabel};
pub use self::names::Names;
#[cfg(feature = "prometheus")]
pub(crate) use self::prometheus::Exporter;
use self::{
    ledger::Ledger,
    publish::Publisher,
    series::{Bounds, Sample},
};
use crate::{
    config::ConfigError,
    exchange::Outcome,
    observe::Facts,
    timing::{self, SeverityBands},
};

/// How often the global recorder is given what was counted.
const EVERY: Duration = Duration::from_secs(1);

static GLOBAL: OnceLock<Metrics> = OnceLock::new();

/// A handle to the counters; clones share them.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

/// How requests are counted and named.
///
/// ```
/// use tower_vitals::metrics::{Names, Settings};
///
/// let metrics = Settings::new().names(Names::OpenTelemetry).endpoint_cap(200).isolated()?;
/// assert_eq!(metrics.totals().started, 0);
/// println!("never more than {} bytes", metrics.memory_bound());
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    names: Names,
    scheme: &'static str,
    endpoint_cap: usize,
    bands: SeverityBands,
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
}

struct Inner {
    settings: Settings,
    ledger: Ledger,
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
        let ledger = Ledger::new(
            settings.endpoint_cap,
            settings.bounds(),
            Settings::stream_bounds(),
        );
        Self {
            inner: Arc::new(Inner {
                settings,
                ledger,
                publisher: Mutex::default(),
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
        let sum = |of: &dyn Fn(&ledger::Totals) -> u64| {
            let shards = self.inner.ledger.all_totals();
            shards.fold(0_u64, |sum, shard| sum.wrapping_add(of(shard)))
        };
        // Endings before beginnings: nothing is seen to have ended that is not seen to have begun.
        for outcome in Outcome::ALL {
            *totals.outcome_mut(outcome) = sum(&|shard| shard.outcome(outcome));
        }
        totals.started = sum(&|shard| shard.started.load(Relaxed));
        let in_flight: i64 = self.in_flight().iter().map(|(_, value)| value).sum();
        totals.in_flight = u64::try_from(in_flight).unwrap_or(0);
        totals.excluded = sum(&|shard| shard.excluded.load(Relaxed));
        totals.excluded_errors = sum(&|shard| shard.excluded_errors.load(Relaxed));
        totals.overflow = sum(&|shard| shard.overflow.load(Relaxed));
        totals.hook_failures = sum(&|shard| shard.hook_failures.load(Relaxed));
        totals.readiness_errors = sum(&|shard| shard.readiness_errors.load(Relaxed));
        totals.dropped_log = sum(&|shard| shard.dropped_log.load(Relaxed));
        totals
    }

    /// The most memory, in bytes, that counting can take, scraped or not, with endpoints of up to 64 characters.
    ///
    /// Threads remember up to 8,192 series each on top of it, half a mebibyte at most.
    #[must_use]
    pub fn memory_bound(&self) -> usize {
        self.inner.ledger.memory_bound()
    }

    fn in_flight(&self) -> Vec<(&'static str, i64)> {
        let shards = || self.inner.ledger.all_totals();
        let of = |(index, label): (usize, &&'static str)| {
            let value: i64 = shards()
                .map(|shard| shard.in_flight[index].load(Relaxed))
                .sum();
            // Between reading one shard and the next a request may end that was not seen to begin.
            (*label, value.max(0))
        };
        MethodLabel::ALL.iter().enumerate().map(of).collect()
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
        self.inner.ledger.totals().start(method);
    }

    /// Counts an ending; `true` where its endpoint is the first that no longer fitted under the cap.
    pub(crate) fn end(&self, method: MethodLabel, facts: &Facts) -> bool {
        let sample = Sample {
            head: (facts.outcome != Outcome::Cancelled).then_some(facts.head),
            severity: timing::severity(facts),
            stream: (facts.streamed && facts.status.is_some()).then_some(facts.total),
        };
        let endpoint = facts.endpoint.as_ref().map(|endpoint| endpoint.as_str());
        let ledger = &self.inner.ledger;
        let overflowed = ledger.record(endpoint, method, StatusLabel::of(facts), sample);
        ledger.totals().end(method, facts.outcome);
        overflowed
    }

    pub(crate) fn excluded(&self, failed: bool) {
        let totals = self.inner.ledger.totals();
        totals.excluded.fetch_add(1, Relaxed);
        totals.excluded_errors.fetch_add(failed.into(), Relaxed);
    }

    pub(crate) fn hook_failed(&self) {
        let totals = self.inner.ledger.totals();
        totals.hook_failures.fetch_add(1, Relaxed);
    }

    pub(crate) fn not_ready(&self) {
        let totals = self.inner.ledger.totals();
        totals.readiness_errors.fetch_add(1, Relaxed);
    }

    pub(crate) fn log_dropped(&self) {
        let totals = self.inner.ledger.totals();
        totals.dropped_log.fetch_add(1, Relaxed);
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

// === impl Settings ===

impl Settings {
    /// The names of the guides, 1,000 endpoints, default bands.
    #[must_use]
    pub fn new() -> Self {
        Self {
            names: Names::Guides,
            scheme: "http",
            endpoint_cap: 1_000,
            bands: SeverityBands::default(),
        }
    }

    /// What the metrics are called. Defaults to [`Names::Guides`].
    #[must_use]
    pub const fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// The label `url_scheme` of the OpenTelemetry names: `https` where this process ends TLS. Defaults to `http`.
    #[must_use]
    pub const fn scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = scheme;
        self
    }

    /// How many distinct endpoints are told apart, and one eighth of how many series. Defaults to 1,000.
    #[must_use]
    pub const fn endpoint_cap(mut self, cap: usize) -> Self {
        self.endpoint_cap = cap;
        self
    }

    /// Bands whose edges are to be edges of buckets as well. Defaults to [`SeverityBands::default`].
    #[must_use]
    pub const fn bands(mut self, bands: SeverityBands) -> Self {
        self.bands = bands;
        self
    }

    /// Makes these the settings of the process's counters.
    ///
    /// # Errors
    ///
    /// When a setting cannot work, or the process counts with other settings already.
    pub fn install(self) -> Result<Metrics, ConfigError> {
        self.check()?;
        let metrics = GLOBAL.get_or_init(|| Metrics::published(self.clone()));
        if metrics.inner.settings == self {
            return Ok(metrics.clone());
        }
        Err(ConfigError::new(
            "metrics",
            format!("{self:?}"),
            format!(
                "this process counts with other settings already: {:?}",
                metrics.inner.settings
            ),
        ))
    }

    /// Counters of their own, which no global recorder sees: for tests, which then find exact numbers.
    ///
    /// # Errors
    ///
    /// When a setting cannot work.
    pub fn isolated(self) -> Result<Metrics, ConfigError> {
        self.check()?;
        Ok(Metrics::new(self))
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.endpoint_cap == 0 {
            let reason = "at least one endpoint must be told apart";
            return Err(ConfigError::new("metrics.endpoint_cap", "0", reason));
        }
        if self.scheme != "http" && self.scheme != "https" {
            let reason = "http or https";
            return Err(ConfigError::new("metrics.scheme", self.scheme, reason));
        }
        Ok(())
    }

    /// OpenTelemetry's fourteen edges, 2 s, and every edge of the bands.
    fn bounds(&self) -> Bounds {
        const MILLIS: [u64; 15] = [
            5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_000, 2_500, 5_000, 7_500, 10_000,
        ];
        let millis = MILLIS.into_iter().map(Duration::from_millis);
        Bounds::new(millis.chain(self.bands.edges()))
    }

    /// From a tenth of a second to an hour.
    fn stream_bounds() -> Bounds {
        const MILLIS: [u64; 13] = [
            100, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
            1_800_000, 3_600_000,
        ];
        Bounds::new(MILLIS.into_iter().map(Duration::from_millis))
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
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
