//! Writes to the log that Redis is gone and that it is back, on a thread of its own.

use super::link_error::LinkError;
use crate::{emit, metrics::Metrics, report::line_thread::LineThread};

/// How many lines wait for the subscriber.
const WAITING: usize = 16;

/// One line for each time that Redis goes, and one for each time that it is back.
pub(super) struct Lines {
    thread: LineThread<Line>,
    is_gone: bool,
}

enum Line {
    /// With the reason.
    Gone(String),
    Back,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let write = |line: &Line, metrics: &Metrics| {
            emit::counted(Some(metrics), || tell(line));
        };
        Self {
            thread: LineThread::new("vitals-fleet-log", WAITING, metrics, write),
            is_gone: false,
        }
    }

    /// Nothing could be written.
    pub(super) fn gone(&mut self, error: &LinkError) {
        if !std::mem::replace(&mut self.is_gone, true) {
            self.thread.push(Line::Gone(error.to_string()));
        }
    }

    /// Something was written.
    pub(super) fn back(&mut self) {
        if std::mem::replace(&mut self.is_gone, false) {
            self.thread.push(Line::Back);
        }
    }
}

fn tell(line: &Line) {
    match line {
        Line::Gone(error) => {
            tracing::warn!(target: "tower_vitals", error, "Redis is gone: this instance counts alone");
        }
        Line::Back => {
            tracing::info!(target: "tower_vitals", "Redis is back: this instance counts with the fleet");
        }
    }
}
