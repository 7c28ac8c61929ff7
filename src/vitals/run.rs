//! Runs a server to its end, and says what was left then.

use std::{future::IntoFuture, pin::pin, time::Duration};

use tokio::select;

use super::{RunError, Vitals, shutdown::Run};
use crate::emit;

/// The most time that the admin port gets for answers that it has begun.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What was left when a server ended.
///
/// If several servers of the process have one stack, each request and each session is in the report of one server only. The other
/// numbers count what was not sent when that [`run`](Vitals::run) returned. While another server runs, it can still be sent.
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
    /// Whether the [state file](super::VitalsBuilder::state_file) could not be written in time. `false` without one.
    pub unsaved: bool,
}

// === impl Vitals ===

impl Vitals {
    /// Runs a server that drains on [`shutdown_signal`](Self::shutdown_signal), to its end or to the
    /// [deadline](super::VitalsBuilder::shutdown_deadline), 25 s after the signal by default. At the deadline, the server is dropped.
    ///
    /// What that ends is the server's affair. A server that owns its connections ends them with all requests. Those of axum and
    /// tonic run each connection as a task of the runtime: their requests go on until the runtime ends, which is when `main` returns
    /// or the `Runtime` is dropped. What becomes of them after the deadline is in no last publication and in no state file;
    /// [`unfinished`](ShutdownReport::unfinished) counts them.
    ///
    /// A second signal does the same at once, also during the delay. SIGTERM and SIGINT count alike. If
    /// [`Health::drain`](crate::health::Health::drain) began the shutdown, the first signal after it counts as the first one. After `run`
    /// has returned, signals no longer end the process: let `main` return soon.
    ///
    /// Before it returns, the counters are published once more, for recorders that push. With feature `sentry` the remaining
    /// events are sent, with feature `notify` people are told what waits, with feature `logging` the lines that are queued are
    /// written, and so is the state file, each within the rest of the deadline, but for 2 s at most and 100 ms at least. The [admin
    /// port](super::VitalsBuilder::admin_addr) answers until then, and closes last.
    ///
    /// Several servers of a process can have one stack, each with a `run` of its own at the same time. The last `run` that returns
    /// ends what they share: notifications, the state file, the fleet and the admin port. Then no server of this stack begins any
    /// more. If something starts a server again that has failed, let it do so within one `run`:
    /// `vitals.run(async { loop { … } })`.
    ///
    /// A server counts from the call of `run` on, so call `run` for all of them before you await one. A `run` that is dropped ends
    /// nothing: wait for all of them, with `join!`, and not with `select!` or `try_join!`.
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
    /// - The [admin port](super::VitalsBuilder::admin_addr) cannot be bound: [`RunError::Admin`]. The server has not begun.
    /// - The last `run` of this stack has returned before: [`RunError::Ended`]. The server has not begun.
    ///
    /// If the server's error is an [`io::Error`](std::io::Error), `?` turns all of them into one.
    pub fn run<S, E>(&self, server: S) -> impl Future<Output = Result<ShutdownReport, RunError<E>>>
    where
        S: IntoFuture<Output = Result<(), E>>,
    {
        // Here, and not at the first poll: a server that fails at once is not the last one if another one is about to begin.
        let run = self.shutdown.begin_run();
        self.run_to_its_end(run, server)
    }

    async fn run_to_its_end<S, E>(
        &self,
        run: Option<Run>,
        server: S,
    ) -> Result<ShutdownReport, RunError<E>>
    where
        S: IntoFuture<Output = Result<(), E>>,
    {
        let run = run.ok_or(RunError::Ended)?;
        let admin = self.serve_admin().map_err(RunError::Admin)?;
        let (ended, mut unfinished) = {
            let mut server = pin!(server.into_future());
            select! {
                ended = &mut server => (ended, 0),
                reason = self.shutdown.ended() => {
                    let unfinished = run.cut_off(self.metrics().unfinished());
                    if unfinished > 0 {
                        emit::tell(move || {
                            tracing::warn!(target: "tower_vitals", unfinished, "{reason} ended the server");
                        });
                    }
                    (Ok(()), unfinished)
                }
            }
        };
        let is_last = run.end();
        if is_last {
            unfinished += self.shutdown.sessions_end().await;
        }
        let report = self.deliver_the_rest(is_last, unfinished).await;
        if let Some(admin) = admin {
            admin.end(self.shutdown.left().min(LAST_ANSWERS)).await;
        }
        ended.map_err(RunError::Server)?;
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
