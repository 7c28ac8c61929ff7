//! Writes one event per request.
//!
//! # When it speaks
//!
//! Once, when the request has ended, through `tracing` with target `tower_vitals`: at `INFO` for the severities `normal` and
//! `slow` and for a request that was cancelled, at `WARN` for `warning`, at `ERROR` for `critical`. An excluded request that
//! panicked or failed has an `ERROR` event too; otherwise none.
//!
//! | field | |
//! | --- | --- |
//! | `request_id` | where a [`RequestIdLayer`](crate::RequestIdLayer) stands further out |
//! | `method`, `endpoint`, `status`, `outcome`, `severity` | as in the metrics; no `severity` where the request was cancelled |
//! | `path` | as received without its query; anything but printable ASCII is escaped, and what is beyond 256 characters cut |
//! | `head_ms` | milliseconds to the head of the response; for a request without one, to its end |
//! | `total_ms` | milliseconds to the end of the response |
//! | `bytes` | of the response's body, without framing |
//! | `length_mismatch` | `true` where the body had not the length that its head declared |
//!
//! Text that a client wrote is always a string value, never formatted: no subscriber can be made to write a second line.
//! A subscriber that panics, or logs from within itself, costs the event and counts in `vitals_dropped_total{sink="log"}`.

use std::{
    borrow::Cow,
    cell::Cell,
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use tower_layer::Layer;

use crate::{
    exchange::{self, Exchange, Kinds, Outcome},
    exclude::Patterns,
    metrics::{Metrics, StatusLabel},
    observe::{Engine, Facts, Observed, Observer},
    timing::{self, Severity},
};

/// Longer paths are cut in the log.
const LONGEST_PATH: usize = 256;

/// Writes one event per request.
///
/// See the [module docs](self) for its fields.
#[derive(Clone, Debug)]
pub struct LogLayer {
    engine: Arc<Engine<Log>>,
}

/// The observer behind [`LogLayer`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Where lost events are counted; the process's counters if none are named.
    pub(crate) metrics: Option<Metrics>,
}

// === impl LogLayer ===

impl LogLayer {
    /// A layer that writes to whatever `tracing` subscriber the application has.
    #[must_use]
    pub fn new() -> Self {
        Self {
            engine: Arc::default(),
        }
    }

    /// Where events that could not be written are counted. Defaults to [`Metrics::global`].
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        Arc::make_mut(&mut self.engine).observer.metrics = Some(metrics);
        self
    }

    /// The paths that this layer, and those of ours further in, leave alone. Defaults to none.
    #[must_use]
    pub fn exclude(mut self, patterns: Patterns) -> Self {
        Arc::make_mut(&mut self.engine).exclude = patterns;
        self
    }
}

impl Default for LogLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for LogLayer {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed::new(inner, Arc::clone(&self.engine) as _)
    }
}

// === impl Log ===

impl Observer for Log {
    fn kinds(&self) -> Kinds {
        Kinds::LOG
    }

    fn end(&self, _: Kinds, exchange: &Exchange, facts: &Facts) {
        self.guarded(|| write(exchange, facts));
    }

    fn passed_by(&self, _: Kinds, exchange: &Exchange, facts: &Facts) {
        if matches!(
            facts.outcome,
            Outcome::Panicked | Outcome::Error | Outcome::BodyError
        ) {
            self.guarded(|| write(exchange, facts));
        }
    }
}

impl Log {
    fn guarded(&self, write: impl FnOnce()) {
        if !guarded(write) {
            Metrics::or_global(self.metrics.as_ref()).log_dropped();
        }
    }
}

/// Says once that the labels have run out.
pub(crate) fn warn_of_overflow(metrics: &Metrics) {
    let written = guarded(|| {
        tracing::warn!(
            target: "tower_vitals",
            "more distinct endpoints than the cap: the rest is counted under \"overflow\""
        );
    });
    if !written {
        metrics.log_dropped();
    }
}

/// Runs code that calls the subscriber; `false` where it could not run or panicked.
///
/// May run in `Drop`, while unwinding, within a subscriber's own callback, and on a thread that is ending.
fn guarded(write: impl FnOnce()) -> bool {
    thread_local! {
        static WRITING: Cell<bool> = const { Cell::new(false) };
    }
    if !exchange::thread_is_alive() || WRITING.replace(true) {
        return false;
    }
    let written = catch_unwind(AssertUnwindSafe(write)).is_ok();
    WRITING.set(false);
    written
}

fn write(exchange: &Exchange, facts: &Facts) {
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "tower_vitals",
                tracing::Level::$level,
                request_id = exchange.id(),
                method = exchange.method(),
                path = &*printable(exchange.path()),
                endpoint = facts.endpoint.as_ref().map_or("unmatched", |endpoint| endpoint.as_str()),
                status = StatusLabel::of(facts).code(),
                outcome = facts.outcome.as_str(),
                severity = timing::severity(facts).map(Severity::as_str),
                head_ms = millis(facts.head),
                total_ms = millis(facts.total),
                bytes = facts.bytes,
                length_mismatch = facts.length_mismatch.then_some(true),
                "request"
            )
        };
    }
    match timing::severity(facts) {
        None | Some(Severity::Normal | Severity::Slow) => event!(INFO),
        Some(Severity::Warning) => event!(WARN),
        Some(Severity::Critical) => event!(ERROR),
    }
}

/// To the microsecond, which is as far as anyone reads.
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

/// The path in printable ASCII; every other byte as `\xNN`, a backslash as two, and the end of a long one cut off.
fn printable(path: &str) -> Cow<'_, str> {
    let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'\\';
    if path.len() <= LONGEST_PATH && path.bytes().all(plain) {
        return Cow::Borrowed(path);
    }
    let mut text = String::with_capacity(LONGEST_PATH + 3);
    for byte in path.bytes() {
        if text.len() >= LONGEST_PATH {
            text.push('…');
            break;
        }
        match byte {
            b'\\' => text.push_str(r"\\"),
            _ if plain(byte) => text.push(char::from(byte)),
            // Writing to a `String` cannot fail.
            _ => _ = write!(text, r"\x{byte:02x}"),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_path_is_cut() {
        let path = format!("/{}", "a".repeat(60_000));
        let text = printable(&path);
        assert_eq!(text.chars().count(), LONGEST_PATH + 1);
        assert!(text.ends_with('…'));
    }

    proptest! {
        #[test]
        fn a_logged_path_holds_nothing_that_a_terminal_obeys(path: String) {
            let text = printable(&path);
            let text = text.strip_suffix('…').unwrap_or(&text);
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(text.len() < LONGEST_PATH + 4);
        }
    }
}
