//! The thread that writes state, for which nobody waits longer than they want.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{problem::Problem, records::Records};
use crate::report::delivery_queue::contained;

/// Where the thread writes. Each method returns `false` if it failed, and may take as long as a disk does.
pub(super) trait Target: Send + 'static {
    /// Writes the content of the window.
    fn write_window(&mut self, content: &[u8]) -> bool;

    /// Writes the records.
    fn write_records(&mut self, records: &Records) -> bool;
}

/// The handle of the thread `vitals-store`, which ends with it, after a last write. Nobody waits for that, unless
/// [`end`](Self::end) is called.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    shared: Arc<Shared>,
    /// The files are not used: they are another's, or could not be opened.
    pub(super) off: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The newest records, until they are written. A slow disk has one set of them waiting, and no queue.
    records: Option<Records>,
    /// How often somebody asked for everything to be written, and how many of these had their answer.
    asked: u64,
    answered: u64,
    closed: bool,
    /// There is no thread, or it has ended.
    ended: bool,
}

/// Says that the thread has ended, also when it panics.
struct Ending(Arc<Shared>);

/// What the thread must do.
struct Due {
    records: Option<Records>,
    window: bool,
    /// How often somebody had asked for everything.
    asked: u64,
    closed: bool,
}

// === impl StoreWriter ===

impl StoreWriter {
    /// Starts the thread, which opens a target first, and returns what `open` has read.
    ///
    /// Every `interval` the thread writes what `window` returns, unless it is `None`. It asks on its own thread.
    ///
    /// # Errors
    ///
    /// If no thread can start, if `open` panics, or if the target is not open after `patience`. Then it is closed as soon as it
    /// is.
    pub(super) fn start<T: Target, R: Send + 'static>(
        open: impl FnOnce() -> (T, R) + Send + 'static,
        patience: Duration,
        interval: Duration,
        window: impl FnMut() -> Option<Vec<u8>> + Send + 'static,
        failed: impl Fn() + Send + 'static,
    ) -> Result<(Self, R), Problem> {
        let shared = Arc::<Shared>::default();
        let ending = Ending(Arc::clone(&shared));
        // Of no length: what nobody waits for any more is not sent.
        let (opened, open_soon) = mpsc::sync_channel(0);
        let work = move || {
            // Last, when the target is closed.
            let ending = ending;
            run(&ending.0, open, &opened, interval, window, failed);
        };
        spawned(work).map_err(Problem::io("no thread"))?;
        let read = open_soon.recv_timeout(patience);
        let read = read.map_err(|error| match error {
            RecvTimeoutError::Timeout => Problem::Slow,
            RecvTimeoutError::Disconnected => Problem::Panicked,
        })?;
        Ok((Self { shared, off: false }, read))
    }

    /// A writer that writes nothing.
    pub(super) fn off() -> Self {
        let shared = Arc::<Shared>::default();
        shared.lock().ended = true;
        Self { shared, off: true }
    }

    /// Whether the files are not used: they are another's, or could not be opened.
    pub(crate) const fn is_off(&self) -> bool {
        self.off
    }

    /// Lets the thread write these records soon, in the place of those that wait.
    pub(crate) fn write_records(&self, records: Records) {
        let mut state = self.shared.lock();
        if !state.closed && !state.ended {
            state.records = Some(records);
        }
        self.shared.changed.notify_all();
    }

    /// Lets the thread write everything now, and waits for that. Returns `false` if it takes longer than `timeout`.
    #[cfg(feature = "health")]
    pub(crate) fn save(&self, timeout: Duration) -> bool {
        let mut state = self.shared.lock();
        state.asked += 1;
        let mine = state.asked;
        self.shared.changed.notify_all();
        let waits = |state: &mut State| state.answered < mine && !state.ended;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, timeout, waits);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }

    /// Lets the thread write a last time and end, and waits for that. Returns `false` if it takes longer than `timeout`.
    pub(crate) fn end(&self, timeout: Duration) -> bool {
        self.shared.close();
        let running = |state: &mut State| !state.ended;
        let waited = self
            .shared
            .changed
            .wait_timeout_while(self.shared.lock(), timeout, running);
        let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        self.shared.close();
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until something must be written. The window must be at `at`, or never if that is too far away to be told.
    fn due(&self, at: Option<Instant>) -> Due {
        let left = || {
            at.map_or(Duration::MAX, |at| {
                at.saturating_duration_since(Instant::now())
            })
        };
        let nothing = |state: &mut State| {
            state.records.is_none() && state.asked == state.answered && !state.closed
        };
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), left(), nothing);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        Due {
            records: state.records.take(),
            window: state.closed || state.asked > state.answered || left().is_zero(),
            asked: state.asked,
            closed: state.closed,
        }
    }

    /// Everything is written for those who had asked so often.
    fn answer(&self, asked: u64) {
        self.lock().answered = asked;
        self.changed.notify_all();
    }
}

// === impl Ending ===

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

fn spawned(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().name("vitals-store".into());
    thread.spawn(work).map(drop)
}

fn run<T: Target, R>(
    shared: &Shared,
    open: impl FnOnce() -> (T, R),
    opened: &SyncSender<R>,
    interval: Duration,
    mut window: impl FnMut() -> Option<Vec<u8>>,
    failed: impl Fn(),
) {
    let count = |written: Option<bool>| {
        if written != Some(true) {
            failed();
        }
    };
    let (mut target, read) = open();
    if opened.send(read).is_err() {
        return;
    }
    loop {
        let at = Instant::now().checked_add(interval);
        loop {
            let due = shared.due(at);
            if let Some(records) = due.records {
                count(contained(|| target.write_records(&records)));
            }
            if due.window {
                let write = || window().is_none_or(|content| target.write_window(&content));
                count(contained(write));
                shared.answer(due.asked);
            }
            if due.closed {
                return;
            }
            if due.window {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests;
