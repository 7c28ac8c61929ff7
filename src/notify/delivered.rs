//! Shows what became of all that each notifier was to tell.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::notifier::NotifyError;
use crate::timestamp;

/// How the last attempts of a notifier ended.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<LastAttempts>);

/// When attempts of a notifier ended last, by the wall clock, since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastAttempts {
    pub(crate) worked: Option<Duration>,
    /// With whether it can work later.
    pub(crate) failed: Option<(Duration, bool)>,
}

/// What became of all that one notifier was to tell.
#[cfg(feature = "health")]
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) notifier: String,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
    pub(crate) waiting: u64,
    pub(crate) last: LastAttempts,
}

// === impl Attempts ===

impl Attempts {
    /// Notes how an attempt ended.
    pub(super) fn note(&self, ended: &Result<(), NotifyError>) {
        let now = timestamp::since_1970();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match ended {
            Ok(()) => last.worked = Some(now),
            Err(error) => {
                last.failed = Some((now, matches!(error, NotifyError::Later { .. })));
            }
        }
    }

    #[cfg(feature = "health")]
    pub(super) fn last(&self) -> LastAttempts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
