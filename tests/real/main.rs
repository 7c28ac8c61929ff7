//! Tests the health part with PostgreSQL and Redis that stop and freeze, and with the clients that people use.
//!
//! A test that needs more than the toolchain is ignored by default and names what it needs; `.ci/run` installs that and runs the test.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod dependencies;
mod grpc;
mod guides;
mod servers;
#[path = "../it/support/stacks.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod stacks;
