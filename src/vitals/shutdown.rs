//! Knows how far a shutdown is: when it began, and when everything must end.

mod runs;
mod sessions;
mod signal;

use std::{
    future::{Future, pending},
    time::Duration,
};

use tokio::{
    select,
    sync::watch,
    time::{self, Instant},
};

pub(super) use self::runs::Run;
use self::{runs::Runs, sessions::Sessions};
use crate::config::ConfigError;

/// The settings of a shutdown.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShutdownSettings {
    /// How long readiness fails before the server stops to accept connections.
    pub(super) delay: Duration,
    /// How long everything may take.
    pub(super) deadline: Duration,
}

/// The settings of a shutdown, and how far it is. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Shutdown {
    settings: ShutdownSettings,
    progress: watch::Sender<Progress>,
    /// What the server does not wait for.
    sessions: watch::Sender<Sessions>,
    runs: Runs,
}

/// How far a shutdown is.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    begun: Option<Instant>,
    /// A second signal came.
    over: bool,
}

// === impl ShutdownSettings ===

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            deadline: Duration::from_secs(25),
        }
    }
}

// === impl Shutdown ===

impl Shutdown {
    pub(super) fn new(settings: ShutdownSettings) -> Result<Self, ConfigError> {
        let ShutdownSettings { delay, deadline } = settings;
        if deadline <= delay {
            let reason = format!("must be longer than drain_delay ({delay:?})");
            let deadline = format!("{deadline:?}");
            return Err(ConfigError::new("shutdown_deadline", deadline, reason));
        }
        Ok(Self {
            settings,
            progress: watch::Sender::new(Progress::default()),
            sessions: watch::Sender::default(),
            runs: Runs::default(),
        })
    }

    /// How long readiness fails before the server stops to accept connections, and how long everything may take.
    #[cfg(feature = "generate")]
    pub(super) const fn times(&self) -> (Duration, Duration) {
        (self.settings.delay, self.settings.deadline)
    }

    /// Notes when it began. `false` if it had begun before.
    fn begin(&self) -> bool {
        self.progress.send_if_modified(|progress| {
            let first = progress.begun.is_none();
            progress.begun.get_or_insert_with(Instant::now);
            first
        })
    }

    /// One more server runs. `None` if what the servers of the process share has ended.
    pub(super) fn begin_run(&self) -> Option<Run> {
        self.runs.begin()
    }

    /// What is left of the deadline. All of it if the shutdown has not begun.
    pub(super) fn left(&self) -> Duration {
        self.left_of(self.settings.deadline)
    }

    fn has_begun(&self) -> bool {
        self.progress.borrow().begun.is_some()
    }

    /// What is left of a time that began with the shutdown. All of it if that has not begun.
    fn left_of(&self, time: Duration) -> Duration {
        let begun = self.progress.borrow().begun;
        begun.map_or(time, |begun| time.saturating_sub(begun.elapsed()))
    }

    /// Resolves when everything must end, with the reason.
    pub(super) async fn ended(&self) -> &'static str {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`, so waiting cannot fail before `self` ends.
        if progress.wait_for(|it| it.begun.is_some()).await.is_err() {
            pending::<()>().await;
        }
        select! {
            _ = progress.wait_for(|it| it.over) => "a second signal",
            () = time::sleep(self.left_of(self.settings.deadline)) => "the deadline",
        }
    }

    /// Resolves when the server accepts no more requests.
    pub(super) async fn closing(&self) {
        let mut progress = self.progress.subscribe();
        if progress.wait_for(|it| it.begun.is_some()).await.is_err() {
            pending::<()>().await;
        }
        time::sleep(self.left_of(self.settings.delay)).await;
    }

    /// Runs `future` to its end, or until everything must end.
    pub(super) async fn until_over<F: Future>(&self, future: F) -> Option<F::Output> {
        select! {
            biased;
            output = future => Some(output),
            _ = self.ended() => None,
        }
    }
}
