//! Tests of the commands that ask a running service how it does, over sockets and with the real program.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod direct;
#[path = "../it/support/directory.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod directory;
mod faults;
#[path = "../it/support/nobody.rs"]
mod nobody;
mod once;
mod outside;
mod screens;
mod secrets;
mod served;
