//! Writes to the log that a notifier fails and that it works again, on a thread of its own: a subscriber that hangs holds up no
//! notification.

use std::sync::Arc;

use super::notifier::NotifyError;
use crate::{emit, metrics::Metrics, report::line_thread::LineThread, text::printable};

/// How many lines wait for the subscriber.
const WAITING: usize = 16;

/// The most bytes of an error, without the ellipsis.
const LONGEST: usize = 253;

/// Writes the lines of one notifier: one for each series of failures, and one for its end.
#[derive(Debug)]
pub(super) struct Lines {
    thread: LineThread<Line>,
    /// The last attempt failed.
    failing: bool,
}

enum Line {
    /// With the text of the error.
    Fails(String),
    Works,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(notifier: &Arc<str>, metrics: &Metrics) -> Self {
        let notifier = Arc::clone(notifier);
        let write = move |line: &Line, metrics: &Metrics| {
            emit::counted(Some(metrics), || tell(&notifier, line));
        };
        Self {
            thread: LineThread::new("vitals-note-log", WAITING, metrics, write),
            failing: false,
        }
    }

    /// An attempt failed.
    pub(super) fn fails(&mut self, error: &NotifyError) {
        if !std::mem::replace(&mut self.failing, true) {
            self.thread
                .push(Line::Fails(printable(&error.to_string(), LONGEST)));
        }
    }

    /// An attempt succeeded.
    pub(super) fn works(&mut self) {
        if std::mem::replace(&mut self.failing, false) {
            self.thread.push(Line::Works);
        }
    }
}

fn tell(notifier: &str, line: &Line) {
    match line {
        Line::Fails(error) => {
            tracing::warn!(target: "tower_vitals", notifier, error, "a notifier fails");
        }
        Line::Works => tracing::info!(target: "tower_vitals", notifier, "a notifier works again"),
    }
}
