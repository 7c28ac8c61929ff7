//! Says what a way to tell people must do.

use std::{fmt, time::Duration};

use super::notification::Notification;

/// A way to tell people: a chat, a pager, a mail server.
///
/// Each notifier has a thread of its own, on which it can block. It is called for one message at a time.
pub trait Notifier: Send {
    /// The name in routes, in metrics and in the log, such as `slack`.
    fn name(&self) -> &str;

    /// Tells all of these in one message: mostly it is one. They are there in the order in which they happened.
    ///
    /// It must return within `timeout`, which is 10 s. If it panics, the message counts as refused.
    ///
    /// # Errors
    ///
    /// If the message did not arrive, and whether it is worth another attempt.
    fn notify(
        &mut self,
        notifications: &[Notification],
        timeout: Duration,
    ) -> Result<(), NotifyError>;

    /// How many notifications fit into one message. Defaults to 20.
    fn at_once(&self) -> usize {
        20
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
