//! Follows one exchange to its true end, and gives its observer the facts exactly once.
//!
//! Each layer of the crate is an [`Engine`]: settings and an [`Observer`]. The service, the future and the body carry one
//! [`Tracker`](tracker::Tracker), which collects the facts.

mod body;
mod ending;
mod errors;
mod examine;
mod future;
mod layer;
mod observer;
mod request_body;
mod response;
mod service;
mod tracker;
mod wrap;

pub use self::{
    body::ResponseBody,
    errors::{Errors, Examined, Unexamined},
    future::ResponseFuture,
    request_body::RequestBody,
    service::Observed,
    wrap::{WrapRequestBody, WrapRequestBodyLayer},
};
pub(crate) use self::{
    layer::layer_methods,
    observer::{Beginning, ErrorRules, Observer, ObserverContext},
};
use crate::{
    exclude::{OwnPaths, Patterns},
    metrics::Metrics,
};

/// The settings and the observer of a layer, shared by all services that the layer makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Engine<O: ?Sized = dyn Observer> {
    pub(crate) exclude: Patterns,
    /// The paths at which routes of this crate may answer.
    pub(crate) own_paths: OwnPaths,
    /// Where the layer counts. The counters of the process if `None`.
    pub(crate) metrics: Option<Metrics>,
    pub(crate) observer: O,
}

#[cfg(test)]
mod tests;
