//! Holds what reports to the outside share: what is reported, how often, and how it is delivered.
//!
//! [`ReportPolicy`] chooses the requests that are reported. A sink such as Sentry turns an incident of a
//! request, or a notice of the service, into its own format, and sends it from a queue of its own.

pub(crate) mod delivery_queue;
pub(crate) mod error_types;
pub(crate) mod incident;
pub(crate) mod line_thread;
pub(crate) mod notice;
pub(crate) mod rate_limit;

pub use crate::facts::report_policy::ReportPolicy;
