//! Chooses how the metrics of the ready-made stack are named and divided.

use std::time::Duration;

use super::{super::METRICS_PATH, VitalsBuilder};
use crate::{
    config::ConfigError,
    health::HealthService,
    metrics::{Names, Recorder},
};

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// The names of the metrics. Defaults to [`Names::Prometheus`].
    pub fn names(mut self, names: Names) -> Self {
        self.settings = self.settings.names(names);
        self
    }

    /// How many distinct endpoints are counted separately, from 1 to 100,000. Defaults to 1,000.
    pub fn endpoint_cap(mut self, cap: usize) -> Self {
        self.settings = self.settings.endpoint_cap(cap);
        self
    }

    /// The label `url_scheme` of the OpenTelemetry names: `https` if this process ends TLS. Defaults to `http`.
    pub fn scheme(mut self, scheme: &'static str) -> Self {
        self.settings = self.settings.scheme(scheme);
        self
    }

    /// Also counts how large the bodies of requests and responses are: see [sizes](crate::timing#sizes). Defaults to off.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().body_sizes().build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn body_sizes(mut self) -> Self {
        self.body_sizes = true;
        self
    }

    /// The edges of the buckets of sizes, in bytes: see [`Settings::size_buckets`](crate::metrics::Settings::size_buckets).
    pub fn size_buckets(mut self, bytes: impl IntoIterator<Item = u64>) -> Self {
        self.settings = self.settings.size_buckets(bytes);
        self
    }

    /// A constant label on all families of this crate, such as the region in which the process runs: see
    /// [`Settings::label`](crate::metrics::Settings::label). Call it once for each label. Defaults to none.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder()
    ///     .label("region", "eu-1")
    ///     .metric_prefix("shop_")
    ///     .build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings = self.settings.label(name, value);
        self
    }

    /// What the names of all families of this crate begin with: see [`Settings::prefix`](crate::metrics::Settings::prefix).
    /// It ends with `_`. Defaults to nothing.
    pub fn metric_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.settings = self.settings.prefix(prefix);
        self
    }

    /// The edges of the buckets of durations to the head, in seconds: see
    /// [`Settings::buckets`](crate::metrics::Settings::buckets). The edges of the [`bands`](Self::bands) are added.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().buckets([0.001, 0.01, 0.1, 1.0, 10.0]).build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn buckets(mut self, seconds: impl IntoIterator<Item = f64>) -> Self {
        self.settings = self.settings.buckets(seconds);
        self
    }

    /// The edges of the buckets of streamed responses, in seconds: see
    /// [`Settings::stream_buckets`](crate::metrics::Settings::stream_buckets).
    pub fn stream_buckets(mut self, seconds: impl IntoIterator<Item = f64>) -> Self {
        self.settings = self.settings.stream_buckets(seconds);
        self
    }

    /// How many series each family of the application has at most: see
    /// [`Settings::application_series`](crate::metrics::Settings::application_series).
    #[cfg(feature = "prometheus")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
    pub fn application_series(mut self, most: usize) -> Self {
        self.settings = self.settings.application_series(most);
        self
    }

    /// The edges of the buckets of a histogram of the application: see
    /// [`Settings::application_buckets`](crate::metrics::Settings::application_buckets).
    #[cfg(feature = "prometheus")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
    pub fn application_buckets(
        mut self,
        name: impl Into<String>,
        edges: impl IntoIterator<Item = f64>,
    ) -> Self {
        self.settings = self.settings.application_buckets(name, edges);
        self
    }

    /// Writes the values of all metrics to the log every interval, at least 1 s: one event at `INFO` for each series that has a
    /// value, named `metric_counter`, `metric_gauge` or `metric_histogram`, with fields `metric` and `labels`, and `value` or
    /// `count`, `min`, `max`, `sum` and `avg`. It is for those who have a log and nothing that scrapes. Defaults to off.
    ///
    /// If the subscriber hangs, nothing more is written. Where several stacks of a process write the same counters, the one that is
    /// built last does so, with its interval.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().log_metrics(Duration::from_secs(60)).build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn log_metrics(mut self, every: Duration) -> Self {
        self.log_metrics = Some(every);
        self
    }

    /// Publishes to the global recorder, which the application installs before or after `build`. `/metrics` is not served.
    ///
    /// The histograms of that recorder need buckets, which [`buckets`](Self::buckets) and others do not choose there. The recorder of this crate has the edges of the bands and
    /// 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 2.5, 5, 7.5 and 10 seconds.
    pub fn use_global_recorder(mut self) -> Self {
        self.recorder = Recorder::Global;
        self
    }

    /// Uses counters and a recorder of its own, apart from everything else in the process. Use it in tests.
    ///
    /// `/metrics` shows what this application counted and nothing else.
    pub fn isolated(mut self) -> Self {
        self.recorder = Recorder::Isolated;
        self
    }
}

/// Checks that no probe is where the metrics are.
pub(super) fn keep_free(health: Option<&HealthService>) -> Result<(), ConfigError> {
    let mut paths = health.into_iter().flat_map(HealthService::paths);
    match paths.any(|path| path == METRICS_PATH) {
        true => {
            let reason = "the metrics are there";
            Err(ConfigError::new("health.alias", METRICS_PATH, reason))
        }
        false => Ok(()),
    }
}
