//! Notifiers of tests.

use std::{
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use tower_vitals::notify::{Notification, Notifier, NotifyError};

use crate::LONG;

/// Notes what it is told.
pub(crate) struct Notes {
    name: &'static str,
    told: Sender<Notification>,
}

/// What was noted.
pub(crate) struct Noted(Receiver<Notification>);

/// Hangs as long as the test has its sender.
pub(crate) struct Hangs {
    name: &'static str,
    until: Mutex<Receiver<()>>,
    begun: Sender<()>,
}

// === impl Notes ===

impl Notes {
    pub(crate) fn new(name: &'static str) -> (Self, Noted) {
        let (told, noted) = mpsc::channel();
        (Self { name, told }, Noted(noted))
    }
}

impl Notifier for Notes {
    fn name(&self) -> &str {
        self.name
    }

    fn notify(&self, notifications: &[Notification], _: Duration) -> Result<(), NotifyError> {
        for one in notifications {
            // The test can have ended.
            let _ = self.told.send(one.clone());
        }
        Ok(())
    }

    fn every(&self) -> Duration {
        Duration::ZERO
    }
}

// === impl Noted ===

impl Noted {
    pub(crate) fn next(&self) -> Notification {
        self.0.recv_timeout(LONG).unwrap()
    }

    /// What was noted until now and not asked for. For who knows that nothing waits.
    pub(crate) fn rest(&self) -> Vec<Notification> {
        self.0.try_iter().collect()
    }
}

// === impl Hangs ===

impl Hangs {
    /// The receiver hears when it begins to hang.
    pub(crate) fn new(name: &'static str) -> (Self, Receiver<()>, Sender<()>) {
        let ((go_on, until), (begun, hangs)) = (mpsc::channel(), mpsc::channel());
        let hanging = Self {
            name,
            until: Mutex::new(until),
            begun,
        };
        (hanging, hangs, go_on)
    }
}

impl Notifier for Hangs {
    fn name(&self) -> &str {
        self.name
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        let _ = self.begun.send(());
        let _ = self.until.lock().unwrap().recv();
        Ok(())
    }
}
