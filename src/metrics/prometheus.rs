//! Installs a Prometheus recorder with the buckets of this crate, and renders what it holds.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::{
    Metrics, Recorder, Settings,
    names::{GRPC_SECONDS, HEALTH_SECONDS},
};
use crate::config::ConfigError;

/// The global recorder, if it is one of this crate.
static OURS: OnceLock<PrometheusHandle> = OnceLock::new();

/// A recorder of this crate, and the counters that are published to it before each rendering.
#[derive(Clone)]
pub(crate) struct Exporter {
    metrics: Metrics,
    handle: PrometheusHandle,
    /// A recorder to which only these counters publish.
    private: Option<Arc<PrometheusRecorder>>,
}

// === impl Exporter ===

impl Exporter {
    /// Installs a recorder of this crate, unless the recorder is the application's own.
    pub(crate) fn install(
        recorder: Recorder,
        metrics: &Metrics,
    ) -> Result<Option<Self>, ConfigError> {
        match recorder {
            Recorder::Own => Self::global(metrics).map(Some),
            Recorder::Isolated => Self::private(metrics).map(Some),
            Recorder::Global => Ok(None),
        }
    }

    /// Makes a recorder of this crate the global one, unless it is already.
    fn global(metrics: &Metrics) -> Result<Self, ConfigError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _mine = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match OURS.get() {
            Some(handle) => handle.clone(),
            None => {
                let recorder = recorder(&metrics.inner.settings)?;
                let handle = recorder.handle();
                metrics::set_global_recorder(recorder).map_err(|_| {
                    let reason = "another recorder is installed in this process, and /metrics would not show it; \
                                  call use_global_recorder() to publish there and serve no /metrics";
                    ConfigError::new("metrics.recorder", "foreign", reason)
                })?;
                OURS.get_or_init(|| handle).clone()
            }
        };
        Ok(Self {
            metrics: metrics.clone(),
            handle,
            private: None,
        })
    }

    /// A recorder apart from the global one.
    fn private(metrics: &Metrics) -> Result<Self, ConfigError> {
        let recorder = recorder(&metrics.inner.settings)?;
        Ok(Self {
            metrics: metrics.clone(),
            handle: recorder.handle(),
            private: Some(Arc::new(recorder)),
        })
    }

    /// Everything that the recorder holds, in Prometheus' text format. With thousands of series it takes milliseconds.
    pub(crate) fn render(&self) -> String {
        match &self.private {
            Some(recorder) => {
                let drain = || self.handle.run_upkeep();
                self.metrics.publish_and(&**recorder, &drain);
            }
            None => metrics::with_recorder(|recorder| self.metrics.publish(recorder)),
        }
        self.handle.render()
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// Drains the global recorder, if it is one of this crate. Until then it keeps each sample.
pub(super) fn drain_global() {
    if let Some(handle) = OURS.get() {
        handle.run_upkeep();
    }
}

fn recorder(settings: &Settings) -> Result<PrometheusRecorder, ConfigError> {
    let names = settings.names.metric_names();
    let duration: Vec<f64> = settings.bounds().seconds().collect();
    let streams: Vec<f64> = Settings::stream_bounds().seconds().collect();
    let refuse = |error: metrics_exporter_prometheus::BuildError| {
        ConfigError::new(
            "metrics.buckets",
            format!("{duration:?}"),
            error.to_string(),
        )
    };
    Ok(PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(names.duration.into()), &duration)
        .map_err(refuse)?
        .set_buckets_for_metric(Matcher::Full(names.streams.into()), &streams)
        .map_err(refuse)?
        .set_buckets_for_metric(Matcher::Full(GRPC_SECONDS.into()), &duration)
        .map_err(refuse)?
        .set_buckets_for_metric(Matcher::Full(HEALTH_SECONDS.into()), &duration)
        .map_err(refuse)?
        .build_recorder())
}
