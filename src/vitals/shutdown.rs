//! Ends a server without losing requests: readiness fails first, then the server drains, and a deadline or a second signal
//! ends everything.

mod sessions;

use std::{
    future::{Future, IntoFuture},
    pin::pin,
    time::Duration,
};

use tokio::{
    join,
    runtime::Handle,
    select,
    sync::{oneshot, watch},
    task,
    time::{self, Instant},
};

use self::sessions::Sessions;
use super::{RunError, Vitals, VitalsBuilder, signals::Signals};
use crate::{
    config::ConfigError,
    emit,
    health::{Health, HealthService},
    logging,
    sentry::Connection,
};

/// The least time that reports get after the server has ended, whatever the deadline.
const AT_LEAST: Duration = Duration::from_millis(100);

/// The most time that reports get.
const AT_MOST: Duration = Duration::from_secs(2);

/// The most time that the admin port gets for answers that it has begun.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What was left when a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Requests that had not ended when the deadline or a second signal dropped the server, and [WebSocket
    /// sessions](crate::WebSocketSessions) that had not ended then. 0 if all ended by itself.
    pub unfinished: u64,
    /// Events that were not sent to Sentry in time, and those that were lost since the last [`flush`](Vitals::flush). 0 without
    /// feature `sentry`.
    pub unsent: u64,
    /// Notifications that no notifier took in time. 0 without feature `notify`.
    pub untold: u64,
    /// Log lines that were not written in time. 0 without feature `logging`.
    pub unwritten: u64,
    /// Whether the [state file](VitalsBuilder::state_file) could not be written in time. `false` without one.
    pub unsaved: bool,
}

/// The settings of a shutdown.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShutdownSettings {
    /// How long readiness fails before the server stops to accept connections.
    delay: Duration,
    /// How long everything may take.
    deadline: Duration,
}

/// The settings of a shutdown, and how far it is.
#[derive(Clone, Debug)]
pub(super) struct Shutdown {
    settings: ShutdownSettings,
    progress: watch::Sender<Progress>,
    /// What the server does not wait for.
    sessions: watch::Sender<Sessions>,
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

    /// What is left of a time that began with the shutdown. All of it if that has not begun.
    fn left_of(&self, time: Duration) -> Duration {
        let begun = self.progress.borrow().begun;
        begun.map_or(time, |begun| time.saturating_sub(begun.elapsed()))
    }

    /// Ends everything at the second signal.
    async fn end_at_second(self, mut signals: Signals, heard: bool) {
        if !heard {
            signals.next().await;
            emit::tell(
                || tracing::info!(target: "tower_vitals", "draining already; a second signal ends it at once"),
            );
        }
        signals.next().await;
        self.progress.send_modify(|progress| progress.over = true);
    }
}

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// The probes that [`Vitals::routes`] serves. [`Vitals::shutdown_signal`] fails their readiness first. Defaults to none.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn health(mut self, health: HealthService) -> Self {
        self.health = Some(health);
        self
    }

    /// How long readiness fails before [`Vitals::shutdown_signal`] resolves. Defaults to 5 s.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.shutdown.delay = delay;
        self
    }

    /// How long after the signal [`Vitals::run`] drops the server. Defaults to 25 s.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    pub fn shutdown_deadline(mut self, deadline: Duration) -> Self {
        self.shutdown.deadline = deadline;
        self
    }
}

// === impl Vitals ===

impl Vitals {
    /// Resolves when a server should accept no more requests: for `with_graceful_shutdown` of axum, tonic and others.
    ///
    /// On SIGTERM, SIGINT or [`Health::drain`], readiness fails at once, so that load balancers send requests elsewhere. The
    /// future resolves after the [delay](VitalsBuilder::drain_delay), 5 s by default. A second signal ends [`run`](Self::run);
    /// without `run` it has no effect. Within a runtime, signals are heard from this call on, else from the first poll of the future.
    pub fn shutdown_signal(&self) -> impl Future<Output = ()> + Send + 'static {
        let shutdown = self.shutdown.clone();
        let health = self.health.as_ref().map(HealthService::handle).cloned();
        // A server may answer before it polls the future, and a signal would end the process.
        let early = Handle::try_current().ok().map(|_| Signals::new());
        async move {
            let mut signals = early.unwrap_or_else(Signals::new);
            let mut progress = shutdown.progress.subscribe();
            let heard = select! {
                () = signals.next() => true,
                () = draining(health.as_ref()) => false,
                // Another future like this one has heard it.
                _ = progress.wait_for(|it| it.begun.is_some()) => true,
            };
            if let Some(health) = &health {
                health.drain();
            }
            let delay = shutdown.settings.delay;
            if shutdown.begin() {
                task::spawn(shutdown.clone().end_at_second(signals, heard));
                let delay_ms = delay.as_millis() as u64;
                emit::tell(move || {
                    tracing::info!(
                        target: "tower_vitals",
                        delay_ms,
                        "draining; a second signal ends it at once"
                    );
                });
            }
            time::sleep(shutdown.left_of(delay)).await;
        }
    }

    /// Runs a server that drains on [`shutdown_signal`](Self::shutdown_signal), to its end or to the
    /// [deadline](VitalsBuilder::shutdown_deadline), 25 s after the signal by default. At the deadline, everything that is
    /// still open is dropped.
    ///
    /// A second signal does the same at once, also during the delay. SIGTERM and SIGINT count alike. If
    /// [`Health::drain`] began the shutdown, the first signal after it is the first signal. After it has returned, signals end
    /// the process no more: let `main` return soon.
    ///
    /// Before it returns, the counters are published once more, for recorders that push. With feature `sentry` the remaining
    /// events are sent, with feature `notify` people are told what waits, with feature `logging` the lines that are queued are
    /// written, and so is the state file, each within the rest of the deadline, but for 2 s at most and 100 ms at least. The [admin port](VitalsBuilder::admin_addr) answers until then, and
    /// closes last.
    ///
    /// ```no_run
    /// # async fn serve(
    /// #     vitals: tower_vitals::Vitals,
    /// #     app: axum::Router,
    /// # ) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// let server = axum::serve(listener, app)
    ///     .with_graceful_shutdown(vitals.shutdown_signal());
    /// let report = vitals.run(server).await?;
    /// tracing::info!(unfinished = report.unfinished, "ended");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - The server fails: [`RunError::Server`] has its own error.
    /// - The [admin port](VitalsBuilder::admin_addr) cannot be bound: [`RunError::Admin`]. The server has not begun.
    ///
    /// If the server's error is an [`io::Error`](std::io::Error), `?` turns both into one.
    pub async fn run<S, E>(&self, server: S) -> Result<ShutdownReport, RunError<E>>
    where
        S: IntoFuture<Output = Result<(), E>>,
    {
        let admin = self.serve_admin().map_err(RunError::Admin)?;
        let (ended, unfinished) = {
            let mut server = pin!(server.into_future());
            select! {
                ended = &mut server => (ended, 0),
                reason = self.shutdown.ended() => {
                    let unfinished = self.metrics().totals().in_flight;
                    if unfinished > 0 {
                        emit::tell(move || {
                            tracing::warn!(target: "tower_vitals", unfinished, "{reason} ended the server");
                        });
                    }
                    (Ok(()), unfinished)
                }
            }
        };
        let unfinished = unfinished + self.sessions_end().await;
        let ((), (), unsent, untold, unsaved) = join!(
            self.publish_the_rest(),
            self.leave_the_fleet(),
            self.send_the_rest(),
            self.tell_and_hand_over(),
            self.save_the_rest()
        );
        let unwritten = self.write_the_rest().await;
        if let Some(admin) = admin {
            let left = self.shutdown.left_of(self.shutdown.settings.deadline);
            admin.end(left.min(LAST_ANSWERS)).await;
        }
        ended.map_err(RunError::Server)?;
        Ok(ShutdownReport {
            unfinished,
            unsent,
            untold,
            unwritten,
            unsaved,
        })
    }

    /// Publishes the counters once more, for recorders that push, while there is time. The recorder is called on the
    /// publishing thread, which no runtime waits for.
    async fn publish_the_rest(&self) {
        let (done, published) = oneshot::channel();
        // The receiver can be gone.
        self.metrics().publish_soon(move || _ = done.send(()));
        let _ = time::timeout(self.time_left(), published).await;
    }

    /// Sends the remaining events while there is time. Returns how many are not sent.
    async fn send_the_rest(&self) -> u64 {
        if !Connection::CAN_SEND {
            return 0;
        }
        let timeout = self.time_left();
        let (done, flushed) = oneshot::channel();
        let outgoing = self.flush_sentry(timeout, move |unsent| _ = done.send(unsent));
        match time::timeout(timeout + AT_LEAST / 2, flushed).await {
            Ok(Ok(unsent)) => unsent,
            _ => outgoing.unsent(),
        }
    }

    /// Tells people what waits, and lets another instance of a fleet evaluate the alerts of all, which knows then what they were told.
    async fn tell_and_hand_over(&self) -> u64 {
        let begun = Instant::now();
        let untold = self.tell_the_rest().await;
        let timeout = self
            .time_left()
            .min(AT_MOST.saturating_sub(begun.elapsed()).max(AT_LEAST));
        self.hand_over_for_good(timeout).await;
        untold
    }

    /// Tells people what waits while there is time. Returns how many notifications were not taken.
    async fn tell_the_rest(&self) -> u64 {
        if !self.notifications.is_on() {
            return 0;
        }
        let (notifications, timeout) = (self.notifications.clone(), self.time_left());
        // It ends by itself, so that it does not hold up the end of the runtime.
        let ended = task::spawn_blocking(move || notifications.end(timeout));
        match time::timeout(timeout + AT_LEAST / 2, ended).await {
            Ok(Ok(untold)) => untold,
            _ => self.notifications.pending(),
        }
    }

    /// Writes the state file while there is time. Returns whether that was not enough.
    async fn save_the_rest(&self) -> bool {
        if !self.lately.has_file() {
            return false;
        }
        let (lately, timeout) = (self.lately.clone(), self.time_left());
        // It ends by itself, so that it does not hold up the end of the runtime.
        let saved = task::spawn_blocking(move || lately.end(timeout));
        let saved = time::timeout(timeout + AT_LEAST / 2, saved).await;
        !matches!(saved, Ok(Ok(true)))
    }

    /// Waits for the log lines while there is time. Returns how many are not written.
    async fn write_the_rest(&self) -> u64 {
        if logging::flush(Duration::ZERO) == 0 {
            return 0;
        }
        let timeout = self.time_left();
        // It ends by itself, so that it does not hold up the end of the runtime.
        let flushed = task::spawn_blocking(move || logging::flush(timeout));
        match time::timeout(timeout + AT_LEAST / 2, flushed).await {
            Ok(Ok(unwritten)) => unwritten,
            _ => logging::flush(Duration::ZERO),
        }
    }

    /// How long what is still on its way out may take.
    pub(super) fn time_left(&self) -> Duration {
        let deadline = self.shutdown.settings.deadline;
        self.shutdown.left_of(deadline).clamp(AT_LEAST, AT_MOST)
    }
}

/// Resolves when the application calls [`Health::drain`].
async fn draining(health: Option<&Health>) {
    let Some(health) = health else {
        return std::future::pending().await;
    };
    let mut changes = health.changes();
    while !health.is_draining() && changes.next().await.is_some() {}
}
