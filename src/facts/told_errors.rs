//! Remembers the errors that the code of one exchange has told by itself.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
};

use super::type_name;

/// The most errors that are remembered.
const MOST: usize = 16;

/// How much of a text is compared, in bytes. Who tells an error may cut it.
const COMPARED: usize = 512;

/// Errors that were told, as hashes of type and text.
#[derive(Debug, Default)]
pub(crate) struct ToldErrors(Mutex<Vec<u64>>);

// === impl ToldErrors ===

impl ToldErrors {
    /// Remembers an error that the handler has sent to Sentry. `kind` is the beginning of its `Debug` output.
    pub(crate) fn note(&self, kind: &str, text: &str) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST {
            told.push(hash(kind, text));
        }
    }

    /// Whether the handler has sent such an error.
    pub(crate) fn has(&self, kind: &str, text: &str) -> bool {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !told.is_empty() && told.contains(&hash(kind, text))
    }
}

fn hash(kind: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    type_name::of_debug(kind).hash(&mut hasher);
    let text = text.as_bytes();
    text[..text.len().min(COMPARED)].hash(&mut hasher);
    hasher.finish()
}
