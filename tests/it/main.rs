//! Tries the promises on real sockets, with servers and clients as users have them.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

#[expect(
    clippy::allow_attributes,
    clippy::clone_on_ref_ptr,
    unreachable_pub,
    unused_qualifications,
    reason = "made from probe.proto by tonic-prost-build, and left as it is"
)]
#[path = "../../examples/conformance/generated.rs"]
mod generated;
#[expect(
    clippy::module_inception,
    unnameable_types,
    unreachable_pub,
    unused_qualifications,
    reason = "made from health.proto by tonic-prost-build, and left as it is"
)]
mod health_client;
#[path = "../../examples/conformance/probe.rs"]
mod probe;

mod categories;
mod checks;
mod command;
mod composition;
mod conservation;
mod context;
mod exclusion;
mod grpc;
mod health;
mod ids;
mod logging;
mod metrics;
mod scrubbing;
mod sentry;
mod support;
mod transparency;
