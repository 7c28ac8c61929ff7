#![doc = include_str!("../README.md")]
#![cfg_attr(tower_vitals_docsrs, feature(doc_cfg))]

#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
#[cfg(all(feature = "axum", feature = "prometheus"))]
mod scrape;
pub mod vitals;

pub mod exchange;
pub mod exclude;
pub mod request_id;

mod grpc;
mod observe;
mod route;
mod runtime;
mod stuck;
mod text;

mod context;
mod deployment;
#[cfg(feature = "health")]
mod drain;
#[cfg(feature = "axum")]
mod failure;

pub mod category;
#[cfg(feature = "health")]
pub mod health;
pub mod log;
#[cfg(feature = "logs")]
pub mod logs;
pub mod metrics;
mod release;
#[cfg(feature = "sentry")]
pub mod sentry;
#[cfg(any(feature = "health", feature = "logs"))]
mod timestamp;
pub mod timing;

#[cfg(feature = "health")]
pub use self::drain::Drained;
#[cfg(feature = "axum")]
pub use self::failure::Failure;
#[cfg(feature = "sentry")]
pub use self::sentry::SentryScopeLayer;
pub use self::{
    category::ErrorCategoryLayer,
    context::RequestContext,
    deployment::Deployment,
    log::LogLayer,
    observe::{Errors, Examined, Observed, ResponseBody, ResponseFuture, Unexamined},
    release::Release,
    request_id::RequestIdLayer,
    timing::TimingLayer,
    vitals::Vitals,
};
