//! Writes events on a thread of their own: a subscriber that hangs costs lines, and holds up nobody.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use tracing::{Dispatch, dispatcher, subscriber::NoSubscriber};

use super::delivery_queue::{DeliveryQueue, Rank};
use crate::metrics::{Metrics, Sink};

/// Calls the subscriber.
type Write<T> = dyn Fn(&T, &Metrics) + Send + Sync;

/// A queue of lines and its thread, which begins with the first line. It ends after the last one when this is dropped.
pub(crate) struct LineThread<T> {
    name: &'static str,
    /// How many lines wait at most. One that has no place is counted as dropped.
    waiting: usize,
    metrics: Metrics,
    /// That of the thread on which this was made, if there was one.
    subscriber: Option<Dispatch>,
    write: Arc<Write<T>>,
    /// `None` if no thread can start.
    queue: OnceLock<Option<Arc<DeliveryQueue<T>>>>,
}

// === impl LineThread ===

impl<T: Send + 'static> LineThread<T> {
    /// `write` calls the subscriber, by `emit`.
    pub(crate) fn new(
        name: &'static str,
        waiting: usize,
        metrics: &Metrics,
        write: impl Fn(&T, &Metrics) + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            waiting,
            metrics: metrics.clone(),
            subscriber: dispatcher::get_default(|subscriber| {
                // It can be set later.
                let is_set = !subscriber.is::<NoSubscriber>();
                is_set.then(|| subscriber.clone())
            }),
            write: Arc::new(write),
            queue: OnceLock::new(),
        }
    }

    /// Writes a line as soon as the subscriber takes it.
    pub(crate) fn push(&self, line: T) {
        let queue = self.queue.get_or_init(|| self.started());
        let lost = match queue {
            Some(queue) => queue.push(Rank::Later, line),
            None => Some(line),
        };
        if lost.is_some() {
            self.metrics.dropped(Sink::Log);
        }
    }

    fn started(&self) -> Option<Arc<DeliveryQueue<T>>> {
        let queue = Arc::new(DeliveryQueue::new(self.waiting));
        let (metrics, subscriber) = (self.metrics.clone(), self.subscriber.clone());
        let write = Arc::clone(&self.write);
        let deliver = move |line: T| {
            let write = || write(&line, &metrics);
            match &subscriber {
                Some(subscriber) => dispatcher::with_default(subscriber, write),
                None => write(),
            }
            true
        };
        queue.start(self.name, 0, deliver).then_some(queue)
    }
}

impl<T> Drop for LineThread<T> {
    fn drop(&mut self) {
        if let Some(Some(queue)) = self.queue.get() {
            queue.close();
        }
    }
}

impl<T> fmt::Debug for LineThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineThread").finish_non_exhaustive()
    }
}
