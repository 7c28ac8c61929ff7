//! Runs real programs, sends them requests and ends them.

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{self, Child, Command},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// Where free ports begin. They are below those that the system gives to who asks for any: until a program opens one, nobody gets it.
const FIRST: u32 = 10_000;
const MANY: u32 = 20_000;

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

/// A port that nobody uses at the moment, and that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let begin = process::id() % MANY;
    loop {
        let number = (begin + GIVEN.fetch_add(1, Relaxed)) % MANY;
        let port = u16::try_from(FIRST + number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
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
