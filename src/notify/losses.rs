//! Says how many notifications were dropped, on a thread of its own: a subscriber that hangs holds up nobody.

use std::sync::Arc;

use super::notifiers::LONGEST_NAME;
use crate::{
    emit,
    metrics::{Metrics, notifications::NotificationOutcome as Outcome},
    report::line_thread::LineThread,
    text::printable,
};

/// How many lines wait for the subscriber.
const WAITING: usize = 16;

/// What is for notifiers that this instance does not have is counted under this name. Else whatever name another instance wrote would be
/// a series for good.
const OTHERS: &str = "_OTHER";

/// Counts what no queue has had, and writes a line for what is dropped.
#[derive(Debug)]
pub(super) struct Losses {
    metrics: Metrics,
    lines: LineThread<Loss>,
}

/// How many notifications a notifier is not told.
#[derive(Debug)]
struct Loss {
    notifier: Arc<str>,
    many: u64,
}

// === impl Losses ===

impl Losses {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let write = |loss: &Loss, metrics: &Metrics| {
            emit::counted(Some(metrics), || tell(loss));
        };
        Self {
            metrics: metrics.clone(),
            lines: LineThread::new("vitals-note-log", WAITING, metrics, write),
        }
    }

    /// Counts notifications for a notifier that this instance does not have: all of these under one name.
    pub(super) fn count(&self, notifier: &str, many: u64) {
        self.metrics
            .count_notifications(&OTHERS.into(), Outcome::Dropped, many);
        self.say(printable(notifier, LONGEST_NAME).into(), many);
    }

    /// Says that so many were dropped, which are counted.
    pub(super) fn say(&self, notifier: Arc<str>, many: u64) {
        if many > 0 {
            self.lines.push(Loss { notifier, many });
        }
    }
}

fn tell(Loss { notifier, many }: &Loss) {
    tracing::warn!(
        target: "tower_vitals",
        notifier = &**notifier,
        dropped = many,
        "notifications are dropped"
    );
}
