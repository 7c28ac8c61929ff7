//! Installs a Prometheus recorder with the buckets of this crate, and renders what it holds.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::{
    Metrics, Recorder, Settings,
    names::{GRPC_SECONDS, HEALTH_SECONDS, SESSION_SECONDS},
    publish::SharedPublisher,
};
use crate::config::ConfigError;

/// The global recorder, if it is one of this crate.
static OURS: OnceLock<Arc<PrometheusRecorder>> = OnceLock::new();

/// Is held while a recorder of this crate becomes the global one, so that nobody takes it for another one meanwhile.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A recorder of this crate, and the counters that are published to it before each rendering.
#[derive(Clone)]
pub(crate) struct Exporter {
    metrics: Metrics,
    recorder: Arc<PrometheusRecorder>,
    /// What was published to a recorder to which only these counters publish.
    private: Option<SharedPublisher>,
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
        let _mine = installing();
        let recorder = match OURS.get() {
            Some(ours) => Arc::clone(ours),
            None => {
                let recorder = Arc::new(recorder(&metrics.inner.settings)?);
                metrics::set_global_recorder(Arc::clone(&recorder)).map_err(|_| {
                    let reason = "another recorder is installed in this process, and /metrics would not show it; \
                                  call use_global_recorder() to publish there and serve no /metrics";
                    ConfigError::new("metrics.recorder", "foreign", reason)
                })?;
                Arc::clone(OURS.get_or_init(|| recorder))
            }
        };
        Ok(Self {
            metrics: metrics.clone(),
            recorder,
            private: None,
        })
    }

    /// A recorder apart from the global one.
    fn private(metrics: &Metrics) -> Result<Self, ConfigError> {
        Ok(Self {
            metrics: metrics.clone(),
            recorder: Arc::new(recorder(&metrics.inner.settings)?),
            private: Some(SharedPublisher::default()),
        })
    }

    /// Everything that the recorder holds, in Prometheus' text format. With thousands of series it takes milliseconds.
    ///
    /// No recorder of the application is called, so nothing here waits for one.
    pub(crate) fn render(&self) -> String {
        let handle = self.recorder.handle();
        let drain = || handle.run_upkeep();
        // Kept to the end: a round between two counters would break the sum.
        let _alone = match &self.private {
            Some(publisher) => publisher.publish(&self.metrics, &*self.recorder, &drain),
            None => SharedPublisher::publish_process(&*self.recorder, &drain),
        };
        handle.render()
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// Gives the global recorder, with what drains it. Until it is drained, a recorder of this crate keeps each sample; the
/// recorder of an application drains itself.
pub(super) fn with_recorder(publish: impl FnOnce(&dyn metrics::Recorder, &dyn Fn())) {
    let ours = || {
        let _nobody = installing();
        OURS.get()
    };
    match ours() {
        // Not by its place in the facade: a scrape knows it by the same address.
        Some(ours) => publish(&**ours, &|| ours.handle().run_upkeep()),
        None => metrics::with_recorder(|recorder| {
            // It can have become the global one since.
            if ours().is_none() {
                publish(recorder, &|| {});
            }
        }),
    }
}

fn installing() -> MutexGuard<'static, ()> {
    INSTALLING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn recorder(settings: &Settings) -> Result<PrometheusRecorder, ConfigError> {
    let names = settings.names.metric_names();
    let histograms = [
        (names.duration, settings.bounds()),
        (names.streams, settings.stream_bounds()),
        (names.request_bytes, settings.size_bounds()),
        (names.response_bytes, settings.size_bounds()),
        (SESSION_SECONDS, settings.stream_bounds()),
        (GRPC_SECONDS, settings.bounds()),
        (HEALTH_SECONDS, settings.check_bounds()),
    ];
    let mut builder = PrometheusBuilder::new();
    for (family, bounds) in histograms {
        let name = settings.naming.name(family).as_str().to_owned();
        let edges = bounds.published();
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name), &edges)
            .map_err(|error| {
                let value = format!("{edges:?}");
                ConfigError::new("metrics.buckets", value, error.to_string())
            })?;
    }
    Ok(builder.build_recorder())
}
