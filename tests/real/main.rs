//! Tries the health part with what is not ours: PostgreSQL and Redis that stop and freeze, and the clients that people have.
//!
//! A test that needs more than the toolchain is ignored by default and says what; `.ci/run` installs that and runs it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
)]

mod dependencies;
mod grpc;
mod guides;
mod servers;
#[path = "../it/support/stacks.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod stacks;
