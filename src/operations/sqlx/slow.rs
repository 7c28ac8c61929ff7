//! Tells of slow queries on a thread of its own: what is told is logged, and a layer that logs while it hears of an event takes
//! the event's filters from the layers around it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use tracing::{Dispatch, dispatcher};

use super::{super::finished, request::within};
use crate::{
    facts::{
        exchange::Exchange,
        work::{EndedWork, Work},
    },
    metrics::{Metrics, Sink},
};

/// How many slow queries wait until they are told. Of the others the log events are lost, and counted as such.
const MOST: usize = 256;

/// A slow query that has ended.
#[derive(Debug)]
pub(super) struct Slow {
    pub(super) table: Box<str>,
    pub(super) operation: u8,
    pub(super) threshold: Duration,
    pub(super) duration: Duration,
    pub(super) metrics: Option<Metrics>,
    /// The subscriber that is told.
    pub(super) subscriber: Option<Dispatch>,
    /// The request for which it ran.
    pub(super) exchange: Option<Arc<Exchange>>,
}

// === impl Slow ===

impl Slow {
    /// Tells of it soon. Does not wait.
    pub(super) fn tell_later(self) {
        static QUEUE: OnceLock<Option<SyncSender<Slow>>> = OnceLock::new();
        let unsent = match QUEUE.get_or_init(start) {
            Some(queue) => queue.try_send(self).err().map(|error| match error {
                mpsc::TrySendError::Full(slow) | mpsc::TrySendError::Disconnected(slow) => slow,
            }),
            None => Some(self),
        };
        if let Some(slow) = unsent {
            Metrics::note_dropped(slow.metrics.as_ref(), Sink::Log);
        }
    }

    fn tell(&self) {
        let tell = || finished::tell(&self.ended(), self.metrics.as_ref());
        let of_request = || within(self.exchange.as_ref(), tell);
        match &self.subscriber {
            Some(subscriber) => dispatcher::with_default(subscriber, of_request),
            None => of_request(),
        }
    }

    fn ended(&self) -> EndedWork<'_> {
        EndedWork {
            work: Work::Query,
            name: &self.table,
            detail: self.operation,
            outcome: None,
            duration: self.duration,
            ago: Duration::ZERO,
            threshold: self.threshold,
        }
    }
}

/// Starts the thread. `None` if there is none.
fn start() -> Option<SyncSender<Slow>> {
    let (queue, slow) = mpsc::sync_channel(MOST);
    let thread = thread::Builder::new().name("vitals-slow".to_owned());
    let started = thread.spawn(move || tell_all(&slow));
    started.ok().map(|_| queue)
}

fn tell_all(slow: &Receiver<Slow>) {
    for slow in slow {
        // The subscriber is code of the application.
        let _ = catch_unwind(AssertUnwindSafe(|| slow.tell()));
    }
}
