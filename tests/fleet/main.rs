//! Many instances with a real Redis or Valkey between them, which fails in all the ways in which it can; processes that are killed
//! and frozen.
//!
//! A test that needs more than the toolchain is ignored by default and names what it needs; `.ci/run` installs that and runs the test.
//! `REDIS_SERVER` is the program that is started, such as `valkey-server`; by default `redis-server`.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "../notify/alertmanager.rs"]
mod alertmanager;
mod cluster;
mod faults;
mod figures;
#[path = "../notify/inbox.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod inbox;
mod leader;
mod load;
mod member;
mod personal;
mod processes;
#[path = "../programs/mod.rs"]
mod programs;
mod proxy;
mod redis;
mod shared;
mod sums;
mod tls;

use std::time::Duration;

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_secs(30);
