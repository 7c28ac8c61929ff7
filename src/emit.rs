//! Calls the application's `tracing` subscriber so that its faults stay there.

use std::{
    cell::Cell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
};

use tracing::dispatcher;

use crate::{
    facts::current::thread_is_alive,
    metrics::{Metrics, Sink},
};

/// Runs `write`, which calls the subscriber, and counts the event as dropped if it was not written. The counters of the
/// process are used if `metrics` is `None`, as soon as they are there.
pub(crate) fn counted(metrics: Option<&Metrics>, write: impl FnOnce()) {
    if !guarded(write) {
        Metrics::note_dropped(metrics, Sink::Log);
    }
}

/// Runs `work` on a thread of its own, with the subscriber of this one. `work` calls code of the application that can hang, and
/// nobody waits for the thread: neither a runtime nor the end of the process.
///
/// # Errors
///
/// If no thread can start.
pub(crate) fn detached(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let subscriber = dispatcher::get_default(Clone::clone);
    let name = "vitals-emit".to_owned();
    thread::Builder::new()
        .name(name)
        .spawn(move || dispatcher::with_default(&subscriber, work))
}

/// Runs `write`, which calls the subscriber, on a thread of its own: a subscriber that panics or hangs costs only its event.
pub(crate) fn tell(write: impl FnOnce() + Send + 'static) {
    // Nobody can be told that there is no thread.
    let _ = detached(|| _ = guarded(write));
}

/// Runs `write`, which calls the subscriber. Returns `false` if it cannot run or panics.
///
/// May be called in `Drop`, while a panic unwinds, from within a subscriber, and on a thread that is ending.
pub(crate) fn guarded(write: impl FnOnce()) -> bool {
    thread_local! {
        static WRITING: Cell<bool> = const { Cell::new(false) };
    }
    if !thread_is_alive() || WRITING.replace(true) {
        return false;
    }
    let written = catch_unwind(AssertUnwindSafe(write)).is_ok();
    WRITING.set(false);
    written
}
