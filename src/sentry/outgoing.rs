//! Waits for what is on its way to Sentry, whichever client sends it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use tokio::time::Instant;

use sentry::{Client, Hub};

use super::{guard::queues_of, transport::Queue};
use crate::{
    facts::{current::thread_is_alive, sentry_data::thread_has_hub},
    report::delivery_queue::contained,
};

/// The clients whose events are waited for: that of the stack, that of this thread, and that of the process.
#[derive(Clone)]
pub(crate) struct Outgoing {
    clients: Vec<Outbox>,
}

/// One client, and the queues that it is known to have.
#[derive(Clone)]
struct Outbox {
    client: Arc<Client>,
    /// None if the client is not guarded.
    queues: Vec<Queue>,
}

// === impl Outgoing ===

impl Outgoing {
    /// `own` is the client of a stack.
    pub(super) fn new(own: Option<&Arc<Client>>) -> Self {
        let mut clients = Vec::<Outbox>::new();
        let current = thread_has_hub(thread_is_alive()).then(Hub::current);
        let bound = [current, Some(Hub::main())].into_iter().flatten();
        let bound = bound.filter_map(|hub| hub.client());
        for client in own.cloned().into_iter().chain(bound) {
            let known = |outbox: &Outbox| Arc::ptr_eq(&outbox.client, &client);
            if !clients.iter().any(known) {
                let queues = queues_of(&client);
                clients.push(Outbox { client, queues });
            }
        }
        // The flush of a client that is not guarded can take longer than it is allowed.
        clients.sort_by_key(|outbox| outbox.queues.is_empty());
        Self { clients }
    }

    /// Waits until everything is sent, but not longer than `timeout`. Returns how many envelopes are not sent or were lost.
    pub(crate) fn flush(&self, timeout: Duration) -> u64 {
        let begun = Instant::now();
        let left = || timeout.saturating_sub(begun.elapsed());
        self.clients.iter().map(|outbox| outbox.flush(left())).sum()
    }

    /// How many envelopes are not sent yet or were lost, as far as it can be known without waiting.
    pub(crate) fn unsent(&self) -> u64 {
        let queues = self.clients.iter().flat_map(|outbox| &outbox.queues);
        queues.map(|queue| queue.unsent()).sum()
    }
}

// === impl Outbox ===

impl Outbox {
    fn flush(&self, timeout: Duration) -> u64 {
        // Hooks of the application run here, and can panic.
        let flush = AssertUnwindSafe(|| self.client.flush(Some(timeout)));
        let done = contained(flush).unwrap_or(false);
        if self.queues.is_empty() {
            // It does not say how many. It is one at least.
            return u64::from(!done);
        }
        self.queues.iter().map(|queue| queue.take_unsent()).sum()
    }
}
