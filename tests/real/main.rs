//! Tests the health part with PostgreSQL and Redis that stop and freeze, and with the clients that people use; what is measured of
//! both; traces with a collector of OpenTelemetry; the dashboards with Prometheus.
//!
//! A test that needs more than the toolchain is ignored by default and names what it needs; `.ci/run` installs that and runs the test.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod collector;
mod dashboards;
mod dependencies;
#[path = "../it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;
#[path = "../it/support/exposition.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod exposition;
#[expect(
    clippy::allow_attributes,
    clippy::clone_on_ref_ptr,
    unreachable_pub,
    unused_qualifications,
    reason = "made from probe.proto by tonic-prost-build, and left as it is"
)]
#[path = "../../examples/conformance/generated.rs"]
mod generated;
mod grpc;
mod guides;
#[path = "../it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;
#[path = "../../examples/conformance/probe.rs"]
mod probe;
#[path = "../programs/mod.rs"]
mod programs;
mod samplers;
mod servers;
#[path = "../it/support/stacks.rs"]
mod stacks;
mod traces;
