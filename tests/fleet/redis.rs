//! Starts real servers: Redis, or Valkey where `REDIS_SERVER` names it.

use std::{
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use redis::{Client, Connection, FromRedisValue, RedisResult, cmd};

use crate::{
    processes::signal,
    programs::{eventually, free_port::free_port},
};

/// The user and the password of the tests, on a server with users.
const OWN: &str = "tests:of-the-tests";

/// Stands for a second port, in the arguments of a server.
pub(crate) const SECOND: &str = "SECOND";

/// A server on loopback that ends, with its folder, when it is dropped. It keeps nothing on the disk.
pub(crate) struct Redis {
    port: u16,
    /// What `SECOND` stands for among the arguments.
    second_port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    running: Option<Child>,
}

// === impl Redis ===

impl Redis {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// With a user for the tests, so that another one can be locked out.
    pub(crate) fn with_users() -> Self {
        let (name, password) = OWN.split_once(':').unwrap();
        let password = format!(">{password}");
        Self::with(&["--user", name, "on", &password, "~*", "&*", "+@all"])
    }

    /// With these arguments, such as `--maxmemory 1mb`.
    pub(crate) fn with(arguments: &[&str]) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Relaxed);
        let name = format!("tower-vitals-fleet-redis-{}-{number}", id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut server = Self {
            port: 0,
            second_port: 0,
            folder,
            arguments: arguments.iter().map(|&one| one.to_owned()).collect(),
            running: None,
        };
        // Somebody else can have taken a port that was free.
        eventually("its ports are free", || {
            (server.port, server.second_port) = (free_port(), free_port());
            server.starts().then_some(())
        });
        server
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn second_port(&self) -> u16 {
        self.second_port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Starts it, empty, on the ports that it had.
    pub(crate) fn start_again(&mut self) {
        eventually("its ports are free", || self.starts().then_some(()));
    }

    /// Starts it, and waits until it answers. `false` if it has ended.
    fn starts(&mut self) -> bool {
        let program = env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let log = File::create(self.folder.join("log")).unwrap();
        let second = self.second_port.to_string();
        let arguments = self.arguments.iter().map(|one| match one.as_str() {
            SECOND => &second,
            other => other,
        });
        let child = Command::new(&program)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.folder)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let child = child.unwrap_or_else(|error| panic!("{program} is not installed: {error}"));
        self.running = Some(child);
        let answers = eventually("the server answers or has ended", || {
            let child = self.running.as_mut().unwrap();
            if child.try_wait().unwrap().is_some() {
                return Some(false);
            }
            // Another one could answer at this port.
            let own = format!("process_id:{}\r", child.id());
            let server: String = self.try_ask(&["INFO", "server"]).ok()?;
            server.contains(&own).then_some(true)
        });
        if !answers {
            println!("it has ended: {}", self.log());
        }
        answers
    }

    /// Ends it as a crash does. What it had is lost.
    pub(crate) fn kill(&mut self) {
        let mut child = self.running.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Its port takes connections, and nobody answers.
    pub(crate) fn freeze(&self) {
        signal("STOP", self.running.as_ref().unwrap().id());
    }

    pub(crate) fn thaw(&self) {
        signal("CONT", self.running.as_ref().unwrap().id());
    }

    /// What it answers to one command, on a connection of its own.
    pub(crate) fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        command.query(&mut self.connection()?)
    }

    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = self.try_ask(words);
        answer.unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// The names of all keys that end so, sorted.
    pub(crate) fn keys(&self, end: &str) -> Vec<String> {
        let mut keys: Vec<String> = self.ask(&["KEYS", &format!("*{end}")]);
        keys.sort();
        keys
    }

    /// A number of what `INFO` shows.
    pub(crate) fn info(&self, name: &str) -> u64 {
        let info: String = self.ask(&["INFO", "everything"]);
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(known, _)| *known == name).unwrap();
        value.parse().unwrap()
    }

    fn connection(&self) -> RedisResult<Connection> {
        let has_users = self.arguments.iter().any(|one| one == "--user");
        let user = if has_users {
            format!("{OWN}@")
        } else {
            String::new()
        };
        let url = format!("redis://{user}127.0.0.1:{}", self.port);
        Client::open(url)?.get_connection()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}
