//! Keeps a secret out of everything that prints.

use std::fmt;

/// An address, key or password. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

// === impl Secret ===

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// For the request that needs it, and for nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}
