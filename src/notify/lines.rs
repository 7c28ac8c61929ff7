//! Writes to the log that a notifier fails and that it works again, on a thread of its own: a subscriber that hangs holds up no
//! notification.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tracing::{Dispatch, dispatcher, subscriber::NoSubscriber};

use super::notifier::NotifyError;
use crate::{
    emit,
    metrics::{Metrics, Sink},
    report::delivery_queue::{DeliveryQueue, Rank},
    text::printable,
};

/// How many lines wait for the subscriber.
const WAITING: usize = 16;

/// The most bytes of an error, without the ellipsis.
const LONGEST: usize = 253;

/// Writes the lines of one notifier: one for each series of failures, and one for its end.
pub(super) struct Lines {
    notifier: Arc<str>,
    metrics: Metrics,
    /// That of the thread on which the notifier was started, if there was one.
    subscriber: Option<Dispatch>,
    /// The last attempt failed.
    failing: bool,
    /// `None` if no thread can start.
    queue: OnceLock<Option<Arc<DeliveryQueue<Line>>>>,
}

enum Line {
    /// With the text of the error.
    Fails(String),
    Works,
}

// === impl Lines ===

impl Lines {
    pub(super) fn new(notifier: &Arc<str>, metrics: &Metrics) -> Self {
        Self {
            notifier: Arc::clone(notifier),
            metrics: metrics.clone(),
            subscriber: dispatcher::get_default(|subscriber| {
                // It can be set later.
                let is_set = !subscriber.is::<NoSubscriber>();
                is_set.then(|| subscriber.clone())
            }),
            failing: false,
            queue: OnceLock::new(),
        }
    }

    /// An attempt failed.
    pub(super) fn fails(&mut self, error: &NotifyError) {
        if !std::mem::replace(&mut self.failing, true) {
            self.write(Line::Fails(printable(&error.to_string(), LONGEST)));
        }
    }

    /// An attempt succeeded.
    pub(super) fn works(&mut self) {
        if std::mem::replace(&mut self.failing, false) {
            self.write(Line::Works);
        }
    }

    fn write(&self, line: Line) {
        let queue = self.queue.get_or_init(|| self.started());
        let lost = match queue {
            Some(queue) => queue.push(Rank::Later, line),
            None => Some(line),
        };
        if lost.is_some() {
            self.metrics.dropped(Sink::Log);
        }
    }

    fn started(&self) -> Option<Arc<DeliveryQueue<Line>>> {
        let queue = Arc::new(DeliveryQueue::new(WAITING));
        let notifier = Arc::clone(&self.notifier);
        let (metrics, subscriber) = (self.metrics.clone(), self.subscriber.clone());
        let deliver = move |line: Line| {
            let tell = || emit::counted(Some(&metrics), || tell(&notifier, &line));
            match &subscriber {
                Some(subscriber) => dispatcher::with_default(subscriber, tell),
                None => tell(),
            }
            true
        };
        queue.start("vitals-note-log", 0, deliver).then_some(queue)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if let Some(Some(queue)) = self.queue.get() {
            queue.close();
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
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
