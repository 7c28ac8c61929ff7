//! Answers whether the service is alive and ready, from checks that run in the background.
//!
//! A probe never asks a dependency. It reads the last answer of each check. So probes cause no checks, however many there
//! are, and they are as fast when every dependency hangs as when none does. An answer that is older than three intervals
//! and the timeout is unknown. A status that the application has set is unknown after the time of
//! [`expires_after`](Check::expires_after). A critical check that is unknown is as bad as one that failed.
//!
//! # When it reports
//!
//! When a check changes: one log event, at `ERROR` if a critical check fails or expires, at `INFO` if a check recovers, else
//! at `WARN`; and an error for Sentry if a critical check fails or expires. A probe logs nothing.
//!
//! The gauges are what a probe shows at the moment when they are published: `health_check_status{check}` (1 healthy, 0.5
//! degraded, 0 unhealthy or unknown) and `health_check_last_success_timestamp_seconds{check}`, as
//! [`CheckReport::last_success`] has it. `health_check_duration_seconds{check}` has each answer of a check that is asked. They
//! are in the counters of the [`Vitals`](crate::Vitals) that serves the probes. Without one, they go to the global recorder
//! once a second. No task of a check calls a recorder.
//!
//! ```
//! use axum::Router;
//! use tower_vitals::{Vitals, health::{Check, Health}};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let ping = || async { Ok::<_, std::io::Error>(()) };
//! let database = Check::new("database", ping).healthy_label("connected");
//! let health = Health::builder().check(database).start()?;
//! let vitals = Vitals::builder().health(health.service()).build()?;
//! // The router serves /livez /readyz /startupz /health /metrics.
//! let app: Router = Router::new().layer(vitals.layer()).merge(vitals.routes());
//! # Ok(())
//! # }
//! ```

mod accept;
mod builder;
#[cfg(feature = "certificates")]
mod certificate;
mod changes;
mod check;
mod computed;
mod course;
#[cfg(feature = "disk")]
mod disk;
mod event;
mod expiry;
#[cfg(feature = "tonic")]
pub(crate) mod grpc;
mod handle;
mod memory;
mod once;
mod paths;
mod query;
mod ready_made;
mod registry;
mod remembered;
mod response;
mod runner;
mod runtime_lag;
#[cfg(feature = "statistics")]
mod seen;
mod service;
mod shape;
mod snapshot;
mod source;
mod state;

#[cfg(feature = "tonic")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "tonic")))]
pub use self::grpc::GrpcHealth;
#[cfg(feature = "statistics")]
pub(crate) use self::paths::{PLAIN, is_plain};
#[cfg(feature = "statistics")]
pub(crate) use self::seen::SeenCheck;
pub(crate) use self::source::Source;
pub use self::{
    builder::HealthBuilder,
    changes::HealthChanges,
    check::{Answer, Check, Role},
    handle::Health,
    once::HealthReport,
    service::{Details, HealthService},
    shape::Shape,
    state::{CheckReport, Status},
};
