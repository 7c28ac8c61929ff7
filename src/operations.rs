//! Measures what a service does beside answering requests: functions, queries, background jobs, pools, calls of other services,
//! circuit breakers, the process.

mod asking;
pub(crate) mod finished;
mod judged;
mod monitored;
mod query;
mod running;

pub use self::{
    monitored::{Monitored, MonitoredGuard, monitored},
    query::{Query, query},
};
pub use crate::{facts::work::CallOutcome, metrics::CircuitState};
