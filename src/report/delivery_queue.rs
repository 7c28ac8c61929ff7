//! Delivers reports on dedicated threads, so that no request waits for a sink.

use std::{
    collections::VecDeque,
    mem,
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

/// Which items go before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    /// It goes before those of the other rank, and takes the place of one if there is no room.
    First,
    Later,
}

#[derive(Debug)]
struct State<T> {
    first: VecDeque<T>,
    later: VecDeque<T>,
    /// How many items are being delivered.
    busy: usize,
    /// How many items were not delivered, since somebody last asked.
    lost: u64,
    closed: bool,
}

// === impl DeliveryQueue ===

impl<T> DeliveryQueue<T> {
    /// A queue in which at most `capacity` items wait.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::new(State {
                first: VecDeque::new(),
                later: VecDeque::new(),
                busy: 0,
                lost: 0,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds an item. Returns the item that is lost, if the queue is full or closed: the oldest of rank [`Rank::Later`] if one
    /// of rank [`Rank::First`] takes its place, else the new one.
    pub(crate) fn push(&self, rank: Rank, item: T) -> Option<T> {
        let mut state = self.lock();
        let lost = state.push(rank, item, self.capacity);
        state.lost += u64::from(lost.is_some());
        self.changed.notify_all();
        lost
    }

    /// Takes no more items. The threads deliver the items that wait, and end.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// How many items are not delivered: those that wait, and those that were lost since [`take_unsent`](Self::take_unsent).
    pub(crate) fn unsent(&self) -> u64 {
        let state = self.lock();
        state.undelivered() + state.lost
    }

    /// As [`unsent`](Self::unsent), and begins to count the losses anew.
    pub(crate) fn take_unsent(&self) -> u64 {
        let mut state = self.lock();
        state.undelivered() + mem::take(&mut state.lost)
    }

    /// Waits until the queue is empty and nothing is being delivered. Returns `false` if that takes longer than `timeout`.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let undelivered = |state: &mut State<T>| state.undelivered() > 0;
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, undelivered);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Waits until more than `behind` items wait, and takes one. `None` when the queue is closed and no more wait.
    fn next(&self, behind: usize) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.waiting() > behind {
                let first = state.first.pop_front();
                let item = first.or_else(|| state.later.pop_front());
                state.busy += usize::from(item.is_some());
                return item;
            }
            if state.closed {
                return None;
            }
            let waited = self.changed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn delivered(&self, taken: bool) {
        let mut state = self.lock();
        state.busy -= 1;
        state.lost += u64::from(!taken);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> DeliveryQueue<T> {
    /// Starts one more thread `name`, which calls `deliver` for one item at a time, while more than `behind` items wait: 0 for
    /// the first thread, and more for one that only helps. Returns `false` if it cannot start.
    ///
    /// `deliver` returns whether the sink took the item. One that panics must count its own drop.
    pub(crate) fn start(
        self: &Arc<Self>,
        name: &str,
        behind: usize,
        mut deliver: impl FnMut(T) -> bool + Send + 'static,
    ) -> bool {
        let queue = Arc::clone(self);
        let thread = thread::Builder::new().name(name.into());
        let started = thread.spawn(move || {
            while let Some(item) = queue.next(behind) {
                // A panic must not leave the queue busy for ever.
                let taken = contained(|| deliver(item));
                queue.delivered(taken.unwrap_or(false));
            }
        });
        started.is_ok()
    }
}

// === impl State ===

impl<T> State<T> {
    fn push(&mut self, rank: Rank, item: T, capacity: usize) -> Option<T> {
        let full = self.waiting() >= capacity;
        if self.closed || full && (rank == Rank::Later || self.later.is_empty()) {
            return Some(item);
        }
        let pushed_out = if full { self.later.pop_front() } else { None };
        match rank {
            Rank::First => self.first.push_back(item),
            Rank::Later => self.later.push_back(item),
        }
        pushed_out
    }

    fn waiting(&self) -> usize {
        self.first.len() + self.later.len()
    }

    fn undelivered(&self) -> u64 {
        (self.waiting() + self.busy) as u64
    }
}

/// What `work` returns, or `None` if it panics.
pub(crate) fn contained<R>(work: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(value) => Some(value),
        Err(payload) => {
            // The payload is the application's, and its destructor can panic too, which would end the thread.
            mem::forget(payload);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{panic::resume_unwind, sync::mpsc};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn waiting(queue: &DeliveryQueue<u8>) -> Vec<u8> {
        let state = queue.lock();
        let all = state.first.iter().chain(&state.later);
        all.copied().collect()
    }

    #[test]
    fn the_first_rank_goes_first_and_takes_the_place_of_the_oldest_of_the_other() {
        let queue = DeliveryQueue::new(3);
        for item in [1, 2, 3] {
            assert_eq!(queue.push(Rank::Later, item), None);
        }
        assert_eq!(queue.push(Rank::Later, 4), Some(4), "the oldest stays");
        assert_eq!(queue.push(Rank::First, 5), Some(1));
        assert_eq!(waiting(&queue), [5, 2, 3]);
        assert_eq!(queue.push(Rank::First, 6), Some(2));
        assert_eq!(queue.push(Rank::First, 7), Some(3));
        assert_eq!(queue.push(Rank::First, 8), Some(8), "the oldest stays");
        assert_eq!(waiting(&queue), [5, 6, 7]);
        assert_eq!(queue.next(2), Some(5), "three wait");
        assert_eq!((queue.unsent(), queue.take_unsent()), (8, 8));
        assert_eq!(queue.unsent(), 3, "what was lost is told once");
        queue.close();
        assert_eq!(queue.push(Rank::First, 9), Some(9));
    }

    #[test]
    fn one_of_the_first_rank_is_delivered_before_all_that_came_earlier() {
        let queue = DeliveryQueue::new(4);
        for (rank, item) in [
            (Rank::Later, 1),
            (Rank::First, 2),
            (Rank::Later, 3),
            (Rank::First, 4),
        ] {
            assert_eq!(queue.push(rank, item), None);
        }
        queue.close();
        let delivered: Vec<_> = std::iter::from_fn(|| queue.next(0)).collect();
        assert_eq!(delivered, [2, 4, 1, 3]);
    }

    #[test]
    fn a_panic_whose_payload_panics_costs_one_item() {
        struct Bomb;

        impl Drop for Bomb {
            fn drop(&mut self) {
                resume_unwind(Box::new("in the destructor"));
            }
        }

        let queue = Arc::new(DeliveryQueue::new(3));
        let (done, delivered) = mpsc::channel();
        queue.push(Rank::Later, 1);
        queue.push(Rank::Later, 2);
        let started = queue.start("test", 0, move |item| {
            if item == 1 {
                resume_unwind(Box::new(Bomb));
            }
            done.send(item).is_ok()
        });
        assert!(started);
        assert_eq!(delivered.recv_timeout(LONG), Ok(2));
        assert!(queue.flush(LONG));
        assert_eq!(queue.unsent(), 1);
        queue.close();
    }
}
