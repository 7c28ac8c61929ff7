//! Shows the console of a shop under a load of its own: `cargo run --example console`. `examples/console` has its code.
//!
//! The shop needs more crates than the quickstart, so it is an example of the tests' package. This one only runs Cargo on it.

mod in_tests_package;

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    in_tests_package::run("shop_console")
}
