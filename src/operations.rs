//! Measures what a service does beside answering requests: functions, queries, background jobs, pools, calls of other services,
//! circuit breakers, the process.
//!
//! # Functions and queries
//!
//! [`monitored`] and [`query`] measure a future or plain code, under a name of the code. Each call is counted once, when it ends:
//!
//! | outcome | when |
//! | --- | --- |
//! | `success` | it returned; with `try_run` and `try_time`: it returned `Ok` |
//! | `error` | it returned `Err` |
//! | `timeout` | it returned an `Err` that is a timeout by its type, or has such a cause. Of a type of the application nothing is known, unless it is in a box |
//! | `cancelled` | its future was dropped after its first poll, by `tokio::time::timeout` around it for example |
//! | `panicked` | it panicked; the panic goes on |
//!
//! A future that is dropped before its first poll is no call. A function in a function is a call of its own. Branches of
//! `tokio::join!` and `tokio::select!` are calls of their own.
//!
//! # When it speaks
//!
//! A call that takes longer than its threshold, 1 s by default, is slow, however it ended:
//!
//! - One `WARN` of target `tower_vitals`, `slow operation`, `slow query` or `slow call`, with the fields `name`, `operation` and
//!   `table`, or `external_service`; and with `outcome`, `duration_ms`, `threshold_ms`, and `request_id` in a request. A query
//!   that the layer for sqlx measured has no `outcome`, here and in what follows: sqlx does not tell it.
//! - With feature `sentry`, one warning for Sentry, grouped by the name, at most 10 a minute for each; queries of tables above
//!   the first 256 are one group. In a request it goes to the client of that request and has its data. Else it goes to the client
//!   of the main hub, and has no data of any request. The others are counted in `vitals_dropped_total{sink="sentry_flood"}`.
//!
//! With feature `sentry`, in a request that Sentry observes:
//!
//! - Each query and each call of another service is a breadcrumb: `operation` and `table`, or `service`; `outcome` and
//!   `duration_ms`. It is on the scope of the request, and on that of the task in
//!   [`Exchange::scope`](crate::exchange::Exchange::scope). The client's `max_breadcrumbs` bounds them.
//! - If the transaction of the request is sampled, each call is a child of it, for its true time: `db`, `http.client` or `function`.
//!   Children of one request stand side by side, also if one call ran within another.
//!
//! The SDK holds a lock while a closure of `sentry::configure_scope` runs, so a query in such a closure of a request waits for ever.
//!
//! A task of `tokio::spawn` has no request, unless `Exchange::scope` carries it there.

mod asking;
mod circuit;
#[cfg(feature = "disk")]
mod disk_space;
pub(crate) mod finished;
mod followed;
#[cfg(feature = "process")]
#[cfg_attr(
    not(all(feature = "host", target_os = "linux")),
    path = "operations/host/off.rs"
)]
mod host;
mod job;
mod job_queue;
mod judged;
mod measured;
#[cfg(feature = "process")]
mod memory_use;
mod monitored;
mod outbound;
#[cfg_attr(
    not(all(feature = "logging", feature = "sqlx")),
    path = "operations/own_query/off.rs"
)]
mod own_query;
mod pool;
#[cfg(feature = "sqlx")]
mod postgres;
#[cfg_attr(not(feature = "process"), path = "operations/process/off.rs")]
pub(crate) mod process;
mod query;
#[cfg(feature = "redis")]
mod redis_info;
mod running;
mod sampling;
mod slow;
#[cfg(feature = "logging")]
#[cfg_attr(not(feature = "sqlx"), path = "operations/sqlx/off.rs")]
pub(crate) mod sqlx;
#[cfg(feature = "process")]
mod tokio_runtime;

#[cfg(feature = "disk")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "disk")))]
pub use self::disk_space::{DiskSpace, disk_space};
#[cfg(feature = "reqwest")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "reqwest")))]
pub use self::outbound::ReqwestFuture;
#[cfg(feature = "sqlx")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sqlx")))]
pub use self::postgres::{Postgres, postgres};
#[cfg(feature = "redis")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "redis")))]
pub use self::redis_info::{RedisInfo, redis_info};
#[cfg(all(feature = "logging", feature = "sqlx"))]
#[cfg_attr(
    tower_vitals_docsrs,
    doc(cfg(all(feature = "logging", feature = "sqlx")))
)]
pub use self::sqlx::{SqlxQueries, sqlx_queries};
pub use self::{
    circuit::{Circuit, circuit},
    job::{Job, JobError, job},
    job_queue::{JobQueue, job_queue},
    measured::{Measured, MeasuredGuard},
    monitored::monitored,
    outbound::{
        Outbound, OutboundBody, OutboundFuture, OutboundLayer, OutboundService, outbound,
        record_call,
    },
    pool::{Pool, PoolState, pool},
    query::query,
};
pub use crate::{facts::work::CallOutcome, metrics::CircuitState};
