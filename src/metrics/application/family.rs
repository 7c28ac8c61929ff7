//! Holds the series of one family, within its bound.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use metrics::{Key, Label};

use super::{
    super::samples::{Kind, Samples},
    keys::Keys,
    notices,
    value::{Handle, Model, Value},
};

/// The value of each label of an overflow series.
const OVERFLOW: &str = "overflow";

/// One family of the application.
#[derive(Debug)]
pub(super) struct Family {
    name: Box<str>,
    model: Model,
    /// The most series, without the overflow series.
    limit: usize,
    /// In the order of their labels. None is ever removed, so that a kept handle goes on counting.
    series: Mutex<Vec<Series>>,
    /// Whether there are as many series as there can be.
    full: AtomicBool,
    overflow: OnceLock<Overflow>,
    /// Keys with names that are not shown, and that are kept nevertheless.
    aliases: AtomicUsize,
    /// Whether it was also recorded as another kind.
    clashed: AtomicBool,
}

/// A series, with its labels in the order of their names.
#[derive(Clone, Debug)]
pub(super) struct Series {
    labels: Arc<[Label]>,
    value: Value,
}

/// The series of all label sets for which there is no room.
#[derive(Debug)]
struct Overflow {
    series: Series,
    handle: Handle,
    recordings: Arc<AtomicU64>,
    told: AtomicBool,
}

// === impl Family ===

impl Family {
    pub(super) fn new(name: &str, model: Model, limit: usize) -> Self {
        Self {
            name: name.into(),
            model,
            limit,
            series: Mutex::default(),
            full: AtomicBool::new(false),
            overflow: OnceLock::new(),
            aliases: AtomicUsize::new(0),
            clashed: AtomicBool::new(false),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn kind(&self) -> Kind {
        self.model.kind
    }

    /// The handle of the key that the application asked for, and that is shown as `shown`. Its series is made if there is room.
    /// Otherwise it is the overflow series, and no lock is taken to write, but for the first one.
    pub(super) fn handle(&self, asked: &Key, shown: Cow<'_, Key>, keys: &Keys) -> Handle {
        // Before the search: then the search finds all that made it full.
        let full = self.full.load(Acquire);
        let found = keys.find(&shown).or_else(|| {
            let room = !full;
            room.then(|| self.add(&shown, keys)).flatten()
        });
        let Some(found) = found else {
            return self.overflow(&shown);
        };
        if matches!(shown, Cow::Owned(_)) && self.takes_alias() {
            keys.add(asked, found.clone());
        }
        found
    }

    /// Whether there is room to keep one more key with names that are not shown.
    fn takes_alias(&self) -> bool {
        let more = |aliases| (aliases < self.limit).then_some(aliases + 1);
        self.aliases.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    /// How many recordings went to the overflow series.
    pub(super) fn overflowed(&self) -> u64 {
        let overflow = self.overflow.get();
        overflow.map_or(0, |overflow| overflow.recordings.load(Relaxed))
    }

    /// Says once that the family was recorded as another kind.
    pub(super) fn clash(&self, other: Kind) {
        if !self.clashed.load(Relaxed) && !self.clashed.swap(true, Relaxed) {
            notices::kinds(&self.name, self.kind(), other);
        }
    }

    /// All series, in the order of their labels.
    pub(super) fn series(&self) -> Vec<Series> {
        let mut series = self.locked().clone();
        if let Some(Overflow { series: more, .. }) = self.overflow.get()
            && let Err(place) = place(&series, &more.labels)
        {
            series.insert(place, more.clone());
        }
        series
    }

    /// Makes a series, unless there is no room.
    fn add(&self, key: &Key, keys: &Keys) -> Option<Handle> {
        let mut series = self.locked();
        // Another thread can have made it meanwhile.
        if let Some(found) = keys.find(key) {
            return Some(found);
        }
        if series.len() >= self.limit {
            return None;
        }
        let mut labels: Vec<_> = key.labels().cloned().collect();
        labels.sort();
        let made = Series {
            labels: labels.into(),
            value: self.model.make(),
        };
        let handle = made.value.handle();
        let (Ok(place) | Err(place)) = place(&series, &made.labels);
        series.insert(place, made);
        keys.add(key, handle.clone());
        self.full.store(series.len() >= self.limit, Release);
        Some(handle)
    }

    fn overflow(&self, key: &Key) -> Handle {
        let overflow = self.overflow.get_or_init(|| self.make_overflow(key));
        if !overflow.told.load(Relaxed) && !overflow.told.swap(true, Relaxed) {
            notices::overflow(&self.name, self.limit);
        }
        overflow.handle.clone()
    }

    /// The series with the most labels gives their names. Only if there is none with labels, the key does.
    fn make_overflow(&self, key: &Key) -> Overflow {
        let series = self.locked();
        let labels = series.iter().map(|series| &*series.labels);
        let own: Vec<_> = key.labels().cloned().collect();
        let named = labels.max_by_key(|labels| labels.len());
        let named = named.filter(|labels| !labels.is_empty()).unwrap_or(&own);
        let names = named.iter().map(|label| label.clone().into_parts().0);
        let mut labels: Vec<_> = names.map(|name| Label::new(name, OVERFLOW)).collect();
        labels.sort();
        let made = || Series {
            labels: labels.clone().into(),
            value: self.model.make(),
        };
        // The application can have these labels itself. Two series with the same labels would be one too many.
        let same = place(&series, &labels).ok();
        let same = same.and_then(|place| series.get(place).cloned());
        let series = same.unwrap_or_else(made);
        let recordings = Arc::default();
        Overflow {
            handle: series.value.overflow_handle(&recordings),
            series,
            recordings,
            told: AtomicBool::new(false),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the series with these labels is, or would be.
fn place(series: &[Series], labels: &[Label]) -> Result<usize, usize> {
    series.binary_search_by(|series| (*series.labels).cmp(labels))
}

// === impl Series ===

impl Series {
    /// Gives the value of this moment.
    pub(super) fn give(&self, out: &mut dyn Samples) {
        let labels = self.labels.iter();
        let labels: Vec<_> = labels.map(|label| (label.key(), label.value())).collect();
        self.value.give(&labels, out);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    fn family(limit: usize) -> Family {
        let model = Model {
            kind: Kind::Counter,
            edges: [].into(),
            dropped: Arc::default(),
        };
        Family::new("views", model, limit)
    }

    fn views(product: &'static str) -> Key {
        Key::from_parts("views", &[("product", product)])
    }

    #[test]
    fn threads_that_add_at_once_add_no_series_twice_and_none_too_many() {
        let (family, keys) = (family(2), Keys::default());
        // Each thread has found no series and room for it before it comes here.
        for product in ["1", "1", "2", "2"] {
            assert!(family.add(&views(product), &keys).is_some());
        }
        assert!(family.add(&views("3"), &keys).is_none());
        assert_eq!(family.series().len(), 2);
    }

    #[test]
    fn a_full_family_is_found_while_others_hold_its_locks() {
        let shared = Arc::new((family(1), Keys::default()));
        let get = move |shared: &(Family, Keys), product| {
            let (family, keys) = shared;
            let key = views(product);
            family.handle(&key, Cow::Borrowed(&key), keys)
        };
        get(&shared, "kept");
        get(&shared, "the first that overflows");

        let (family, keys) = &*shared;
        let _held = (family.locked(), keys.held_for_reading());
        let (done, waits) = mpsc::channel();
        let shared = Arc::clone(&shared);
        thread::spawn(move || {
            let handle = get(&shared, "another");
            if let Handle::Counter(counter) = handle {
                counter.increment(3);
            }
            let _ = done.send(shared.0.overflowed());
        });
        assert_eq!(waits.recv_timeout(Duration::from_secs(20)), Ok(1));
    }
}
