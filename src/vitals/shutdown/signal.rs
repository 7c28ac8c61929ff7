//! Hears what begins a shutdown: signals, or the application.

use std::future::{Future, pending};

use tokio::{runtime::Handle, select, task, time};

use super::Shutdown;
use crate::{
    emit,
    health::{Health, HealthService},
    vitals::{Vitals, signals::Signals},
};

// === impl Shutdown ===

impl Shutdown {
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

// === impl Vitals ===

impl Vitals {
    /// Resolves when a server should accept no more requests: for `with_graceful_shutdown` of axum, tonic and others.
    ///
    /// On SIGTERM, SIGINT or [`Health::drain`], readiness fails at once, so that load balancers send requests elsewhere. The
    /// future resolves after the [delay](crate::vitals::VitalsBuilder::drain_delay), 5 s by default. A second signal ends [`run`](Self::run);
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
}

/// Resolves when the application calls [`Health::drain`].
async fn draining(health: Option<&Health>) {
    let Some(health) = health else {
        return pending().await;
    };
    let mut changes = health.changes();
    while !health.is_draining() && changes.next().await.is_some() {}
}
