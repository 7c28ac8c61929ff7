//! Runs the example `sentry` against a DSN.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Map, Value};

use crate::programs::{self, Running, example};

/// The running example `sentry`, with its output.
pub(crate) struct Shop {
    address: String,
    out: BufReader<ChildStdout>,
    running: Running,
}

impl Shop {
    pub(crate) fn start(dsn: &str) -> Self {
        let mut child: Child = Command::new(example("sentry"))
            .env_clear()
            // Only the lines of the example itself.
            .env("RUST_LOG", "off,sentry=info")
            .env("PORT", "0")
            .env("SENTRY_DSN", dsn)
            .env("SENTRY_ENVIRONMENT", "staging")
            .env("SENTRY_RELEASE", "shop@1.2.3")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example is not built");
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        let address = first.strip_prefix("curl http://").unwrap();
        let address = address.split('/').next().unwrap().to_owned();
        let running = Running(child);
        Self {
            address,
            out,
            running,
        }
    }

    pub(crate) fn send(&self, path: &str, id: &str) {
        let headers = format!("host: shop.test\r\nuser-agent: tests\r\nx-request-id: {id}\r\n");
        // A request that panics gets no answer.
        let _ = programs::get(&self.address, path, &headers);
    }

    /// Ends the example, and returns the last line of its output.
    pub(crate) fn end(mut self) -> String {
        drop(self.running);
        let mut last = String::new();
        self.out.read_to_string(&mut last).unwrap();
        last.lines().last().unwrap_or_default().to_owned()
    }
}

/// An event without the parts that differ between machines or runs.
pub(crate) fn lasting(event: &Value) -> Value {
    let mut event: Map<String, Value> = event.as_object().unwrap().clone();
    for name in ["event_id", "platform", "sdk", "server_name", "timestamp"] {
        assert!(event.remove(name).is_some(), "{name}");
    }
    let contexts = event["contexts"].as_object_mut().unwrap();
    for name in ["device", "os", "rust", "trace"] {
        contexts.remove(name);
    }
    if contexts.is_empty() {
        event.remove("contexts");
    }
    if let Some(extra) = event.get_mut("extra") {
        for name in ["head_ms", "total_ms"] {
            extra.as_object_mut().unwrap().remove(name);
        }
    }
    for list in ["breadcrumbs", "exception"] {
        let values = event.get_mut(list).map(|list| list["values"].take());
        if let Some(Value::Array(mut values)) = values {
            for value in &mut values {
                let value = value.as_object_mut().unwrap();
                value.remove("timestamp");
                value.remove("stacktrace");
            }
            event.insert(list.into(), values.into());
        }
    }
    event.into()
}
