//! Holds what a check remembers from one question to the next.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, time::Instant};

use super::expiry::Expiry;
use crate::runtime::lag::Probe;

/// What a check remembers. Clones of a check that run beside each other have one each: the question of one must not change the
/// answer of another.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// The date of a certificate, if the check asks for one.
    pub(super) expiry: Option<Arc<Expiry>>,
    /// What measures the lag of the runtime, once it was asked for.
    lag: Mutex<Option<Arc<Probe>>>,
}

// === impl Remembered ===

impl Remembered {
    /// What a check of a certificate remembers.
    #[cfg(feature = "certificates")]
    pub(super) fn of_host(expiry: Arc<Expiry>) -> Self {
        Self {
            expiry: Some(expiry),
            lag: Mutex::default(),
        }
    }

    /// The same before the first question.
    pub(super) fn anew(&self) -> Self {
        Self {
            expiry: self.expiry.as_ref().map(|expiry| expiry.anew()),
            lag: Mutex::default(),
        }
    }

    /// The largest lag since the last question. `None` if nothing measures it on this runtime.
    pub(super) fn taken_lag(&self) -> Option<Duration> {
        let lag = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        lag.as_ref()?.take(Instant::now())
    }

    /// Measures the lag of the current runtime from now on.
    pub(super) fn measure_lag(&self) {
        let started = Probe::start(&Handle::current());
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
    }
}
