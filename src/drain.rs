//! Ends a server without losing anybody: readiness fails first, then the server drains, and one deadline ends it all.

use std::{
    future::{Future, IntoFuture},
    io,
    pin::pin,
    time::Duration,
};

use tokio::{
    select,
    sync::watch,
    task,
    time::{self, Instant},
};

use crate::vitals::Vitals;

/// How long readiness has failed before the server takes no more connections.
pub(crate) const DELAY: Duration = Duration::from_secs(5);

/// How long all of it may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(25);

/// What reporting has after the server, whatever the deadline says.
const AT_LEAST: Duration = Duration::from_millis(100);

/// What it has if there is time.
#[cfg(feature = "sentry")]
const AT_MOST: Duration = Duration::from_secs(2);

/// What was left when a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Requests that had not ended when the deadline dropped the server; 0 where it ended by itself.
    pub unfinished: u64,
    /// Events that Sentry had not taken when time was up.
    #[cfg(feature = "sentry")]
    pub unsent: u64,
}

/// Where a shutdown stands: not begun, or begun.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    pub(crate) delay: Duration,
    pub(crate) deadline: Duration,
    /// When it did.
    begun: watch::Sender<Option<Instant>>,
}

// === impl Shutdown ===

impl Shutdown {
    pub(crate) fn new(delay: Duration, deadline: Duration) -> Self {
        Self {
            delay,
            deadline,
            begun: watch::Sender::new(None),
        }
    }
}

// === impl Vitals ===

impl Vitals {
    /// Resolves when a server should take no more requests: for `with_graceful_shutdown` of axum, tonic and the like.
    ///
    /// On SIGTERM, SIGINT or [`Health::drain`](crate::health::Health::drain), readiness fails at once, so that load balancers
    /// look elsewhere; this resolves after the [delay](crate::vitals::VitalsBuilder::drain_delay), 5 s by default.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + 'static {
        let shutdown = self.shutdown.clone();
        let health = self.health_handle().cloned();
        async move {
            let said = async {
                match &health {
                    Some(health) => {
                        let mut changes = health.changes();
                        while !health.is_draining() && changes.changed().await.is_ok() {}
                    }
                    None => std::future::pending().await,
                }
            };
            select! {
                () = signalled() => {}
                () = said => {}
            }
            if let Some(health) = &health {
                health.drain();
            }
            tracing::info!(target: "tower_vitals", delay_ms = shutdown.delay.as_millis() as u64, "draining");
            shutdown.begun.send_replace(Some(Instant::now()));
            time::sleep(shutdown.delay).await;
        }
    }

    /// Runs a server that drains on [`drained`](Self::drained), to its end or to the
    /// [deadline](crate::vitals::VitalsBuilder::shutdown_deadline), 25 s after the signal by default, whatever is still open
    /// then.
    ///
    /// What was counted is published once more before this returns, for recorders that push; and with feature `sentry`, what
    /// Sentry is to get is sent, within what is left of the deadline, but for 2 s at most and 100 ms at least.
    ///
    /// ```no_run
    /// # async fn serve(vitals: tower_vitals::Vitals, app: axum::Router) -> std::io::Result<()> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// let server = axum::serve(listener, app).with_graceful_shutdown(vitals.drained());
    /// let drained = vitals.run(server).await?;
    /// println!("{} requests were cut off", drained.unfinished);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server fails; the error is its own.
    pub async fn run<S, E>(&self, server: S) -> Result<Drained, E>
    where
        S: IntoFuture<Output = Result<(), E>>,
    {
        let mut begun = self.shutdown.begun.subscribe();
        let deadline = async {
            // The sender lives in `self`, so this fails only when there is nothing to wait for.
            if begun.wait_for(Option::is_some).await.is_err() {
                std::future::pending::<()>().await;
            }
            time::sleep(self.shutdown.deadline).await;
        };
        let mut server = pin!(server.into_future());
        let (ended, unfinished) = select! {
            ended = &mut server => (ended, 0),
            () = deadline => (Ok(()), self.metrics().totals().in_flight),
        };
        if unfinished > 0 {
            tracing::warn!(target: "tower_vitals", unfinished, "the deadline ended the server");
        }
        let metrics = self.metrics().clone();
        // Not on a thread that serves, and not for longer than a moment.
        let published = task::spawn_blocking(move || metrics.publish_global());
        let _ = time::timeout(AT_LEAST, published).await;
        #[cfg(feature = "sentry")]
        let unsent = self.send_the_rest().await;
        ended.map(|()| Drained {
            unfinished,
            #[cfg(feature = "sentry")]
            unsent,
        })
    }

    /// Sends what Sentry is to get while there is time; how much is left then.
    #[cfg(feature = "sentry")]
    async fn send_the_rest(&self) -> u64 {
        let begun = *self.shutdown.begun.borrow();
        let left = begun.map_or(Duration::MAX, |begun| {
            self.shutdown.deadline.saturating_sub(begun.elapsed())
        });
        let timeout = left.clamp(AT_LEAST, AT_MOST);
        let vitals = self.clone();
        let flushed = task::spawn_blocking(move || vitals.flush(timeout));
        // The client's own hooks run before anything waits here: they may hang.
        match time::timeout(timeout + AT_LEAST / 2, flushed).await {
            Ok(Ok(unsent)) => unsent,
            _ => self.sentry.unsent(),
        }
    }
}

/// Resolves at the first signal to end.
async fn signalled() {
    if let Err(error) = wait_for_signal().await {
        let error = error.to_string();
        tracing::error!(target: "tower_vitals", error, "signals cannot be heard");
        std::future::pending().await
    }
}

#[cfg(unix)]
async fn wait_for_signal() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn wait_for_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
