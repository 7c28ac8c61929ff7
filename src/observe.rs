//! Follows one exchange to its true end, and gives its observer the facts exactly once.
//!
//! Each layer of the crate is an [`Engine`]: settings and an [`Observer`]. The service, the future and the body carry one
//! [`Tracker`](tracker::Tracker), which collects the facts.

mod begin;
mod body;
mod catching;
mod ending;
mod engine;
mod errors;
mod examine;
mod future;
mod grpc_call;
mod head;
mod layer;
mod observer;
mod opening;
mod panics;
mod passing;
mod request_body;
mod request_head;
mod response;
mod service;
mod slot;
mod span;
mod tracker;
mod wrap;

pub use self::{
    body::ResponseBody,
    errors::{Errors, Examined, Unexamined},
    future::ResponseFuture,
    panics::PanicInfo,
    request_body::RequestBody,
    service::Observed,
    wrap::{WrapRequestBody, WrapRequestBodyLayer},
};
pub(crate) use self::{
    engine::{Engine, EngineHandle},
    layer::layer_methods,
    observer::{Beginning, ErrorRules, Observer, ObserverContext, StartContext},
    panics::PanicAnswer,
    request_head::RequestHead,
    span::{Entered, RequestSpan},
};

#[cfg(test)]
mod tests;
