//! A real Redis for tests that need one, on a port of its own and without a disk.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use redis::{Pipeline, Value};
use tokio::time::Instant;

use super::{Fleet, LinkError, free_port::free_port, link::Link};

/// A server, until dropped.
pub(crate) struct RealRedis {
    child: Child,
    port: u16,
}

// === impl RealRedis ===

impl RealRedis {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "no redis-server");
            thread::yield_now();
        }
        Self { child, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn link(&self) -> Link {
        let fleet = Fleet::at(&self.url()).unwrap();
        Link::new(&fleet.checked().unwrap())
    }

    /// The answer to one command.
    pub(crate) fn answer(&self, command: &[&str]) -> Result<Value, LinkError> {
        let mut pipeline = Pipeline::new();
        let (name, rest) = command.split_first().unwrap();
        pipeline.cmd(name).arg(rest);
        let mut all: Vec<Value> = self.link().ask(&pipeline)?;
        Ok(all.remove(0))
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
