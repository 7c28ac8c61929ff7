//! Remembers the format of the process's own lines, for the event that says what is on.

use std::sync::OnceLock;

use super::Format;

static CHOSEN: OnceLock<Format> = OnceLock::new();

pub(super) fn set(format: Format) {
    let _ = CHOSEN.set(format);
}

/// The format. `None` if the application has a subscriber of its own.
pub(crate) fn format() -> Option<&'static str> {
    CHOSEN.get().map(|format| match format {
        Format::Json => "json",
        Format::Text => "text",
    })
}
