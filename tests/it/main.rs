//! Tests the promises of the README with the servers and clients that users have.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "../../examples/conformance/faults.rs"]
mod faults;
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

mod admin;
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
mod outbound;
mod panics;
mod scrubbing;
mod sentry;
mod start;
mod statistics;
mod support;
mod tls;
mod traces;
mod transparency;
mod uploads;
mod websockets;
