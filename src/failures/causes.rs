//! Shows the texts of errors without secrets.

use crate::{
    report::delivery_queue::contained,
    scrub::{Scrubbing, of_process},
    sentry::SentryOptions,
    text,
};

/// The most bytes of a text that are shown.
const LONGEST: usize = 512;

/// How the texts of errors are shown.
#[derive(Clone, Debug)]
pub(super) struct Causes {
    scrubbing: Scrubbing,
}

// === impl Causes ===

impl Causes {
    /// As what is sent to Sentry is scrubbed, also if nothing is sent.
    pub(super) fn of(options: Option<&SentryOptions>) -> Self {
        Self {
            scrubbing: options
                .map(SentryOptions::own_scrubbing)
                .unwrap_or_default(),
        }
    }

    /// The text without secrets. `None` where no text of the application may be shown, and where a rule of the application panics.
    pub(super) fn shown(&self, text: &str) -> Option<String> {
        if !self.scrubbing.keeps_free_text() || of_process::get().is_some() {
            return None;
        }
        let kept = contained(|| self.scrubbing.scrub(text))?;
        // Cut after it is scrubbed: half a secret is not recognised as one.
        Some(text::shortened(&kept, LONGEST).into_owned())
    }
}
