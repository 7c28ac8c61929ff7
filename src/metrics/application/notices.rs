//! Warns of what the application records and does not find again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::samples::Kind;
use crate::facts::current::thread_is_alive;

/// A family has no room for more label sets.
pub(super) fn overflow(metric: &str, limit: usize) {
    guarded(|| {
        tracing::warn!(
            target: "tower_vitals",
            metric,
            limit,
            "more label sets than the limit: the rest is counted under \"overflow\""
        );
    });
}

/// A name is used for two kinds.
pub(super) fn kinds(metric: &str, kept: Kind, dropped: Kind) {
    let (kept, dropped) = (kept.as_str(), dropped.as_str());
    guarded(|| {
        tracing::warn!(
            target: "tower_vitals",
            metric,
            kept,
            dropped,
            "a metric of one kind is recorded as another kind, which is dropped"
        );
    });
}

/// A name belongs to a family of this crate.
pub(super) fn reserved(metric: &str) {
    guarded(|| {
        tracing::warn!(
            target: "tower_vitals",
            metric,
            "a metric has a name that tower-vitals publishes itself: it is dropped"
        );
    });
}

/// The samples of a family would have names that those of another one have.
pub(super) fn samples(metric: &str, other: &str) {
    guarded(|| {
        tracing::warn!(
            target: "tower_vitals",
            metric,
            other,
            "the samples of a metric would have names of another one: it is dropped"
        );
    });
}

/// There are as many families as there can be.
pub(super) fn families(metric: &str, limit: usize) {
    guarded(|| {
        tracing::warn!(
            target: "tower_vitals",
            metric,
            limit,
            "more metrics than the limit: this one and all further ones are dropped"
        );
    });
}

/// Calls the subscriber, whose panics must not reach the application where it records a metric. Call it without a lock: a
/// subscriber can record metrics itself.
fn guarded(write: impl FnOnce()) {
    if thread_is_alive() {
        let _ = catch_unwind(AssertUnwindSafe(write));
    }
}
