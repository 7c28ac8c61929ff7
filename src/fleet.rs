//! Several instances of a service, behind a load balancer, count as one.
//!
//! Each instance writes what it counted to Redis or Valkey, and reads what the others wrote. Nothing of that is on the path of a
//! request: a thread of its own writes, once in ten seconds. Where Redis is gone, each instance goes on with what it counted
//! itself.

mod address;
mod keys;
mod lease;
mod link;
mod link_error;
mod look_up;
#[cfg(test)]
mod resp_server;
mod settings;
mod socket;

pub use self::settings::Fleet;
pub(crate) use self::{
    keys::{Keys, StartId},
    lease::{Found, Holding, Lease},
    link::Link,
    link_error::{LinkError, LinkErrorKind},
    settings::Checked,
};
