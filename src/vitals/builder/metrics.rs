//! Chooses how the metrics of the ready-made stack are named and divided.

use super::VitalsBuilder;

// === impl VitalsBuilder ===

impl VitalsBuilder {
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
}
