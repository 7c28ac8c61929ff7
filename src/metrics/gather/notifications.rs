//! Gives what became of notifications.

use super::super::{
    catalog::Id,
    notifications::{NotificationOutcome, Notifications},
    one_family::OneFamily,
};

/// Gives the family of notifications. Of another family it gives nothing.
pub(super) fn give(notifications: &Notifications, family: &mut OneFamily<'_>) {
    if family.id() != Id::Notifications {
        return;
    }
    for (notifier, counts) in notifications.read() {
        for ((_, outcome), count) in NotificationOutcome::TABLE.into_iter().zip(counts) {
            family.counter(&[&notifier, outcome], count);
        }
    }
}
