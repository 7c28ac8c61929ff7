//! Lets others wait for a change of the service's health.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use tokio::sync::watch;

use super::{handle::Health, registry::Registry, state::Status};

/// The changes of a [`Health`], as a stream. Each item is the status of the service after the change.
///
/// A change is a change of a check's status, also by its [expiry](super::Check::expires_after), or the begin of draining.
/// Changes that come while nobody waits are one item. The stream ends when the last handle to the checks is dropped.
///
/// The runtime that asks the checks makes the changes. If it ends or stands still, there are none; the status is unknown then.
///
/// ```no_run
/// # async fn watch(health: tower_vitals::health::Health) {
/// let mut changes = health.changes();
/// while let Some(status) = changes.next().await {
///     println!("the service is {}", status.as_str());
/// }
/// # }
/// ```
pub struct HealthChanges {
    health: Weak<Registry>,
    waiting: Waiting,
}

/// Waits for the next version, and returns the receiver if there is one.
type Waiting = Pin<Box<dyn Future<Output = Option<watch::Receiver<u64>>> + Send>>;

// === impl Health ===

impl Health {
    /// The changes from now on, as a stream.
    #[must_use]
    pub fn changes(&self) -> HealthChanges {
        HealthChanges {
            health: Arc::downgrade(&self.registry),
            waiting: Box::pin(wait(self.registry.subscribe())),
        }
    }
}

// === impl HealthChanges ===

impl HealthChanges {
    /// Waits for the next change. `None` when the stream has ended.
    pub async fn next(&mut self) -> Option<Status> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for HealthChanges {
    type Item = Status;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Status>> {
        let versions = ready!(self.waiting.as_mut().poll(cx));
        let next = versions.zip(self.health.upgrade());
        let Some((versions, registry)) = next else {
            // It has ended, and stays so when it is polled again.
            self.waiting = Box::pin(std::future::ready(None));
            return Poll::Ready(None);
        };
        self.waiting = Box::pin(wait(versions));
        Poll::Ready(Some(registry.snapshot().status_without(&[])))
    }
}

impl fmt::Debug for HealthChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChanges").finish_non_exhaustive()
    }
}

async fn wait(mut versions: watch::Receiver<u64>) -> Option<watch::Receiver<u64>> {
    versions.changed().await.ok()?;
    Some(versions)
}
