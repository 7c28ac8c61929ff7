//! Follows one exchange to its true end, and gives its observer the facts exactly once.
//!
//! Each layer of the crate is an [`Engine`]: settings and an [`Observer`]. The service, the future and the body carry one
//! [`Tracker`](tracker::Tracker), which collects the facts.

mod body;
mod errors;
mod examine;
mod future;
mod layer;
mod observer;
mod response;
mod service;
mod tracker;

pub use self::{
    body::ResponseBody,
    errors::{Errors, Examined, Unexamined},
    future::ResponseFuture,
    service::Observed,
};
pub(crate) use self::{
    layer::layer_methods,
    observer::{ErrorRules, Observer, ObserverContext},
};
use crate::{exclude::Patterns, metrics::Metrics};

/// The settings and the observer of a layer, shared by all services that the layer makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engine<O: ?Sized = dyn Observer> {
    pub(crate) exclude: Patterns,
    /// Where the layer counts. The counters of the process if `None`.
    pub(crate) metrics: Option<Metrics>,
    pub(crate) observer: O,
}

#[cfg(test)]
mod tests;
