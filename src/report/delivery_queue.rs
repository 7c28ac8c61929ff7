//! Delivers reports on a dedicated thread, so that no request waits for a sink.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// A bounded queue in front of one sink.
#[derive(Debug)]
pub(crate) struct DeliveryQueue<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    /// One item is being delivered.
    busy: bool,
    closed: bool,
}

// === impl DeliveryQueue ===

impl<T> DeliveryQueue<T> {
    /// A queue in which at most `capacity` items wait.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                busy: false,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds an item. Returns `false` if the queue is full or closed.
    pub(crate) fn push(&self, item: T) -> bool {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= self.capacity {
            return false;
        }
        state.waiting.push_back(item);
        self.changed.notify_all();
        true
    }

    /// Takes no more items. The thread delivers the items that wait, and ends.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How many items are not delivered yet.
    pub(crate) fn unsent(&self) -> u64 {
        let state = self.lock();
        state.waiting.len() as u64 + u64::from(state.busy)
    }

    /// Waits until the queue is empty and nothing is being delivered. Returns `false` if that takes longer than `timeout`.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let unsent = |state: &mut State<T>| state.busy || !state.waiting.is_empty();
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, unsent);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Waits for the next item. `None` when the queue is closed and empty.
    fn next(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.waiting.pop_front() {
                state.busy = true;
                return Some(item);
            }
            if state.closed {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> DeliveryQueue<T> {
    /// Starts the thread `name`, which calls `deliver` for one item at a time. Call it once. If the thread cannot start, the
    /// queue is closed. A `deliver` that panics must count its own drop.
    pub(crate) fn start(self: &Arc<Self>, name: &str, mut deliver: impl FnMut(T) + Send + 'static) {
        let queue = Arc::clone(self);
        let thread = thread::Builder::new().name(name.into());
        let started = thread.spawn(move || {
            while let Some(item) = queue.next() {
                // A panic must not leave the queue busy for ever.
                let _ = catch_unwind(AssertUnwindSafe(|| deliver(item)));
                queue.lock().busy = false;
                queue.changed.notify_all();
            }
        });
        if started.is_err() {
            self.close();
        }
    }
}
