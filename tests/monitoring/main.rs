//! Tests of the monitoring API from outside, over sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod access;
mod answers;
mod changes;
mod console;
mod console_data;
mod firing;
mod fleet;
mod guide;
#[path = "../it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;
mod load;
mod many;
#[path = "../it/support/nobody.rs"]
mod nobody;
#[path = "../it/support/panics.rs"]
mod panics;
mod parameters;
mod paths;
#[path = "../programs/mod.rs"]
#[expect(dead_code, reason = "shared with other tests, which run programs")]
mod programs;
mod schemathesis;
mod secrets;
mod served;
mod servers;
