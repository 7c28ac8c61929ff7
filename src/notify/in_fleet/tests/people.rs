//! Notes what people are told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use crate::{
    alerts::Fingerprint,
    notify::{Notification, NotificationKind, Notifier, NotifyError},
};

/// When the play begins, in milliseconds since 1970.
pub(super) const BEGIN: u64 = 1_800_000_000_000;

/// What somebody was told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    /// The number of the instance that told it.
    pub(super) by: u64,
    /// Minutes since the beginning.
    pub(super) minute: f64,
    pub(super) kind: NotificationKind,
    pub(super) name: String,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) alone: bool,
}

/// Takes what a notifier is told.
pub(super) struct Noting {
    pub(super) by: u64,
    pub(super) name: &'static str,
    pub(super) now: Arc<AtomicU64>,
    pub(super) notes: Arc<Mutex<Vec<Note>>>,
}

impl Notifier for Noting {
    fn name(&self) -> &str {
        self.name
    }

    fn notify(&self, notifications: &[Notification], _: Duration) -> Result<(), NotifyError> {
        let now = self.now.load(SeqCst) - BEGIN;
        let notes = notifications.iter().map(|one| Note {
            by: self.by,
            minute: now as f64 / 60_000.0,
            kind: one.kind,
            name: one.name.clone(),
            fingerprint: one.fingerprint,
            alone: one.alone,
        });
        self.notes.lock().unwrap().extend(notes);
        Ok(())
    }

    fn every(&self) -> Duration {
        Duration::ZERO
    }

    fn takes_state(&self) -> bool {
        self.name == "state"
    }
}
