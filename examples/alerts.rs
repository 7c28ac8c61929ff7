//! Shows alerts and their notifications: `cargo run --example alerts`. `examples/incidents.rs` has the code.
//!
//! Notifiers need more crates than the quickstart, so it is an example of the tests' package. This one only runs Cargo on it.

mod in_tests_package;

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    in_tests_package::run("incidents")
}
