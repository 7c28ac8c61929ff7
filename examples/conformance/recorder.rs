//! A recorder of the application that works, panics or hangs, as it is told.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::StatusCode;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Deserialize;

/// The handle to the recorder.
#[derive(Clone)]
pub(crate) struct Foreign {
    commanded: Arc<Commanded>,
    handle: PrometheusHandle,
}

/// The wanted state.
#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Wanted {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Ok,
    Panic,
    Hang,
}

#[derive(Default)]
struct Commanded {
    state: Mutex<State>,
    changed: Condvar,
}

/// The recorder itself. What it takes is in Prometheus' text format.
struct Troubled {
    commanded: Arc<Commanded>,
    inner: PrometheusRecorder,
}

// === impl Foreign ===

impl Foreign {
    /// Makes it the recorder of the process.
    pub(crate) fn install() -> Result<Self, String> {
        let inner = PrometheusBuilder::new().build_recorder();
        let handle = inner.handle();
        let commanded = Arc::<Commanded>::default();
        let troubled = Troubled {
            commanded: Arc::clone(&commanded),
            inner,
        };
        metrics::set_global_recorder(troubled).map_err(|error| error.to_string())?;
        Ok(Self { commanded, handle })
    }

    pub(crate) fn set(&self, wanted: Wanted) -> StatusCode {
        *self.commanded.lock() = wanted.state;
        self.commanded.changed.notify_all();
        StatusCode::NO_CONTENT
    }

    /// What it has taken.
    pub(crate) fn text(&self) -> String {
        self.handle.render()
    }
}

// === impl Commanded ===

impl Commanded {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what the state wants.
    fn obey(&self) {
        let mut state = self.lock();
        while *state == State::Hang {
            let waited = self.changed.wait_timeout(state, Duration::from_secs(3_600));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let panics = *state == State::Panic;
        drop(state);
        assert!(!panics, "/debug/recorder: as you asked");
    }
}

// === impl Troubled ===

impl Recorder for Troubled {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.commanded.obey();
        self.inner.describe_counter(key, unit, text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.commanded.obey();
        self.inner.describe_gauge(key, unit, text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.commanded.obey();
        self.inner.describe_histogram(key, unit, text);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.commanded.obey();
        self.inner.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.commanded.obey();
        self.inner.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.commanded.obey();
        self.inner.register_histogram(key, metadata)
    }
}
