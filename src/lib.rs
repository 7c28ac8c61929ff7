#![doc = include_str!("../README.md")]
#![cfg_attr(tower_vitals_docsrs, feature(doc_cfg))]

pub mod config;
#[cfg(all(feature = "axum", feature = "prometheus"))]
mod scrape;
pub mod vitals;

pub mod exchange;
pub mod exclude;
pub mod request_id;
mod route;

mod observe;

pub mod log;
#[cfg(feature = "logs")]
pub mod logs;
pub mod metrics;
pub mod timing;

pub use self::{
    log::LogLayer,
    observe::{Observed, ResponseBody, ResponseFuture},
    request_id::RequestIdLayer,
    timing::TimingLayer,
    vitals::Vitals,
};
