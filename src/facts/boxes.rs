//! Opens the boxes in which errors travel, so that the type of each error can be asked for.

use std::{any::Any, error::Error, io, sync::Arc};

/// Keeps an error so that its own type can be found later.
///
/// What `anyhow` and `eyre` convert into a `dyn Error` hides the type. So they are asked before the conversion.
pub(crate) fn keep<E>(cause: E) -> Arc<dyn Error + Send + Sync>
where
    E: Into<Box<dyn Error + Send + Sync>> + 'static,
{
    let mut cause = Some(cause);
    let boxed: &mut dyn Any = &mut cause;
    if let Some(shared) = take::<Arc<dyn Error + Send + Sync>>(boxed) {
        return shared;
    }
    #[cfg(feature = "anyhow")]
    if let Some(error) = take::<anyhow::Error>(boxed) {
        return error
            .reallocate_into_boxed_dyn_error_without_backtrace()
            .into();
    }
    #[cfg(feature = "eyre")]
    if let Some(report) = take::<eyre::Report>(boxed) {
        return Arc::new(Reported(report));
    }
    match cause {
        Some(cause) => cause.into().into(),
        // It was taken above, and that has returned.
        None => Arc::new(io::Error::other("no error")),
    }
}

/// The error in one of the usual boxes, for an error type that need not be an `Error` itself.
pub(super) fn open(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error>>() {
        return Some(&**error);
    }
    #[cfg(feature = "anyhow")]
    if let Some(error) = error.downcast_ref::<anyhow::Error>() {
        return Some(&**error);
    }
    #[cfg(feature = "eyre")]
    if let Some(error) = error.downcast_ref::<eyre::Report>() {
        return Some(&**error);
    }
    let shared = error.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    Some(&**shared)
}

/// The error within an error that only carries it: both have the same text, and `source` can skip the inner one.
pub(super) fn carried<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    if let Some(error) = downcast::<io::Error>(error) {
        return error.get_ref().map(|inner| inner as _);
    }
    if let Some(error) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    #[cfg(feature = "axum")]
    if let Some(error) = downcast::<axum::Error>(error) {
        return error.source();
    }
    #[cfg(feature = "eyre")]
    if let Some(Reported(report)) = error.downcast_ref() {
        return Some(&**report);
    }
    None
}

/// The error, if its type is `E`, alone or in a box or an `Arc`.
pub(super) fn downcast<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let shared = || error.downcast_ref::<Arc<E>>().map(|error| &**error);
    let boxed = || error.downcast_ref::<Box<E>>().map(|error| &**error);
    error.downcast_ref().or_else(shared).or_else(boxed)
}

/// Takes the value out of an `Option<T>`, if that is what it is.
fn take<T: 'static>(option: &mut dyn Any) -> Option<T> {
    option.downcast_mut::<Option<T>>()?.take()
}

/// Carries a report of `eyre`, which is no `Error` itself.
#[cfg(feature = "eyre")]
struct Reported(eyre::Report);

#[cfg(feature = "eyre")]
impl std::fmt::Debug for Reported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(feature = "eyre")]
impl std::fmt::Display for Reported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&*self.0, f)
    }
}

#[cfg(feature = "eyre")]
impl Error for Reported {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
