//! Finds a port for a program that a test starts. The tests of this crate and those in `tests` share it.

use std::{
    net::TcpListener,
    process,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

/// The first port that is given, and how many there are. Systems give higher ones to who asks for any port.
const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A port that nobody uses at the moment. No other test of this process gets it, and the system gives it to nobody: the program has time
/// to open it.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let begin = process::id() % COUNT;
    loop {
        let number = (begin + GIVEN.fetch_add(1, Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + number).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
