//! Knows what scrubs everything that the process writes, beside what each sink scrubs by itself.

use std::sync::OnceLock;

use super::Scrubbing;

/// It is set once, and keeps no free text.
static OF_PROCESS: OnceLock<Scrubbing> = OnceLock::new();

/// Scrubs what the process writes from now on, if `scrubbing` is for data about people's health. The first one counts.
pub(crate) fn set(scrubbing: &Scrubbing) {
    if !scrubbing.keeps_free_text() {
        let _ = OF_PROCESS.set(scrubbing.clone());
    }
}

pub(crate) fn get() -> Option<&'static Scrubbing> {
    OF_PROCESS.get()
}
