//! Runs the thread that publishes. No other thread of this crate calls a recorder of the application.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        OnceLock,
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::Duration,
};

use super::{GLOBAL, prometheus, publish::Publisher};

/// How often the thread publishes.
const EVERY: Duration = Duration::from_secs(1);

/// Asks the thread for a round. `None` if there is no thread.
static ROUNDS: OnceLock<Option<Sender<Done>>> = OnceLock::new();

/// Is called after a round.
pub(super) type Done = Box<dyn FnOnce() + Send>;

/// Publishes once a second to the global recorder from now on.
pub(crate) fn start() {
    rounds();
}

/// Publishes as soon as the thread can, and then calls `done`. If there is no thread, `done` is dropped.
pub(super) fn publish_soon(done: Done) {
    if let Some(rounds) = rounds() {
        // The thread never ends.
        let _ = rounds.send(done);
    }
}

fn rounds() -> Option<&'static Sender<Done>> {
    let rounds = ROUNDS.get_or_init(|| {
        let (rounds, asked) = mpsc::channel();
        let name = "vitals-publish".to_owned();
        let spawned = thread::Builder::new().name(name).spawn(move || run(&asked));
        if let Err(error) = &spawned {
            let error = error.to_string();
            // It can run on a request's path, and within the making of the counters.
            let log = || tracing::error!(target: "tower_vitals", error, "metrics are published only when scraped: no thread");
            let _ = catch_unwind(AssertUnwindSafe(log));
        }
        spawned.is_ok().then_some(rounds)
    });
    rounds.as_ref()
}

fn run(asked: &Receiver<Done>) {
    // Panics that no counters have yet: before the first layer or stack there are none.
    let mut panics = 0;
    let mut publisher = Publisher::default();
    loop {
        let done = asked.recv_timeout(EVERY).ok();
        let round =
            || prometheus::with_foreign_recorder(|recorder| publisher.publish_process(recorder));
        // A panic of the recorder costs this round.
        panics += u64::from(catch_unwind(AssertUnwindSafe(round)).is_err());
        if let Some(metrics) = GLOBAL.get() {
            for _ in 0..std::mem::take(&mut panics) {
                metrics.hook_failed();
            }
        }
        if let Some(done) = done {
            done();
        }
    }
}
