//! Several instances of a service, behind a load balancer, count as one.
//!
//! Each instance writes what it counted to Redis or Valkey, and reads what the others wrote. Nothing of that is on the path of a
//! request: a thread of its own writes, once in ten seconds. Where Redis is gone, each instance goes on with what it counted
//! itself.
//!
//! ```no_run
//! use tower_vitals::{Vitals, fleet::Fleet};
//!
//! let vitals = Vitals::builder().fleet(Fleet::from_env()?).build()?;
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! # What is written
//!
//! Each start of a process has a hash of cumulative counts, which it writes absolutely: a write that is repeated counts nothing
//! twice, and the next write mends one that was lost. The server copies the hash each minute, each ten minutes and each hour. What
//! was counted in a window is the difference of two of these. Everything has a time to live of at most 26 hours.
//!
//! Nothing personal is written: names of endpoints, methods, statuses, categories and types of errors, names of operations, and
//! numbers. No path, id, user, tenant or text of an error is.

mod added;
mod address;
mod ask;
mod chores;
mod clock;
mod commands;
mod edges;
mod entry;
mod error;
mod exchange;
#[cfg(test)]
mod fake;
#[cfg(test)]
pub(crate) mod fake_server;
mod forget;
mod form;
#[cfg(test)]
mod free_port;
mod gathered;
mod gatherer;
mod guide;
mod guide_writer;
#[cfg(test)]
mod heard;
mod keeper;
mod keys;
mod known_start;
mod lease;
mod lines;
mod link;
mod link_error;
mod listed;
mod look_up;
mod marks;
mod parts;
mod reader;
#[cfg(test)]
pub(crate) mod real_redis;
#[cfg(test)]
mod resp_server;
mod running;
mod schedule;
mod settings;
mod side;
mod socket;
mod start_names;
mod statistics;
mod view;
mod writer;
#[cfg(test)]
mod written;

#[cfg(feature = "health")]
pub(crate) use self::guide::is_word_of_health;
pub(crate) use self::{
    chores::{Chores, SharedMarks},
    gatherer::Gatherer,
    guide_writer::GuideWriter,
    lease::{Found, Holding, Lease},
    link_error::LinkError,
    marks::{Mark, NewMark, Noted, Noting, Told},
    running::Running,
    settings::Checked,
    view::View,
};
pub use self::{
    error::FleetError,
    settings::Fleet,
    statistics::{FleetHandle, FleetStatistics, InstanceStatistics},
};
