//! Shows three instances of a service that count as one: `REDIS_URL=redis://127.0.0.1 cargo run --example fleet`.
//! `examples/instances.rs` has the code.
//!
//! The way to Redis needs more crates than the quickstart, so it is an example of the tests' package. This one only runs Cargo on it.

mod in_tests_package;

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    in_tests_package::run("instances")
}
