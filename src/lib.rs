//! Tower layers that give an axum, tonic or hyper service its vital signs.
//!
//! | start here | |
//! | --- | --- |
//! | [`Vitals`] | the ready-made stack: all layers in one, and a router with metrics and probes |
//! | [`RequestIdLayer`] | gives every request one id |
//! | [`TimingLayer`] | measures each request, judges its severity and counts it |
//! | [`ErrorCategoryLayer`] | gives each failing request one of nine categories |
//! | [`CatchPanicLayer`] | answers `500` where the service panics |
//! | [`AccessLogLayer`] | writes one event for each request |
//! | [`SentryScopeLayer`] | gives each request a Sentry scope, and reports what goes wrong |
//! | [`ExcludeLayer`](exclude::ExcludeLayer) | leads excluded requests around a layer of another crate |
//! | [`KnownMethodsLayer`] | lets a gRPC service show which methods it has |
//! | [`Health`](health::Health) | runs health checks and serves probes |
//! | [`WebSocketSessions`] | counts WebSocket sessions, and closes them when the service drains |
//! | [`operations`] | measures everything else: functions, queries, jobs, pools, calls of other services, the process |
//! | [`RequestContext`], [`Failure`] | let a handler add what only it knows |
//! | [`guides`] | one page for each subject |
//!
// The first definition of a link wins, so the README's links to files lead to the pages of these docs.
#![doc = include_str!("guides/links.md")]
#![doc = include_str!("guides/console.md")]
// Its code needs these features.
#![cfg_attr(
    all(
        feature = "axum",
        feature = "health",
        feature = "logging",
        feature = "sentry"
    ),
    doc = include_str!("../README.md")
)]
#![cfg_attr(tower_vitals_docsrs, feature(doc_cfg))]
// Code that only a missing feature would use is not dead. With all features the lint is on.
#![cfg_attr(
    not(all(
        feature = "axum",
        feature = "certificates",
        feature = "cli",
        feature = "email",
        feature = "fleet",
        feature = "generate",
        feature = "health",
        feature = "logging",
        feature = "notify",
        feature = "process",
        feature = "prometheus",
        feature = "sentry",
        feature = "statistics",
        feature = "tonic"
    )),
    allow(dead_code)
)]

// The rooms, in the order in which a request meets them. CONTRIBUTING has the order of imports.

// Their code needs more crates than this package has, so the tests' package runs it.
#[cfg(all(doc, not(doctest)))]
pub mod guides;

#[cfg(feature = "cli")]
pub mod cli;
pub mod vitals;

#[cfg(all(feature = "health", feature = "statistics"))]
pub mod monitoring;

#[cfg(feature = "statistics")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "statistics")))]
pub mod doctor;

#[cfg(feature = "generate")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "generate")))]
pub mod generate;
#[cfg(any(feature = "cli", feature = "generate"))]
pub mod provisioning;

pub mod exclude;
mod known_methods;
mod marked;
mod observe;

pub mod access_log;
pub mod catch_panic;
pub mod category;
#[cfg(all(feature = "health", feature = "statistics"))]
mod failures;
#[cfg(not(all(feature = "health", feature = "statistics")))]
#[path = "failures/off.rs"]
mod failures;
pub mod request_id;
#[cfg(feature = "sentry")]
pub mod sentry;
#[cfg(not(feature = "sentry"))]
#[path = "sentry/off.rs"]
mod sentry;
pub mod span;
mod stuck;
pub mod timing;
pub mod trace_context;

#[cfg(feature = "health")]
pub mod health;
#[cfg(not(feature = "health"))]
#[path = "health/off.rs"]
mod health;

pub mod operations;

#[cfg(feature = "notify")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "notify")))]
pub mod notify;

#[cfg(feature = "statistics")]
pub mod alerts;
#[cfg(feature = "fleet")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "fleet")))]
pub mod fleet;
#[cfg(feature = "statistics")]
pub mod statistics;
#[cfg(feature = "statistics")]
mod window;

mod emit;
#[cfg(feature = "logging")]
pub mod logging;
#[cfg(not(feature = "logging"))]
#[path = "logging/off.rs"]
mod logging;
pub mod metrics;
pub mod report;
#[cfg(feature = "scrub")]
pub mod scrub;

mod facts;

mod address_hash;
#[cfg(feature = "health")]
mod bearer;
#[cfg(any(feature = "health", feature = "process", feature = "statistics"))]
mod bounded_file;
#[cfg(any(feature = "health", feature = "process", feature = "statistics"))]
mod cgroup;
pub mod config;
#[cfg(any(feature = "fleet", feature = "health", feature = "notify"))]
mod look_up;
#[cfg(any(feature = "axum", feature = "health"))]
mod preferences;
mod release;
mod runtime;
mod text;
mod timestamp;
#[cfg(any(feature = "process", feature = "statistics"))]
mod used_memory;

#[doc(inline)]
#[cfg(feature = "axum")]
pub use self::facts::failure::Failure;
#[doc(inline)]
#[cfg(feature = "sentry")]
pub use self::sentry::SentryScopeLayer;
#[doc(inline)]
#[cfg(feature = "health")]
pub use self::vitals::{RunError, ShutdownReport};
#[doc(inline)]
pub use self::{
    access_log::AccessLogLayer,
    catch_panic::CatchPanicLayer,
    category::ErrorCategoryLayer,
    facts::{exchange, request_context::RequestContext},
    known_methods::KnownMethodsLayer,
    operations::{
        OutboundLayer, circuit, job, job_queue, monitored, outbound, pool, query, record_call,
    },
    release::Release,
    request_id::RequestIdLayer,
    span::SpanLayer,
    timing::TimingLayer,
    trace_context::TraceContextLayer,
    vitals::{Deployment, Vitals, WebSocketSession, WebSocketSessions},
};

/// The types behind the layers, for signatures that must name them. Most applications never do.
pub mod plumbing {
    #[cfg(all(feature = "health", feature = "tonic"))]
    pub use crate::health::grpc::GrpcHealthProbe;
    pub use crate::marked::Marked;
    pub use crate::observe::{
        Errors, Examined, Observed, RequestBody, ResponseBody, ResponseFuture, Unexamined,
        WrapRequestBody, WrapRequestBodyLayer,
    };
}
