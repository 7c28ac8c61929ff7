//! Says why there is no answer, in a text that can show the address.

use std::error::Error;

use crate::facts::chain;

/// Why there is no answer.
pub(super) enum Failed {
    /// The time is over.
    Late,
    Because(String),
}

impl<E: Error + 'static> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Because(chain::text_or_empty(&error))
    }
}
