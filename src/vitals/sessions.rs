//! Follows WebSocket sessions, and other upgraded connections, after their requests have ended.

use std::{future::Future, sync::Arc};

use super::{Vitals, shutdown::Shutdown};
use crate::{facts::exchange::Exchange, metrics::Metrics};

/// Counts WebSocket sessions, and tells them when the service drains. Clones share it. [`Vitals::websocket_sessions`] makes
/// it.
///
/// The request of a session ends with its response `101`. What comes then runs in a task that no layer can see. So the handler
/// asks for a [`WebSocketSession`], and runs in it what it does with the socket. It serves any upgraded connection, also of
/// plain hyper.
///
/// ```no_run
/// # async fn upgraded() {}
/// # async fn messages() {}
/// # async fn send_close() {}
/// # fn spawn_after_upgrade<F: Future<Output = ()> + Send + 'static>(_: impl FnOnce() -> F) {}
/// use tower_vitals::Vitals;
///
/// let vitals = Vitals::builder().build()?;
/// let sessions = vitals.websocket_sessions();
///
/// // In the handler, where axum has `on_upgrade`:
/// let session = sessions.begin();
/// spawn_after_upgrade(move || {
///     let closing = session.closing();
///     async move {
///         session
///             .run(async move {
///                 tokio::select! {
///                     () = messages() => {}
///                     // The service drains: say so to the client, and end.
///                     () = closing => send_close().await,
///                 }
///             })
///             .await;
///     }
/// });
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct WebSocketSessions {
    metrics: Metrics,
    shutdown: Shutdown,
}

/// One session, with the exchange of the request that opened it.
#[derive(Debug)]
#[must_use = "a session is counted when it runs"]
pub struct WebSocketSession {
    exchange: Option<Arc<Exchange>>,
    sessions: WebSocketSessions,
}

// === impl Vitals ===

impl Vitals {
    /// What counts the WebSocket sessions of this application, and tells them when it drains.
    #[must_use]
    pub fn websocket_sessions(&self) -> WebSocketSessions {
        WebSocketSessions {
            metrics: self.metrics.clone(),
            shutdown: self.shutdown.clone(),
        }
    }
}

// === impl WebSocketSessions ===

impl WebSocketSessions {
    /// A session of the current request. Call it in the handler: the task of an upgrade has no request.
    pub fn begin(&self) -> WebSocketSession {
        WebSocketSession {
            exchange: Exchange::current(),
            sessions: self.clone(),
        }
    }
}

// === impl WebSocketSession ===

impl WebSocketSession {
    /// Resolves when the service accepts no more requests, which is the drain delay after the first signal: time to send a
    /// Close frame and to end. Without feature `health` it never resolves.
    pub fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        let shutdown = self.sessions.shutdown.clone();
        async move { shutdown.closing().await }
    }

    /// Runs the session to its end. `None` if it still ran at the deadline of the shutdown, or at a second signal: then it is
    /// dropped, and [`ShutdownReport::unfinished`](crate::ShutdownReport) counts it.
    ///
    /// From this call on it counts in the gauge `websocket_sessions`, until the future ends or is dropped. Then its duration is in
    /// `websocket_session_duration_seconds{endpoint}`. The request is the [current exchange](Exchange::scope) of the session: lines
    /// have its id, and with feature `sentry` a copy of its scope is bound.
    ///
    /// [`Vitals::run`] waits for sessions when the server has drained, until the deadline.
    pub fn run<F: Future>(self, session: F) -> impl Future<Output = Option<F::Output>> {
        let WebSocketSessions { metrics, shutdown } = self.sessions;
        let counted = metrics.begin_session(self.exchange.as_deref());
        let waited_for = shutdown.count_session();
        let scoped = match self.exchange {
            Some(exchange) => Scoped::In(exchange.scope(session)),
            None => Scoped::Bare(session),
        };
        async move {
            // Both end when this future is dropped, too.
            let (_counted, mut waited_for) = (counted, waited_for);
            let session = async move {
                match scoped {
                    Scoped::In(session) => session.await,
                    Scoped::Bare(session) => session.await,
                }
            };
            let output = shutdown.until_over(session).await;
            if output.is_none() {
                waited_for.cut();
            }
            output
        }
    }
}

/// A session with the exchange of its request, if there is one.
enum Scoped<A, B> {
    In(A),
    Bare(B),
}
