//! Says what a way to tell people must do.

use std::{fmt, time::Duration};

use super::notification::Notification;

/// A way to tell people: a chat, a pager, a mail server.
///
/// Each notifier has a thread of its own, on which it can block. It is called for one message at a time by each stack that it is
/// given to.
pub trait Notifier: Send + Sync {
    /// The name in routes, in metrics and in the log, such as `slack`.
    fn name(&self) -> &str;

    /// Tells all of these in one message: mostly it is one. They are there in the order in which they happened.
    ///
    /// It must return within `timeout`, which is 10 s. If it panics, the message counts as refused.
    ///
    /// # Errors
    ///
    /// If the message did not arrive, and whether it is worth another attempt.
    fn notify(&self, notifications: &[Notification], timeout: Duration) -> Result<(), NotifyError>;

    /// How many notifications fit into one message. Defaults to 20.
    fn at_once(&self) -> usize {
        20
    }

    /// How much time lies at least between the beginnings of two messages. Defaults to 1 s.
    fn every(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// Whether it takes the state of all alerts after each evaluation, in place of what changed. Defaults to `false`.
    ///
    /// Then it is told of every alert that fires and that nothing mutes, and for 15 minutes of every one that ended. It decides
    /// itself when people hear of it, so an alert has no repeats, no escalation and no limit here.
    fn takes_state(&self) -> bool {
        false
    }
}

/// Why a message did not arrive. Its text is in the log, so it must not hold a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotifyError {
    /// It can arrive later: nobody answered, or who answered is busy.
    Later {
        /// What happened, in at most 256 bytes.
        text: String,
        /// How long to wait, if who answered said so.
        after: Option<Duration>,
    },
    /// It will never arrive, so it is not tried again.
    Refused {
        /// What happened, in at most 256 bytes.
        text: String,
    },
}

// === impl NotifyError ===

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Later { text, .. } | Self::Refused { text }) = self;
        f.write_str(text)
    }
}

impl std::error::Error for NotifyError {}
