//! Keeps the text of a panic that a layer caught.

use std::{
    any::Any,
    error::Error,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    chain,
    evidence::{Evidence, Needs},
    links::Links,
};

/// A panic that a layer caught. It travels in the extensions of the response, so that all layers further out know of it.
#[derive(Clone, Debug)]
pub(crate) struct CaughtPanic {
    text: Arc<str>,
}

// === impl CaughtPanic ===

impl CaughtPanic {
    pub(crate) fn new(payload: Box<dyn Any + Send>) -> Self {
        let panic = Self::of(&*payload);
        // The payload can be a value of the application, which panics when it is dropped.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            mem::forget(again);
        }
        panic
    }

    /// The text of a panic that goes on.
    pub(crate) fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().map(|text| Arc::from(*text));
        let formatted = || payload.downcast_ref::<String>();
        let text = text.or_else(|| formatted().map(|text| text.as_str().into()));
        Self {
            text: text.unwrap_or_else(|| "a panic without a text".into()),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What the panic tells about the failure, as far as it is needed.
    pub(crate) fn evidence(&self, needs: Needs) -> Evidence {
        Evidence {
            text: needs.contains(Needs::TEXT).then(|| chain::text(self)),
            links: match needs.contains(Needs::LINKS) {
                true => Links::of(self),
                false => Links::default(),
            },
            of_panic: true,
            ..Evidence::default()
        }
    }
}

impl fmt::Display for CaughtPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for CaughtPanic {}
