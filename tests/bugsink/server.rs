//! Starts a Bugsink with nothing in it, and reads what it took.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::Value;

use crate::programs::{self, Folder, Running, eventually, free_port::free_port};

/// `tests/bugsink/seed.py` creates these.
const KEY: &str = "11111111111111111111111111111111";

const TOKEN: &str = "2222222222222222222222222222222222222222";

/// An empty Bugsink. The process is dropped before its folder.
pub(crate) struct Bugsink {
    _server: Running,
    folder: Folder,
    address: String,
}

/// The folder that `tests/bugsink/setup.sh` fills.
fn installed() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bugsink"))
}

fn scripts() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/bugsink"))
}

impl Bugsink {
    pub(crate) fn start() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let nth = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("tower-vitals-bugsink-{}-{nth}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        for database in ["bugsink.sqlite3", "snappea.sqlite3"] {
            let empty = installed().join("empty").join(database);
            fs::copy(empty, folder.join(database)).expect("run tests/bugsink/setup.sh first");
        }
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        let output = fs::File::create(folder.join("output")).unwrap();
        let child = Command::new(installed().join("venv/bin/gunicorn"))
            .args(["--bind", &address, "--threads", "2", "bugsink.wsgi"])
            .current_dir(&folder)
            .env("BUGSINK_HOME", &folder)
            .env("BUGSINK_PORT", port.to_string())
            .env("DJANGO_SETTINGS_MODULE", "bugsink_conf")
            .env("HOME", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONPATH", scripts())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let bugsink = Self {
            _server: Running(child),
            folder: Folder(folder),
            address,
        };
        eventually("Bugsink is ready", || {
            programs::get(&bugsink.address, "/health/ready", "host: 127.0.0.1\r\n")
                .filter(|answer| !answer.contains("Bad Request"))
        });
        bugsink
    }

    pub(crate) fn dsn(&self) -> String {
        format!("http://{KEY}@{}/1", self.address)
    }

    pub(crate) fn api(&self, path: &str) -> Value {
        let headers = format!("host: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n");
        let answer = programs::get(&self.address, &format!("/api/canonical/0/{path}"), &headers);
        let answer = answer.expect("Bugsink answers");
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{path}: {answer}"))
    }

    pub(crate) fn all(&self, path: &str) -> Vec<Value> {
        let page = self.api(path);
        assert_eq!(page["next"], Value::Null, "one page is enough");
        page["results"].as_array().unwrap().clone()
    }

    pub(crate) fn issues(&self) -> Vec<Value> {
        self.all("issues/?project=1")
    }

    /// Every stored event, by its transaction. Bugsink does not store events that break Sentry's schema.
    pub(crate) fn events(&self) -> BTreeMap<String, Vec<Value>> {
        let mut events = BTreeMap::<String, Vec<Value>>::new();
        for issue in self.issues() {
            let id = issue["id"].as_str().unwrap();
            for listed in self.all(&format!("events/?issue={id}")) {
                let id = listed["id"].as_str().unwrap();
                let event = self.api(&format!("events/{id}/"))["data"].take();
                let transaction = event["transaction"].as_str().unwrap_or_default();
                events
                    .entry(transaction.to_owned())
                    .or_default()
                    .push(event);
            }
        }
        events
    }

    /// The reasons why Bugsink refused events.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let output = fs::read_to_string(self.folder.0.join("output")).unwrap();
        let lines = output
            .lines()
            .filter(|line| line.contains("ValidationError: "));
        lines.map(str::to_owned).collect()
    }

    /// The result of Relay for everything that was sent.
    pub(crate) fn relay(&self) -> String {
        let relay = Command::new(installed().join("venv/bin/python"))
            .arg(scripts().join("relay.py"))
            .arg(self.folder.0.join("bugsink.sqlite3"))
            .output()
            .unwrap();
        assert!(relay.status.success(), "{relay:?}");
        String::from_utf8(relay.stdout).unwrap()
    }
}
