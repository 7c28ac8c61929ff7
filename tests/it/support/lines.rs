//! Keeps the log lines that a thread or a task writes.

use std::{
    io, mem,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;
use tower_vitals::logging::{self, Format};
use tracing::{Dispatch, dispatcher::DefaultGuard};
use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt, registry};

/// The bytes that a writer was given.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

/// Writes the lines of this thread in `format`, until the guard is dropped.
pub(crate) fn written(format: Format) -> (Written, DefaultGuard) {
    let (written, subscriber) = subscriber(format);
    (written, tracing::dispatcher::set_default(&subscriber))
}

/// A subscriber that writes lines in `format`, for tasks that may run on any thread.
pub(crate) fn subscriber(format: Format) -> (Written, Dispatch) {
    from_level(LevelFilter::TRACE, format)
}

/// The same, for many requests: what is below `INFO` is not written, since servers and clients trace much.
pub(crate) fn informed(format: Format) -> (Written, Dispatch) {
    from_level(LevelFilter::INFO, format)
}

fn from_level(level: LevelFilter, format: Format) -> (Written, Dispatch) {
    let written = Written::default();
    let writer = written.clone();
    let layer = logging::layer(format, move || writer.clone(), false);
    (written, Dispatch::new(registry().with(layer).with(level)))
}

/// The JSON lines since the last call.
pub(crate) fn lines(written: &Written) -> Vec<Value> {
    let text = written.take();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The JSON lines since the last call, once one of them has this message, within ten seconds of the machine's own clock.
pub(crate) fn lines_with(written: &Written, message: &str) -> Vec<Value> {
    let mut all = lines(written);
    for _ in 0..5_000 {
        if all.iter().any(|line| line["message"] == message) {
            return all;
        }
        thread::sleep(Duration::from_millis(2));
        all.extend(lines(written));
    }
    panic!("no line {message}: {all:?}")
}

// === impl Written ===

impl Written {
    /// The text since the last call.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(mem::take(&mut self.0.lock().unwrap())).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
