//! Starts, stops and freezes PostgreSQL and Redis, each on a port and in a folder of its own.

use std::{
    env,
    fs::{self, File},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use axum::Router;

use crate::programs::free_port::free_port;

/// How many connections PostgreSQL accepts.
pub(crate) const CONNECTIONS: u32 = 4;

/// Serves an application on a port of its own, until the test ends.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

/// A server on loopback that ends, with its folder, when it is dropped.
pub(crate) struct Server {
    kind: Kind,
    folder: PathBuf,
    port: u16,
    running: Option<Child>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Redis,
}

// === impl Server ===

impl Server {
    /// Starts a server.
    pub(crate) fn new(kind: Kind) -> Self {
        let port = free_port();
        let process = std::process::id();
        let name = format!("tower-vitals-{kind:?}-{process}-{port}").to_lowercase();
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut server = Self {
            kind,
            folder,
            port,
            running: None,
        };
        if kind == Kind::Postgres {
            server.make_cluster();
        }
        server.start();
        server
    }

    /// The URL of the server, with a password that must not appear anywhere.
    pub(crate) fn url(&self) -> String {
        match self.kind {
            Kind::Postgres => format!(
                "postgres://postgres:s3cret@127.0.0.1:{}/postgres",
                self.port
            ),
            Kind::Redis => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Starts the server, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let port = self.port.to_string();
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut command = postgres("postgres");
                command
                    .arg("-D")
                    .arg(self.folder.join("data"))
                    .args(["-p", &port, "-c", "listen_addresses=127.0.0.1"])
                    .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
                    .args(["-c", "superuser_reserved_connections=0"])
                    .args(["-c", &format!("max_connections={CONNECTIONS}")]);
                command
            }
            Kind::Redis => {
                let mut command = Command::new("redis-server");
                command
                    .args(["--bind", "127.0.0.1", "--port", &port])
                    .args(["--save", "", "--appendonly", "no", "--dir"])
                    .arg(&self.folder);
                command
            }
        };
        let log = File::create(self.folder.join("log")).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let child =
            child.unwrap_or_else(|error| panic!("{:?} is not installed: {error}", self.kind));
        self.running = Some(child);
        for _ in 0..1_000 {
            if self.answers() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap();
        panic!("{:?} did not come up: {log}", self.kind);
    }

    /// Ends the server as an operator does, and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        let mut child = self.running.take().expect("it runs");
        signal("INT", &[child.id()]);
        child.wait().unwrap();
    }

    /// Freezes the server and its children: the port accepts connections, but nobody answers.
    pub(crate) fn freeze(&self) {
        signal("STOP", &self.family());
    }

    pub(crate) fn thaw(&self) {
        signal("CONT", &self.family());
    }

    fn make_cluster(&self) {
        if is_root() {
            let owner = Command::new("chown")
                .arg("postgres")
                .arg(&self.folder)
                .status();
            assert!(owner.unwrap().success());
        }
        let made = postgres("initdb")
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-U", "postgres", "-A", "trust", "--no-sync", "--no-locale"])
            .output()
            .expect("PostgreSQL is not installed");
        assert!(made.status.success(), "{made:?}");
    }

    fn answers(&self) -> bool {
        match self.kind {
            Kind::Postgres => {
                let port = self.port.to_string();
                let mut ready = postgres("pg_isready");
                let ready = ready.args(["-q", "-h", "127.0.0.1", "-p", &port]).status();
                ready.unwrap().success()
            }
            Kind::Redis => ping(self.port).is_some_and(|answer| answer == *b"+PONG\r\n"),
        }
    }

    /// The process and its children. The process comes first, so that it starts no more children.
    fn family(&self) -> Vec<u32> {
        let parent = self.running.as_ref().expect("it runs").id();
        let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name in parentheses may hold any character; the state and the parent follow it.
            let of = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
            (of == parent.to_string()).then_some(pid)
        });
        [parent].into_iter().chain(children).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.running.is_some() {
            self.thaw();
            self.stop();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn ping(port: u16) -> Option<[u8; 7]> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
    socket.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 7];
    socket.read_exact(&mut answer).ok()?;
    Some(answer)
}

/// Ignores children that have already ended.
fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    let kill = Command::new("kill")
        .arg(format!("-{name}"))
        .args(processes)
        .stderr(Stdio::null())
        .status();
    kill.unwrap();
}

/// A program of PostgreSQL. It refuses to run as root, so another user runs it. On Debian it is not in the `PATH`.
fn postgres(program: &str) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .max();
    let program = newest.as_deref().unwrap_or(Path::new("")).join(program);
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(program)
        // Other users may not be able to read the folder of the tests.
        .current_dir("/");
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}
