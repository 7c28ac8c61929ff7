//! A real mail server, and the mails that it took.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
    sync::mpsc::{self, Receiver},
    thread,
};

use serde_json::Value;
use tower_vitals::notify::Email;

use crate::{LONG, programs::Running, python};

/// A mail server that ends with the test.
pub(super) struct Server {
    port: u16,
    /// What it took, or refused.
    pub(super) took: Receiver<Value>,
    _process: Running,
}

/// A mail as Python reads it.
pub(super) struct Mail {
    pub(super) all: Value,
    pub(super) headers: BTreeMap<String, String>,
}

// === impl Server ===

impl Server {
    pub(super) fn start<const N: usize>(arguments: [&str; N]) -> Self {
        let mut program = python::program("mail_server.py");
        program.args(arguments).stdin(Stdio::null());
        let started = program.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = started.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let process = Running(process);
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let (takes, took) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                // The test can have ended.
                let _ = takes.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            port: first["port"].as_u64().unwrap().try_into().unwrap(),
            took,
            _process: process,
        }
    }

    /// For the user who is known.
    pub(super) fn notifier(&self) -> Email {
        self.reached("smtp", "vitals:p%40ss%20word", "")
    }

    /// With another scheme or user, and with settings.
    pub(super) fn reached(&self, scheme: &str, user: &str, settings: &str) -> Email {
        let url = format!("{scheme}://{user}@127.0.0.1:{}{settings}", self.port);
        Email::new(&url, "Shop <shop@example.com>", ["ada@example.com"]).unwrap()
    }

    pub(super) fn next(&self) -> Mail {
        Mail::read(self.took.recv_timeout(LONG).unwrap())
    }

    pub(super) fn rest(&self) -> Vec<Value> {
        self.took.try_iter().collect()
    }
}

// === impl Mail ===

impl Mail {
    pub(super) fn read(all: Value) -> Self {
        let headers = all["headers"].as_array().unwrap().iter().map(|header| {
            let [name, value] = [&header[0], &header[1]].map(|part| part.as_str().unwrap());
            (name.to_ascii_lowercase(), value.to_owned())
        });
        let headers = headers.collect();
        Self { all, headers }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }

    pub(super) fn part(&self, index: usize, kind: &str) -> &str {
        let part = &self.all["parts"][index];
        assert_eq!(part[0], kind);
        part[1].as_str().unwrap()
    }

    /// It is as the standards have it, whatever it is about.
    pub(super) fn check(&self) {
        assert_eq!(self.all["defects"], Value::Array(vec![]));
        assert_eq!(self.all["sender"], "shop@example.com");
        assert_eq!(
            self.all["recipients"],
            serde_json::json!(["ada@example.com"])
        );
        assert_eq!(self.all["user"], "vitals");
        assert!(self.all["longest"].as_u64().unwrap() <= 998);
        assert_eq!(self.all["type"], "multipart/alternative");
        assert_eq!(self.all["parts"].as_array().unwrap().len(), 2);
        let known = [
            "auto-submitted",
            "content-transfer-encoding",
            "content-type",
            "date",
            "from",
            "in-reply-to",
            "message-id",
            "mime-version",
            "references",
            "subject",
            "to",
        ];
        let headers = self.all["headers"].as_array().unwrap();
        assert_eq!(
            headers.len(),
            self.headers.len(),
            "each is there once: {headers:?}"
        );
        for name in self.headers.keys() {
            assert!(known.contains(&name.as_str()), "{name}");
        }
        assert_eq!(self.header("from"), "Shop <shop@example.com>");
        assert_eq!(self.header("to"), "ada@example.com");
    }
}
