//! Starts the server for black-box tests: `cargo run --example conformance`. CONTRIBUTING lists its variables and paths.
//!
//! The server needs more crates than the quickstart, so it is an example of the tests' package. This one only runs Cargo on it.

mod in_tests_package;

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    in_tests_package::run("conformance-server")
}
