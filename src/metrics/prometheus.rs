//! Makes a recorder of this crate the global one, and renders what it holds beside the families of this crate.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{
    Metrics, Recorder,
    application::ApplicationRecorder,
    exposition::{Format, Writer},
    samples::Samples,
};
use crate::config::ConfigError;

/// The global recorder, if it is one of this crate.
static OURS: OnceLock<Arc<ApplicationRecorder>> = OnceLock::new();

/// Is held while a recorder of this crate becomes the global one, so that nobody takes it for another one meanwhile.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Renders counters, and what the application records.
#[derive(Clone)]
pub(crate) struct Exporter {
    metrics: Metrics,
}

/// What a recorder of this crate could not keep as the application recorded it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unkept {
    /// Recordings that are counted under `overflow`.
    pub(super) overflowed: u64,
    /// Recordings that are nowhere: of a family that clashes with another one, or not a number.
    pub(super) dropped: u64,
}

// === impl Exporter ===

impl Exporter {
    /// Installs a recorder of this crate, unless the recorder is the application's own.
    pub(crate) fn install(
        recorder: Recorder,
        metrics: &Metrics,
    ) -> Result<Option<Self>, ConfigError> {
        match recorder {
            Recorder::Own => install(metrics)?,
            // The application's macros record to the global recorder.
            Recorder::Isolated => {}
            Recorder::Global => return Ok(None),
        }
        Ok(Some(Self {
            metrics: metrics.clone(),
        }))
    }

    /// All metrics at this moment. With thousands of series it takes milliseconds.
    ///
    /// No code of the application is called, so nothing here waits for it.
    pub(crate) fn render(&self, format: Format) -> String {
        let mut writer = Writer::new(format);
        self.metrics.give(&mut writer);
        writer.finish()
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// Makes a recorder of this crate the global one, unless it is already.
fn install(metrics: &Metrics) -> Result<(), ConfigError> {
    let _mine = installing();
    if OURS.get().is_some() {
        return Ok(());
    }
    let recorder = Arc::new(metrics.settings().application()?);
    metrics::set_global_recorder(Arc::clone(&recorder)).map_err(|_| {
        let reason = "another recorder is installed in this process, and /metrics would not show it; \
                      call use_global_recorder() to publish there and serve no /metrics";
        ConfigError::new("metrics.recorder", "foreign", reason)
    })?;
    OURS.get_or_init(|| recorder);
    Ok(())
}

/// Gives what the application has recorded, if the global recorder is one of this crate.
pub(super) fn give_application(out: &mut dyn Samples) {
    if let Some(ours) = OURS.get() {
        ours.visit(out);
    }
}

pub(super) fn unkept() -> Unkept {
    let ours = OURS.get();
    ours.map_or_else(Unkept::default, |ours| Unkept {
        overflowed: ours.overflowed(),
        dropped: ours.dropped(),
    })
}

/// Gives the global recorder, unless it is one of this crate: what that shows beside its own series is read where it is counted.
pub(super) fn with_foreign_recorder(publish: impl FnOnce(&dyn metrics::Recorder)) {
    let ours = || {
        let _nobody = installing();
        OURS.get().is_some()
    };
    if !ours() {
        metrics::with_recorder(|recorder| {
            // It can have become the global one since.
            if !ours() {
                publish(recorder);
            }
        });
    }
}

fn installing() -> MutexGuard<'static, ()> {
    INSTALLING.lock().unwrap_or_else(PoisonError::into_inner)
}
