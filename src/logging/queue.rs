//! Holds the lines that wait for the writer. Nobody holds its lock while anything is written.

use std::{
    cell::Cell,
    mem,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::queue_settings::{QueueSettings, WhenFull};

/// A batch whose memory is beyond this many bytes is given back once it is written.
const KEPT: usize = 256 * 1024;

/// A flush that waited less long says nothing about the writer. A shutdown leaves at least twice as much.
const LONG_ENOUGH: Duration = Duration::from_millis(50);

/// Lines on their way to one writer, first in, first out.
#[derive(Debug)]
pub(super) struct LineQueue {
    settings: QueueSettings,
    state: Mutex<State>,
    /// The writer waits for it.
    added: Condvar,
    /// Threads that flush or that wait for room wait for it.
    finished: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    /// The bytes of all lines that are queued and not finished.
    bytes: usize,
    /// How many lines were ever queued.
    queued: u64,
    /// How many of them are written or lost.
    finished: u64,
    /// The writer waits for a line.
    idle: bool,
    closed: bool,
    /// How many lines were finished when a flush last waited in vain.
    in_vain: Option<u64>,
}

/// Lines, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    /// Where each line ends.
    pub(super) ends: Vec<usize>,
}

thread_local! {
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// Makes this thread a writer: what it logs is lost. Otherwise each line of a writer that logs would make another one.
pub(super) fn become_writer() {
    IS_WRITER.set(true);
}

// === impl LineQueue ===

impl LineQueue {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            state: Mutex::default(),
            added: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    /// Adds a line. Returns `false` if it is lost: the queue is full, or the writer itself logs.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let QueueSettings {
            lines,
            bytes,
            when_full,
        } = self.settings;
        let is_writer = IS_WRITER.try_with(Cell::get).unwrap_or(false);
        if is_writer || line.len() > bytes {
            return false;
        }
        let mut state = self.lock();
        while state.lines() >= lines || state.bytes + line.len() > bytes {
            if when_full == WhenFull::Drop {
                return false;
            }
            let waited = self.finished.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting.push(line);
        state.bytes += line.len();
        state.queued += 1;
        let idle = mem::take(&mut state.idle);
        drop(state);
        // A call of the system, which is only needed for a writer that waits.
        if idle {
            self.added.notify_one();
        }
        true
    }

    /// Waits for lines and takes all that wait. Returns `false` if the queue is closed and empty.
    pub(super) fn take(&self, batch: &mut Batch) -> bool {
        batch.clear();
        let mut state = self.lock();
        while state.waiting.ends.is_empty() {
            if state.closed {
                return false;
            }
            state.idle = true;
            let waited = self.added.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(&mut state.waiting, batch);
        true
    }

    /// Makes room for what was written or lost.
    pub(super) fn finish(&self, lines: usize, bytes: usize) {
        let mut state = self.lock();
        state.finished += lines as u64;
        state.bytes -= bytes;
        drop(state);
        self.finished.notify_all();
    }

    /// Ends the writer once it has written the lines that wait. Nobody is left who could add one.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.added.notify_all();
    }

    /// Waits for the lines that are queued now, but not longer than `timeout`. Returns how many still wait.
    pub(super) fn flush(&self, timeout: Duration) -> u64 {
        let state = self.lock();
        let last = state.queued;
        let waited = self
            .finished
            .wait_timeout_while(state, timeout, |state| state.finished < last);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let left = last.saturating_sub(state.finished);
        if timeout >= LONG_ENOUGH {
            state.in_vain = (left > 0).then_some(state.finished);
        }
        left
    }

    /// Whether a flush has waited in vain, and nothing was written since.
    pub(super) fn is_stuck(&self) -> bool {
        let state = self.lock();
        state.in_vain == Some(state.finished)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    const fn lines(&self) -> usize {
        (self.queued - self.finished) as usize
    }
}

// === impl Batch ===

impl Batch {
    fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    fn clear(&mut self) {
        if self.bytes.capacity() > KEPT {
            *self = Self::default();
        }
        self.bytes.clear();
        self.ends.clear();
    }
}
