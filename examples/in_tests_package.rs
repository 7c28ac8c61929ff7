//! Runs an example of the tests' package, which has the crates that it needs.

use std::{
    env,
    error::Error,
    process::{Command, ExitCode},
};

pub(crate) fn run(example: &str) -> Result<ExitCode, Box<dyn Error>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["run", "--manifest-path", tests, "--example", example]);
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    become_it(&mut command)
}

/// It takes the place of this process, so that it gets the signals.
#[cfg(unix)]
fn become_it(command: &mut Command) -> Result<ExitCode, Box<dyn Error>> {
    use std::os::unix::process::CommandExt;

    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Result<ExitCode, Box<dyn Error>> {
    let ended = command.status()?;
    Ok(ExitCode::from(u8::from(!ended.success())))
}
