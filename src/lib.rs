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

mod context;
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
pub mod timing;

#[cfg(feature = "health")]
pub use self::drain::Drained;
#[cfg(feature = "axum")]
pub use self::failure::Failure;
pub use self::{
    category::ErrorCategoryLayer,
    context::RequestContext,
    log::LogLayer,
    observe::{Errors, Examined, Observed, ResponseBody, ResponseFuture, Unexamined},
    request_id::RequestIdLayer,
    timing::TimingLayer,
    vitals::Vitals,
};
