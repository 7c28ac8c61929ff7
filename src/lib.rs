#![doc = include_str!("../README.md")]
#![cfg_attr(tower_vitals_docsrs, feature(doc_cfg))]

#[cfg(feature = "cli")]
pub mod cli;
pub mod config;
#[cfg(all(feature = "axum", feature = "prometheus"))]
mod scrape;
pub mod vitals;

mod facts;
pub use self::facts::exchange;
pub mod exclude;
pub mod request_id;

mod observe;
mod runtime;
mod stuck;
mod text;

mod deployment;
#[cfg(feature = "health")]
mod drain;

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
pub use self::facts::failure::Failure;
#[cfg(feature = "sentry")]
pub use self::sentry::SentryScopeLayer;
pub use self::{
    category::ErrorCategoryLayer,
    deployment::Deployment,
    facts::request_context::RequestContext,
    log::LogLayer,
    observe::{Errors, Examined, Observed, ResponseBody, ResponseFuture, Unexamined},
    release::Release,
    request_id::RequestIdLayer,
    timing::TimingLayer,
    vitals::Vitals,
};
