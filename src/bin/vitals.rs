//! The command `vitals`: asks a service how it is, and records deployments.

use std::process::ExitCode;

use tower_vitals::cli;

fn main() -> ExitCode {
    cli::main()
}
