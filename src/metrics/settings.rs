//! Configures how requests are counted and named.

#[cfg(feature = "prometheus")]
mod application;

use std::{collections::BTreeMap, time::Duration};

#[cfg(feature = "prometheus")]
use self::application::ApplicationSettings;
use super::{
    Metrics, Names,
    bounds::{Bounds, Measure},
    buckets::{self, OwnBuckets},
    naming::Naming,
};
use crate::{config::ConfigError, facts::grpc::Kind, facts::severity::SeverityBands};

/// The largest cap of endpoints. No recorder and no Prometheus holds the series of more.
const MOST_ENDPOINTS: usize = 100_000;

/// How requests are counted and named.
///
/// ```
/// use tower_vitals::metrics::{Names, Settings};
///
/// let metrics = Settings::new()
///     .names(Names::OpenTelemetry)
///     .endpoint_cap(200)
///     .isolated()?;
/// assert_eq!(metrics.totals().started, 0);
/// println!("never more than {} bytes", metrics.memory_bound());
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(crate) names: Names,
    pub(super) scheme: &'static str,
    pub(super) endpoint_cap: usize,
    pub(crate) naming: Naming,
    buckets: OwnBuckets,
    #[cfg(feature = "prometheus")]
    application: ApplicationSettings,
    pub(super) bands: SeverityBands,
    /// More edges of durations to the head.
    edges: Vec<Duration>,
    /// The families of the process are published.
    pub(crate) process: bool,
    /// Which side of each gRPC method streams.
    kinds: BTreeMap<String, Kind>,
}

// === impl Settings ===

impl Settings {
    /// The names of Prometheus, 1,000 endpoints and the default bands.
    #[must_use]
    pub fn new() -> Self {
        Self {
            names: Names::Prometheus,
            scheme: "http",
            endpoint_cap: 1_000,
            naming: Naming::default(),
            buckets: OwnBuckets::default(),
            #[cfg(feature = "prometheus")]
            application: ApplicationSettings::default(),
            bands: SeverityBands::default(),
            edges: Vec::new(),
            process: false,
            kinds: BTreeMap::new(),
        }
    }

    /// The names of the metrics. Defaults to [`Names::Prometheus`].
    #[must_use]
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// The label `url_scheme` of the OpenTelemetry names: `https` if this process ends TLS. Defaults to `http`.
    #[must_use]
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = scheme;
        self
    }

    /// How many distinct endpoints are counted separately, from 1 to 100,000. There are at most eight times as many series.
    /// Defaults to 1,000.
    #[must_use]
    pub fn endpoint_cap(mut self, cap: usize) -> Self {
        self.endpoint_cap = cap;
        self
    }

    /// Bands whose edges are also edges of buckets. Defaults to [`SeverityBands::default`].
    #[must_use]
    pub fn bands(mut self, bands: SeverityBands) -> Self {
        self.bands = bands;
        self
    }

    /// Keeps the names of the process's metrics, such as `memory_usage_bytes`, for a stack that has
    /// [`process_metrics`](crate::vitals::VitalsBuilder::process_metrics), which sets this, too. What the application records under
    /// them is dropped, with a warning. Without it they are free for the application. Defaults to off.
    #[cfg(feature = "process")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "process")))]
    #[must_use]
    pub fn process_metrics(mut self) -> Self {
        self.process = true;
        self
    }

    /// A constant label on all families of this crate, such as the region in which the process runs. Call it once for each label.
    /// What the application records itself does not get it.
    ///
    /// At most 16 labels, with values of 1 to 200 bytes. The name is one that Prometheus takes, and no family of requests, checks
    /// or this crate itself has it: `service` and `region` are free, and `version`, `endpoint` and `status` are not. A family of
    /// [everything else](crate::operations) that has a label of this name, as `external_calls_total{service}`, keeps its own.
    ///
    /// ```
    /// use tower_vitals::metrics::Settings;
    ///
    /// let metrics = Settings::new().label("region", "eu-1").isolated()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.naming.add_label(name.into(), value.into());
        self
    }

    /// What the names of all families of this crate begin with: `shop_` makes `shop_http_requests_total`. It ends with `_`.
    /// Defaults to nothing.
    ///
    /// ```
    /// use tower_vitals::metrics::Settings;
    ///
    /// let metrics = Settings::new().prefix("shop_").isolated()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.naming.set_prefix(prefix.into());
        self
    }

    /// The upper edges of the buckets of `http_request_duration_seconds` and `grpc_server_handling_seconds`, in seconds,
    /// ascending: 1 to 64 of them, each above 0 and at most a year. Defaults to 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5,
    /// 0.75, 1, 2, 2.5, 5, 7.5 and 10.
    ///
    /// The edges of the [`bands`](Self::bands) are added: else no query could find the share of requests that were slow. The
    /// latencies of checks keep the default.
    ///
    /// ```
    /// use tower_vitals::metrics::Settings;
    ///
    /// let metrics = Settings::new().buckets([0.001, 0.01, 0.1, 1.0, 10.0]).isolated()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn buckets(mut self, seconds: impl IntoIterator<Item = f64>) -> Self {
        let checked = buckets::of_seconds("metrics.buckets", seconds);
        self.buckets.requests = Some(checked);
        self
    }

    /// As [`buckets`](Self::buckets), for `http_response_body_duration_seconds`: the time to the end of streamed responses.
    /// Defaults to 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1,800 and 3,600. No edges are added.
    #[must_use]
    pub fn stream_buckets(mut self, seconds: impl IntoIterator<Item = f64>) -> Self {
        let checked = buckets::of_seconds("metrics.stream_buckets", seconds);
        self.buckets.streams = Some(checked);
        self
    }

    /// The upper edges of the buckets of `http_request_body_size_bytes` and `http_response_body_size_bytes`, in bytes, ascending:
    /// 1 to 64 of them, each at most 2^53. Defaults to 0 and the powers of 4 from 64 B to 64 MiB. So empty bodies have a bucket of
    /// their own, and a quantile is wrong by a factor of 4 at most.
    #[must_use]
    pub fn size_buckets(mut self, bytes: impl IntoIterator<Item = u64>) -> Self {
        let checked = buckets::of_bytes("metrics.size_buckets", bytes);
        self.buckets.sizes = Some(checked);
        self
    }

    /// Reads from an encoded `FileDescriptorSet`, as reflection has it, which side of each gRPC method streams. Call it for
    /// each set. Without it, the label `grpc_type` is `unknown`, since it is not on the wire.
    ///
    /// # Errors
    ///
    /// If the bytes are not descriptors.
    #[cfg(feature = "tonic")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "tonic")))]
    pub fn grpc_descriptors(mut self, encoded: &[u8]) -> Result<Self, ConfigError> {
        let kinds = crate::facts::grpc::descriptors::kinds(encoded).map_err(|error| {
            let value = format!("{} bytes", encoded.len());
            ConfigError::new("metrics.grpc_descriptors", value, error.to_string())
        })?;
        self.kinds.extend(kinds);
        Ok(self)
    }

    /// The methods in the descriptors.
    pub(super) fn grpc_methods(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    pub(super) fn grpc_kind(&self, path: Option<&str>) -> Kind {
        let kind = path.and_then(|path| self.kinds.get(path));
        kind.copied().unwrap_or(Kind::Unknown)
    }

    /// Makes these the settings of the counters of the process.
    ///
    /// # Errors
    ///
    /// If a setting is not valid, or the process already counts with other settings.
    pub fn install(self) -> Result<Metrics, ConfigError> {
        self.check()?;
        let metrics = Metrics::of_process(|| self.clone());
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

    /// Counters that no global recorder sees: tests then find exact numbers.
    ///
    /// # Errors
    ///
    /// If a setting is not valid.
    pub fn isolated(self) -> Result<Metrics, ConfigError> {
        self.check()?;
        Ok(Metrics::new(self))
    }

    /// The name of the preset, for the event at the start.
    pub(crate) const fn names_shown(&self) -> &'static str {
        self.names.as_str()
    }

    #[cfg(feature = "statistics")]
    pub(crate) const fn cap_shown(&self) -> usize {
        self.endpoint_cap
    }

    pub(crate) fn prefix_shown(&self) -> &str {
        self.naming.prefix()
    }

    pub(crate) fn labels_shown(&self) -> String {
        self.naming.labels_shown()
    }

    /// The value of the constant label of this name.
    #[cfg(feature = "statistics")]
    pub(crate) fn constant_label(&self, name: &str) -> Option<&str> {
        self.naming.constant_label(name)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.endpoint_cap == 0 {
            let reason = "at least one endpoint must be told apart";
            return Err(ConfigError::new("metrics.endpoint_cap", "0", reason));
        }
        if self.endpoint_cap > MOST_ENDPOINTS {
            let cap = self.endpoint_cap.to_string();
            let reason =
                format!("at most {MOST_ENDPOINTS}: the counters of more endpoints take gigabytes");
            return Err(ConfigError::new("metrics.endpoint_cap", cap, reason));
        }
        if self.scheme != "http" && self.scheme != "https" {
            let reason = "http or https";
            return Err(ConfigError::new("metrics.scheme", self.scheme, reason));
        }
        self.naming.check()?;
        #[cfg(feature = "prometheus")]
        self.application()?;
        self.buckets.check()
    }

    /// The edges of durations to the head, with those of the bands.
    pub(super) fn bounds(&self) -> Bounds {
        let own = self.buckets.requests().cloned();
        let edges = own.unwrap_or_else(buckets::default_seconds);
        edges.split_at(
            self.bands
                .edges()
                .into_iter()
                .chain(self.edges.iter().copied()),
        )
    }

    /// The edges of durations to the head.
    #[cfg(feature = "statistics")]
    pub(crate) fn published_edges(&self) -> Vec<Duration> {
        let published = self.bounds();
        let edges = published.published_edges();
        edges.map(Duration::from_nanos).collect()
    }

    /// The three edges of the bands, ascending.
    #[cfg(feature = "generate")]
    pub(crate) fn band_edges(&self) -> [Duration; 3] {
        self.bands.edges()
    }

    /// Adds edges of durations to the head.
    #[cfg(feature = "statistics")]
    pub(crate) fn more_edges(mut self, edges: Vec<Duration>) -> Self {
        self.edges = edges;
        self
    }

    /// From 0.1 s to an hour.
    pub(super) fn stream_bounds(&self) -> Bounds {
        const MILLIS: [u64; 13] = [
            100, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000,
            1_800_000, 3_600_000,
        ];
        let default = || Bounds::new(MILLIS.into_iter().map(Duration::from_millis));
        self.buckets.streams().cloned().unwrap_or_else(default)
    }

    /// 0, and the powers of 4 from 64 B to 64 MiB.
    pub(super) fn size_bounds(&self) -> Bounds {
        let powers = (3..=13).map(|power| 1 << (2 * power));
        let default = || Bounds::of(Measure::Bytes, [0].into_iter().chain(powers).collect());
        self.buckets.sizes().cloned().unwrap_or_else(default)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}
