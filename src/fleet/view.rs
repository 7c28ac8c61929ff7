//! Looks at all instances at one moment.

use std::{cell::RefCell, fmt, sync::MutexGuard, time::Duration};

use serde_json::Value;

use super::{
    entry::Entry, error::FleetError, keys::StartId, known_start::KnownStart, link_error::LinkError,
    reader::Reader,
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

/// What is compared between instances, in what each says of itself.
const SETTINGS: &str = "settings";

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

    /// How many starts are not listed, because there were too many. What they counted is among the sums.
    pub(crate) fn unlisted(&self) -> u64 {
        let reader = self.reader.borrow();
        reader.starts.values().map(|known| known.entry.starts).sum()
    }

    /// Whether all that give signs of life have been read.
    pub(crate) fn is_complete(&self) -> bool {
        let reader = self.reader.borrow();
        let mut live = reader.starts.values();
        live.all(|known| known.entry.ended || is_lost(known, reader.now) || known.is_read())
    }

    /// All starts that are listed, in the order of their ids and of their beginning. `settings` is what this instance says of its own.
    pub(crate) fn instances(&self, settings: &Value) -> Vec<Instance> {
        let reader = self.reader.borrow();
        let own = (settings.get(SETTINGS), reader.grid());
        let all = reader.starts.values();
        let live = all.filter(|known| !known.entry.ended && !is_lost(known, reader.now));
        // One that has only just begun may not have told its own yet.
        let tells = |told: &Settings<'_>| told.0.is_some() || own.0.is_none();
        let usual = usual(own, &live.map(told).filter(tells).collect::<Vec<_>>());
        let listed = reader.starts.iter();
        let listed = listed.filter(|(_, known)| known.entry.starts == 0);
        let instances = listed.map(|(start, known)| {
            let entry = known.entry.clone();
            let last_seen = known.seen.unwrap_or(entry.began);
            Instance {
                start: *start,
                last_seen: Duration::from_millis(last_seen),
                is_lost: is_lost(known, reader.now) && !entry.ended,
                other_settings: tells(&told(known)) && told(known) != usual,
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

// === impl Instance ===

impl Instance {
    /// Whether it runs, as far as anybody knows.
    pub(super) const fn is_live(&self) -> bool {
        !self.is_lost && !self.entry.ended
    }
}

/// Whether an instance gave no sign of life for too long.
fn is_lost(known: &KnownStart, now: u64) -> bool {
    let last_seen = known.seen.unwrap_or(known.entry.began);
    let silent = Duration::from_millis(now.saturating_sub(last_seen));
    let most = Duration::from_millis(known.entry.tick.saturating_mul(3));
    silent > most.max(LOST)
}

/// What an instance tells of its settings, and the buckets of its durations.
type Settings<'a> = (Option<&'a Value>, u64);

fn told(known: &KnownStart) -> Settings<'_> {
    (known.entry.described.get(SETTINGS), known.entry.grid)
}

/// The settings that most instances have. Of two that are as frequent, those of the instance that asks.
fn usual<'a>(own: Settings<'a>, told: &[Settings<'a>]) -> Settings<'a> {
    let frequent = |one: &Settings<'_>| told.iter().filter(|other| *other == one).count();
    let most = told.iter().max_by_key(|one| (frequent(one), **one == own));
    most.copied().unwrap_or(own)
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_odd_one_out_is_named_also_if_it_is_the_one_that_asks() {
        let [a, b] = [json!("a"), json!("b")];
        let (a, b, wide) = ((Some(&a), 7), (Some(&b), 7), (Some(&a), 8));
        assert_eq!(usual(b, &[a, a, b]), a);
        assert_eq!(usual(a, &[a, a, b]), a);
        assert_eq!(usual(a, &[b, a]), a);
        assert_eq!(usual(b, &[b, a]), b);
        assert_eq!(usual(wide, &[a, wide, a]), a);
        assert_eq!(usual(b, &[]), b);
    }
}
