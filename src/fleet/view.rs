//! Looks at all instances at one moment.

use std::{cell::RefCell, fmt, sync::MutexGuard, time::Duration};

use super::{
    entry::Entry, error::FleetError, keys::StartId, link_error::LinkError, reader::Reader,
};
use crate::{
    metrics::readings::Key,
    window::{Span, Sums},
};

/// All instances at one moment, by the clock of Redis. What is not known yet is read when it is asked for, so sums can take as
/// long as Redis does. Stretches of time that follow each other share their edge.
pub(crate) struct View<'r> {
    reader: RefCell<MutexGuard<'r, Reader>>,
    failed: RefCell<Option<LinkError>>,
}

/// A start of an instance, as it is known.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) start: StartId,
    pub(crate) entry: Entry,
    /// When it gave a sign of life last, since 1970 by the clock of Redis.
    pub(crate) last_seen: Duration,
    /// Whether it gave none for three ticks, and at least 30 s, though it did not say that it ended.
    pub(crate) is_lost: bool,
    /// Whether it counts durations in other buckets than this instance, or says that it has other settings.
    pub(crate) other_settings: bool,
}

/// The least time without a sign of life after which an instance is lost.
const LOST: Duration = Duration::from_secs(30);

// === impl View ===

impl<'r> View<'r> {
    /// Looks who is there.
    pub(super) fn new(mut reader: MutexGuard<'r, Reader>) -> Result<Self, FleetError> {
        reader.look()?;
        Ok(Self {
            reader: RefCell::new(reader),
            failed: RefCell::new(None),
        })
    }

    /// The time of Redis since 1970.
    pub(crate) fn wall(&self) -> Duration {
        Duration::from_millis(self.reader.borrow().now)
    }

    /// What all instances counted in a stretch of time, for the keys that are wanted. Empty if Redis does not answer: see
    /// [`failure`](Self::failure).
    pub(crate) fn sums(&self, span: Span, wanted: impl Fn(&Key) -> bool) -> Sums {
        self.sums_of(None, span, &wanted)
    }

    /// What one start counted.
    pub(crate) fn sums_of_start(
        &self,
        start: StartId,
        span: Span,
        wanted: impl Fn(&Key) -> bool,
    ) -> Sums {
        self.sums_of(Some(start), span, &wanted)
    }

    fn sums_of(&self, start: Option<StartId>, span: Span, wanted: &dyn Fn(&Key) -> bool) -> Sums {
        let sums = match self.failure() {
            // Whoever does not answer is not asked again.
            Some(_) => None,
            None => match self.reader.borrow_mut().sums(span, wanted, start) {
                Ok(sums) => Some(sums),
                Err(error) => {
                    *self.failed.borrow_mut() = Some(error);
                    None
                }
            },
        };
        sums.unwrap_or_else(|| {
            let now = self.wall();
            Sums {
                begin: now,
                end: now,
                durations_begin: now,
                durations_end: now,
                ..Sums::default()
            }
        })
    }

    /// Why some of what was asked for could not be read. The sums are not those of the fleet then.
    pub(crate) fn failure(&self) -> Option<FleetError> {
        self.failed.borrow().clone().map(FleetError::from)
    }

    /// All starts that are kept, in the order of their ids and of their beginning. `settings` is what this instance says of its
    /// own.
    pub(crate) fn instances(&self, settings: &serde_json::Value) -> Vec<Instance> {
        let reader = self.reader.borrow();
        let instances = reader.starts.iter().map(|(start, known)| {
            let entry = known.entry.clone();
            let last_seen = known.seen.unwrap_or(entry.began);
            let silent = Duration::from_millis(reader.now.saturating_sub(last_seen));
            let most = Duration::from_millis(entry.tick.saturating_mul(3)).max(LOST);
            let other = entry.described.get("settings");
            let other_settings = entry.grid != reader.grid()
                || settings
                    .get("settings")
                    .zip(other)
                    .is_some_and(|(own, other)| own != other);
            Instance {
                start: *start,
                last_seen: Duration::from_millis(last_seen),
                is_lost: silent > most && !entry.ended,
                other_settings,
                entry,
            }
        });
        let mut instances: Vec<_> = instances.collect();
        instances.sort_by(|one, other| {
            let order = |instance: &Instance| (instance.entry.began, instance.start);
            one.entry
                .id
                .cmp(&other.entry.id)
                .then_with(|| order(one).cmp(&order(other)))
        });
        instances
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}
