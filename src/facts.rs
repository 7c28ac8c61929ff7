//! Holds what is known of one request. Every layer and every report reads it, and it imports none of them.

pub(crate) mod chain;
pub mod exchange;
#[cfg(feature = "axum")]
pub(crate) mod failure;
pub(crate) mod grpc;
pub(crate) mod labels;
pub(crate) mod request_context;
pub(crate) mod route;
pub(crate) mod rules;
pub(crate) mod severity;
