//! Keeps what a handler added to its request.

use std::{borrow::Cow, error::Error, sync::Arc};

use super::{category::ErrorCategory, failed_calls::FailedCalls};
use crate::text::printable_words;

/// The most bytes of a text of the handler that the log shows.
const LONGEST: usize = 200;

/// What a handler added to its request.
#[derive(Clone, Debug, Default)]
pub(crate) struct HandlerContext {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) tags: Vec<(Arc<str>, Arc<str>)>,
    pub(crate) category: Option<ErrorCategory>,
    /// The text of the gRPC status of the answer.
    pub(crate) grpc_message: Option<Arc<str>>,
    pub(crate) cause: Option<Arc<dyn Error + Send + Sync>>,
    /// The calls of other services that failed.
    pub(crate) failed_calls: FailedCalls,
}

// === impl HandlerContext ===

impl HandlerContext {
    /// The user as the log shows it.
    pub(crate) fn shown_user(&self) -> Option<Cow<'_, str>> {
        self.user.as_deref().map(shown)
    }

    /// The tenant as the log shows it.
    pub(crate) fn shown_tenant(&self) -> Option<Cow<'_, str>> {
        self.tenant.as_deref().map(shown)
    }

    /// The tags as the log shows them.
    pub(crate) fn shown_tags(&self) -> Option<String> {
        let tags = self.tags.iter();
        let tags: Vec<_> = tags
            .map(|(key, value)| format!("{}={}", shown(key), shown(value)))
            .collect();
        (!tags.is_empty()).then(|| tags.join(" "))
    }
}

/// What shows the log can scrub it, so it does not end within a word.
fn shown(text: &str) -> Cow<'_, str> {
    printable_words(text, LONGEST)
}
