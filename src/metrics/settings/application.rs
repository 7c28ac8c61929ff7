//! Configures how the recorder of this crate keeps what the application records.

use super::Settings;
use crate::{config::ConfigError, metrics::application::ApplicationRecorder};

/// What the application chose for its own families.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ApplicationSettings {
    series: Option<usize>,
    /// By the name of the family.
    buckets: Vec<(String, Vec<f64>)>,
}

// === impl Settings ===

impl Settings {
    /// How many series each family has at most that the application records through the `metrics` facade, from 1 to 100,000.
    /// Label sets without room are counted under `overflow`, so totals stay exact. Defaults to 2,000. A recorder of the
    /// application does as it likes.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
    #[must_use]
    pub fn application_series(mut self, most: usize) -> Self {
        self.application.series = Some(most);
        self
    }

    /// The upper edges of the buckets of one histogram that the application records, in its own unit, ascending: 1 to 64
    /// numbers. By default a name that ends with `_seconds` has 0.005 to 10, one that ends with `_bytes` the powers of 4 from 64
    /// to 64 Mi, and any other 1, 2 and 5 in each decade.
    ///
    /// ```
    /// use tower_vitals::metrics::Settings;
    ///
    /// let settings = Settings::new().application_buckets("basket_items", [1.0, 5.0]);
    /// let metrics = settings.isolated()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
    #[must_use]
    pub fn application_buckets(
        mut self,
        name: impl Into<String>,
        edges: impl IntoIterator<Item = f64>,
    ) -> Self {
        let edges = edges.into_iter().collect();
        self.application.buckets.push((name.into(), edges));
        self
    }

    /// The recorder for what the application records.
    pub(in super::super) fn application(&self) -> Result<ApplicationRecorder, ConfigError> {
        let ApplicationSettings { series, buckets } = &self.application;
        let (names, naming, process) = (self.names, self.naming.clone(), self.process);
        let mut recorder =
            ApplicationRecorder::new(move |sample| naming.has_sample(sample, names, process));
        if let Some(series) = series {
            recorder = recorder.with_limit(*series)?;
        }
        for (name, edges) in buckets {
            recorder = recorder.buckets_for(name, edges.iter().copied())?;
        }
        Ok(recorder)
    }
}
