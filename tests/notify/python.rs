//! Runs Python programs, which have the packages of others.

use std::{
    env,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// A program of this folder, with the Python that the variable `PYTHON` names.
pub(crate) fn program(name: &str) -> Command {
    let python = env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("notify");
    let mut command = Command::new(python);
    command
        .arg(folder.join(name))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// What a program writes that reads this and is pleased.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}
