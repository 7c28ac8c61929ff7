//! Runs the thread that reads the counters once a slot. It needs no runtime, and no request waits for it.

use std::{
    convert::Infallible,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
};

use super::{moment::Moment, ring::Ring};
use crate::metrics::readings::Readings;

/// What the thread and the handles share.
pub(super) struct Shared {
    ring: Mutex<Ring>,
    pub(super) read: Box<dyn Fn() -> Readings + Send + Sync>,
    pub(super) clock: Box<dyn Fn() -> Moment + Send + Sync>,
    /// How many ticks were lost because reading panicked.
    lost: AtomicU64,
}

/// The thread ends, at once, when this is dropped.
#[derive(Debug)]
pub(super) struct Alive {
    _thread: Option<Sender<Infallible>>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(
        ring: Ring,
        read: Box<dyn Fn() -> Readings + Send + Sync>,
        clock: Box<dyn Fn() -> Moment + Send + Sync>,
    ) -> Self {
        Self {
            ring: Mutex::new(ring),
            read,
            clock,
            lost: AtomicU64::new(0),
        }
    }

    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Reads the counters once. If something panics, the tick is lost, and the next one has its counts.
    pub(super) fn tick(&self) {
        let now = (self.clock)();
        let tick = || {
            let live = (self.read)();
            self.ring().tick(now, &live);
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(tick)) {
            // Dropping it could panic again.
            mem::forget(payload);
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Alive {
    /// There is no thread.
    pub(super) const fn none() -> Self {
        Self { _thread: None }
    }
}

/// Starts the thread. Without one, windows have no slots, and reach back to the start.
pub(super) fn start(shared: &Arc<Shared>) -> Alive {
    let (alive, dropped) = mpsc::channel();
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name("vitals".to_owned());
    let spawned = thread.spawn(move || run(&shared, &dropped));
    if let Err(error) = &spawned {
        let error = error.to_string();
        let log = || tracing::error!(target: "tower_vitals", error, "statistics have no windows: no thread");
        let _ = catch_unwind(AssertUnwindSafe(log));
    }
    Alive {
        _thread: spawned.is_ok().then_some(alive),
    }
}

fn run(shared: &Shared, dropped: &Receiver<Infallible>) {
    loop {
        let wait = shared.ring().until_next((shared.clock)());
        if dropped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        shared.tick();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc::RecvTimeoutError::Disconnected, time::Duration};

    use super::*;
    use crate::{
        metrics::bounds::Bounds,
        window::{clock, settings::Settings},
    };

    /// Longer than any thread needs.
    const LONG: Duration = Duration::from_secs(60);

    fn shared(slot: Duration, read: impl Fn() -> Readings + Send + Sync + 'static) -> Arc<Shared> {
        let settings = Settings::new(&Bounds::new([])).slot(slot);
        let ring = Ring::new(settings, clock::now());
        Arc::new(Shared::new(ring, Box::new(read), Box::new(clock::now)))
    }

    #[test]
    fn the_thread_ends_at_once_when_the_last_handle_is_dropped() {
        let (sender, ended) = mpsc::channel::<()>();
        let shared = shared(Duration::from_secs(3600), move || {
            let _ = sender.send(());
            Readings::default()
        });
        let alive = start(&shared);
        drop(shared);
        drop(alive);
        // What the thread had is dropped with it.
        assert_eq!(ended.recv_timeout(LONG), Err(Disconnected));
    }

    #[test]
    fn the_thread_goes_on_after_a_panic_and_tells_of_it() {
        let (sender, ticks) = mpsc::channel();
        let calls = AtomicU64::new(0);
        let shared = shared(Duration::from_millis(1), move || {
            let call = calls.fetch_add(1, Relaxed);
            let _ = sender.send((call, thread::current().name().map(str::to_owned)));
            assert_ne!(call % 2, 0, "on purpose");
            Readings::default()
        });
        let alive = start(&shared);
        for call in 0..5 {
            let tick = ticks.recv_timeout(LONG).unwrap();
            assert_eq!(tick, (call, Some("vitals".to_owned())));
        }
        drop(alive);
        // Calls 0 and 2 were over before call 4.
        assert!(shared.lost() >= 2);
    }
}
