//! Starts instances of a fleet, each a process of its own, and asks them.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use serde_json::Value;

use crate::{
    processes::signal,
    programs::{Folder, eventually, example, get},
};

/// An instance, which ends with the test.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) address: String,
    child: Child,
    folder: Folder,
}

/// How an instance is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(BTreeMap<&'static str, String>);

/// How many requests there were, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

// === impl Settings ===

impl Settings {
    /// In the fleet of this Redis, with a tick of 100 ms.
    pub(crate) fn at(redis: &str) -> Self {
        Self::default()
            .with("REDIS_URL", redis)
            .with("SLOT_MS", "100")
    }

    pub(crate) fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.0.insert(variable, value.to_owned());
        self
    }

    /// Its clock is off by this, such as `+1h`. `None` where there is no libfaketime.
    pub(crate) fn clock(self, off: &str) -> Option<Self> {
        let named = env::var("FAKETIME_LIBRARY").ok();
        let usual = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
        let library = named.unwrap_or_else(|| usual.to_owned());
        Path::new(&library).is_file().then(|| {
            self.with("LD_PRELOAD", &library)
                .with("FAKETIME", off)
                // A monotonic clock is not set when the time of day is.
                .with("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        })
    }

    pub(crate) fn start(&self, name: &str) -> Member {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Relaxed);
        let folder = format!("tower-vitals-fleet-{name}-{}-{number}", id());
        let folder = env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let mut child = Command::new(example("fleet_member"))
            .env("INSTANCE", name)
            .env_remove("RUST_LOG")
            .envs(&self.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let member = Member {
            name: name.to_owned(),
            address: address.trim().to_owned(),
            child,
            folder: Folder(folder),
        };
        assert!(!member.address.is_empty(), "{}", member.log());
        member
    }
}

// === impl Member ===

impl Member {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in good order, as a deployment does, and waits for it.
    pub(crate) fn end(&mut self) {
        signal("TERM", self.id());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    pub(crate) fn freeze(&self) {
        signal("STOP", self.id());
    }

    pub(crate) fn thaw(&self) {
        signal("CONT", self.id());
    }

    /// What one of its own pages says.
    pub(crate) fn ask(&self, path: &str) -> Value {
        let answer = get(&self.address, path, "").unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{path}: {answer}"))
    }

    /// What it answered itself, by its own numbers.
    pub(crate) fn own(&self) -> Sums {
        Sums::of(&self.ask("/own"))
    }

    /// What all instances answered. `None` if it cannot be read.
    pub(crate) fn fleet(&self) -> Option<Sums> {
        let fleet = self.ask("/fleet");
        fleet.get("statistics").map(Sums::of)
    }

    /// What each instance answered, by its name.
    pub(crate) fn instances(&self) -> Vec<(String, Sums, bool)> {
        let fleet = self.ask("/fleet");
        let all = fleet["instances"].as_array().cloned().unwrap_or_default();
        let mut all: Vec<_> = all
            .iter()
            .map(|one| {
                let sums = Sums {
                    requests: one["requests"].as_u64().unwrap(),
                    errors: one["errors"].as_u64().unwrap(),
                };
                let name = one["id"].as_str().unwrap().to_owned();
                (name, sums, one["is_lost"].as_bool().unwrap())
            })
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    /// Waits until it shows these sums of all.
    pub(crate) fn shows(&self, sums: Sums) {
        let mut last = None;
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually("the fleet's sums", || {
                last = self.fleet();
                (last == Some(sums)).then_some(())
            });
        }));
        assert!(
            shown.is_ok(),
            "{last:?} instead of {sums:?}; {:?}\n{}",
            self.instances(),
            self.log()
        );
    }

    /// A number of its metrics, of all series with this beginning. 0 without one.
    pub(crate) fn metric(&self, begin: &str) -> f64 {
        let metrics = get(&self.address, "/metrics", "").unwrap();
        let found = metrics.lines().filter(|line| line.starts_with(begin));
        found
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.0.join("log")).unwrap()
    }

    /// The lines of its log with this.
    pub(crate) fn lines(&self, with: &str) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| line.contains(with));
        lines.map(str::to_owned).collect()
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.folder.0
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Sums ===

impl Sums {
    fn of(statistics: &Value) -> Self {
        let total = &statistics["total"];
        let count = |name: &str| total[name].as_u64().unwrap();
        Self {
            requests: count("requests"),
            errors: count("errors"),
        }
    }
}

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
        }
    }
}
