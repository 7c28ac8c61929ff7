//! Counts what became of notifications, by the notifier that people are told by.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::Metrics;

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotificationOutcome {
    /// The notifier took it.
    Sent,
    /// It was pushed out of the full queue, or was left when the service ended.
    Dropped,
    /// The notifier said that it will never arrive, or panicked.
    Refused,
    /// All attempts failed.
    Failed,
}

/// How many notifications had each outcome, by the name of the notifier. Nothing before there is one.
#[derive(Debug, Default)]
pub(super) struct Notifications(Mutex<ByNotifier>);

/// In the order of [`NotificationOutcome::TABLE`].
type ByNotifier = BTreeMap<Arc<str>, [u64; NotificationOutcome::TABLE.len()]>;

// === impl NotificationOutcome ===

impl NotificationOutcome {
    /// Every outcome with the value of its label, in the order of the variants.
    pub(super) const TABLE: [(Self, &'static str); 4] = [
        (Self::Sent, "sent"),
        (Self::Dropped, "dropped"),
        (Self::Refused, "refused"),
        (Self::Failed, "failed"),
    ];
}

// === impl Notifications ===

impl Notifications {
    pub(super) fn read(&self) -> ByNotifier {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ByNotifier> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Metrics ===

impl Metrics {
    /// What became of the notifications of a notifier, in the order of the outcomes.
    #[cfg(feature = "notify")]
    pub(crate) fn notifications(&self, notifier: &str) -> Option<[u64; 4]> {
        self.inner.notifications.read().get(notifier).copied()
    }

    /// Publishes all outcomes of a notifier with 0: else `increase()` would not see the first one.
    pub(crate) fn has_notifier(&self, notifier: &Arc<str>) {
        let mut counts = self.inner.notifications.lock();
        counts.entry(Arc::clone(notifier)).or_default();
    }

    /// Counts so many notifications of a notifier.
    pub(crate) fn count_notifications(
        &self,
        notifier: &Arc<str>,
        outcome: NotificationOutcome,
        many: u64,
    ) {
        let mut counts = self.inner.notifications.lock();
        let counts = counts.entry(Arc::clone(notifier)).or_default();
        let count = &mut counts[outcome as usize];
        *count = count.wrapping_add(many);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_in_its_place() {
        for (index, (outcome, _)) in NotificationOutcome::TABLE.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
        }
    }
}
