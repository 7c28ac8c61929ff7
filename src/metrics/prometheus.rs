//! Installs a Prometheus recorder with our buckets, once per process, and renders what it holds.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

use super::{
    Metrics, Settings,
    names::{GRPC_SECONDS, HEALTH_SECONDS},
};
use crate::config::ConfigError;

/// The recorder of the process, where it is ours.
static OURS: OnceLock<PrometheusHandle> = OnceLock::new();

/// A recorder of ours and the counters that it is given before each rendering.
#[derive(Clone)]
pub(crate) struct Exporter {
    metrics: Metrics,
    handle: PrometheusHandle,
    /// One that only these counters publish to.
    private: Option<Arc<PrometheusRecorder>>,
}

// === impl Exporter ===

impl Exporter {
    /// Makes our recorder the process's, or finds that it is already.
    pub(crate) fn install(metrics: &Metrics) -> Result<Self, ConfigError> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _mine = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = match OURS.get() {
            Some(handle) => handle.clone(),
            None => {
                let recorder = recorder(&metrics.inner.settings)?;
                let handle = recorder.handle();
                metrics::set_global_recorder(recorder).map_err(|_| {
                    let reason = "another recorder is installed in this process, and /metrics would not show it; \
                                  say foreign_recorder() to publish there and serve no /metrics";
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

    /// A recorder beside the process's.
    pub(crate) fn private(metrics: &Metrics) -> Result<Self, ConfigError> {
        let recorder = recorder(&metrics.inner.settings)?;
        Ok(Self {
            metrics: metrics.clone(),
            handle: recorder.handle(),
            private: Some(Arc::new(recorder)),
        })
    }

    /// Everything the recorder holds, in Prometheus' text format; takes milliseconds with thousands of series.
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
