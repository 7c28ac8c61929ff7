//! Knows all queues of the process, and flushes them when it ends.
#![expect(
    clippy::disallowed_types,
    reason = "it runs when the thread-locals of tokio can be gone, and waits in real time"
)]

use std::{
    panic,
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError},
    time::{Duration, Instant},
};

use super::queue::LineQueue;

/// The most time that the end of the process waits for lines.
const AT_THE_END: Duration = Duration::from_secs(1);

static QUEUES: Mutex<Vec<Arc<LineQueue>>> = Mutex::new(Vec::new());

/// Flushes when the thread that holds it ends.
#[cfg(unix)]
struct EndOfThread;

#[cfg(unix)]
thread_local! {
    static END: EndOfThread = const { EndOfThread };
}

/// Adds a queue. The ends of the process flush from now on.
pub(super) fn remember(queue: &Arc<LineQueue>) {
    queues().push(Arc::clone(queue));
    // Elsewhere the other threads are gone when the thread-locals of the main thread are dropped.
    #[cfg(unix)]
    if std::thread::current().name() == Some("main") {
        END.with(|_| ());
    }
    if cfg!(panic = "abort") {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                before(panic);
                flush_at_the_end();
            }));
        });
    }
}

/// Removes a queue that is closed and empty.
pub(super) fn forget(queue: &Arc<LineQueue>) {
    queues().retain(|other| !Arc::ptr_eq(other, queue));
}

/// Waits until the lines of all queues are written, but not longer than `timeout`. Returns how many still wait.
pub(crate) fn flush(timeout: Duration) -> u64 {
    let all = queues().clone();
    let begun = Instant::now();
    // All writers write at the same time, so each has had the whole time.
    all.iter()
        .map(|queue| queue.flush(timeout.saturating_sub(begun.elapsed())))
        .sum()
}

/// Waits for a moment, but not for a writer for which somebody has just waited in vain.
fn flush_at_the_end() {
    let all = queues().clone();
    let begun = Instant::now();
    for queue in all.iter().filter(|queue| !queue.is_stuck()) {
        queue.flush(AT_THE_END.saturating_sub(begun.elapsed()));
    }
}

fn queues() -> MutexGuard<'static, Vec<Arc<LineQueue>>> {
    QUEUES.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl EndOfThread ===

#[cfg(unix)]
impl Drop for EndOfThread {
    fn drop(&mut self) {
        flush_at_the_end();
    }
}
