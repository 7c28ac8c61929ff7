//! Starts the server for black-box tests: `cargo run --example conformance`. CONTRIBUTING lists its variables and paths.
//!
//! The server needs more crates than the quickstart, so it is an example of the tests' package. This one only runs Cargo on it.

use std::{
    env,
    error::Error,
    process::{Command, ExitCode},
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/Cargo.toml");
    let mut server = Command::new(cargo);
    server.args(["run", "--manifest-path", tests]);
    server.args(["--example", "conformance-server"]);
    if !cfg!(debug_assertions) {
        server.arg("--release");
    }
    run(&mut server)
}

/// The server takes the place of this process, so that it gets the signals.
#[cfg(unix)]
fn run(server: &mut Command) -> Result<ExitCode, Box<dyn Error>> {
    use std::os::unix::process::CommandExt;

    Err(server.exec().into())
}

#[cfg(not(unix))]
fn run(server: &mut Command) -> Result<ExitCode, Box<dyn Error>> {
    let ended = server.status()?;
    Ok(ExitCode::from(u8::from(!ended.success())))
}
