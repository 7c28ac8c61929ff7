//! Runs real programs, sends them requests and ends them.

#[path = "../../src/fleet/free_port.rs"]
pub(crate) mod free_port;

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command},
    thread,
    time::Duration,
};

/// A process that ends when the test ends, also when the test fails.
pub(crate) struct Running(pub(crate) Child);

/// A folder that is removed when the test ends, also when the test fails.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        // SIGTERM first, so that the process can end its own children.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        for _ in 0..100 {
            if self.0.try_wait().is_ok_and(|ended| ended.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An example as `cargo test` has built it.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    tests
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples")
        .join(name)
}

/// The body of an answer; `None` if nobody answers. Each header must end with a line break.
pub(crate) fn get(address: &str, path: &str, headers: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(socket, "GET {path} HTTP/1.0\r\n{headers}\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.to_owned())
}

/// Waits up to 30 seconds until `look` finds something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..300 {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("never: {what}")
}
