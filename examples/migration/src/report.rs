//! Reads what a stack reports of one request: its metrics, its log lines, its Sentry events.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sentry::{Envelope, Transport, protocol::Event};
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// What a stack reports of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The status that the client saw, and whether the response had an id. `None` if the client had left.
    pub answer: Option<(u16, bool)>,
    /// The requests that were counted: `method endpoint status`.
    pub counted: Vec<String>,
    /// How many durations of requests were recorded.
    pub durations: u64,
    /// What else was counted.
    pub also: Vec<String>,
    /// The log lines: level, message, and which of status, duration, id and error they have.
    pub lines: Vec<String>,
    /// The Sentry events: level, what went wrong, and the request they name.
    pub events: Vec<String>,
}

/// The samples of `/metrics`.
pub(crate) type Samples = BTreeMap<String, f64>;

/// Keeps the lines of a log.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

/// Keeps what would be sent to Sentry.
#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<Event<'static>>>);

/// The samples of a text in the format of Prometheus.
pub(crate) fn samples(text: &str) -> Samples {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| line.rsplit_once(' '));
    let samples = samples.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    samples.collect()
}

impl Report {
    /// Adds the samples that have grown.
    pub(crate) fn grown(&mut self, before: &Samples, after: &Samples) {
        for (sample, value) in after {
            if *value <= before.get(sample).copied().unwrap_or_default() {
                continue;
            }
            let label = |name: &str| label(sample, name);
            let name = sample.split('{').next().unwrap_or_default();
            match name {
                "axum_http_requests_total" | "http_requests_total" => self.counted.push(format!(
                    "{} {} {}",
                    label("method"),
                    label("endpoint"),
                    label("status")
                )),
                "axum_http_requests_duration_seconds_count"
                | "http_request_duration_seconds_count" => self.durations += 1,
                "http_response_body_duration_seconds_count" => {
                    self.also.push("duration of the stream".into());
                }
                "http_request_outcomes_total" => self.also.push(label("outcome").into()),
                "http_request_severities_total" => self.also.push(label("severity").into()),
                "errors_total" => self.also.push(label("category").into()),
                _ => {}
            }
        }
    }
}

/// The value of a label of a sample.
fn label<'t>(sample: &'t str, name: &str) -> &'t str {
    let start = format!("{name}=\"");
    let Some(at) = sample.find(&start) else {
        return "";
    };
    sample[at + start.len()..]
        .split('"')
        .next()
        .unwrap_or_default()
}

/// What a line of JSON says, in one phrase.
fn phrase(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    // `tracing_subscriber` puts the fields of the event and of the span into objects of their own.
    let field = |name: &str| {
        let places = [&line, &line["fields"], &line["span"]];
        places.into_iter().find_map(|place| place.get(name))
    };
    let mut phrase = format!(
        "{} {}",
        line["level"].as_str()?,
        field("message")?.as_str()?
    );
    let facts: [(&str, &[&str]); 4] = [
        ("status", &["status"]),
        ("duration", &["latency", "total_ms"]),
        ("id", &["request_id"]),
        ("error", &["error", "cause"]),
    ];
    for (fact, names) in facts {
        if names.iter().any(|name| field(name).is_some()) {
            phrase.push_str(", ");
            phrase.push_str(fact);
        }
    }
    Some(phrase)
}

/// What an event says, in one phrase.
fn told(event: &Event<'_>) -> String {
    let mut types: Vec<_> = event.exception.iter().map(|one| one.ty.as_str()).collect();
    types.reverse();
    let what = match (&event.message, types.is_empty()) {
        (Some(message), true) => message.clone(),
        _ => types.join(" <- "),
    };
    let of = event.transaction.as_deref().unwrap_or("no route");
    let id = match event.tags.contains_key("request_id") {
        true => "id",
        false => "no id",
    };
    format!("{}: {what}; {of}, {id}", event.level)
}

// === impl Lines ===

impl Lines {
    /// The lines since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *lock(&self.0));
        let text = String::from_utf8_lossy(&bytes);
        text.lines().filter_map(phrase).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// === impl Events ===

impl Events {
    /// The events since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
            .iter()
            .map(told)
            .collect()
    }
}

impl Transport for Events {
    fn send_envelope(&self, envelope: Envelope) {
        if let Some(event) = envelope.event() {
            lock(&self.0).push(event.clone());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
