//! Holds what a thread remembers: its way to the counters to which it adds.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    counts::{Adder, Counts, Writer},
    series::{Series, SeriesKey},
};
use crate::address_hash::AddressHasher;

/// How many series a thread remembers: as many as fit into a table of 8,192 places. Then it forgets all and starts again.
pub(super) const REMEMBERED: usize = 7_168;

/// How many sets of totals a thread remembers. A process has one; its tests have many.
const REMEMBERED_TOTALS: usize = 64;

/// How often counters were dropped. A thread that finds another number than before forgets those that are gone.
static DROPPED: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Default)]
struct Remembered {
    series: HashMap<CacheKey, Writer<Series>, BuildHasherDefault<AddressHasher>>,
    /// Those that were used first come first.
    totals: Vec<Writer<Counts>>,
    /// The last [`DROPPED`].
    dropped: u64,
}

/// A series, by its table and by the address of the endpoint's text. Two texts with one address are the same while both
/// live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CacheKey {
    table: u64,
    endpoint: usize,
    /// The length of the text and the key of the series. No text has 2^40 bytes.
    rest: u64,
}

thread_local! {
    static REMEMBER: RefCell<Remembered> = RefCell::default();
}

// === impl Remembered ===

impl Remembered {
    /// Forgets counters that nobody reads any more.
    fn sweep(&mut self) {
        let dropped = DROPPED.load(Relaxed);
        if std::mem::replace(&mut self.dropped, dropped) != dropped {
            self.series.retain(|_, writer| !writer.is_closed());
            self.totals.retain(|writer| !writer.is_closed());
        }
    }
}

// === impl CacheKey ===

impl CacheKey {
    fn new(table: u64, endpoint: &str, SeriesKey(major, minor): SeriesKey) -> Self {
        let text = (endpoint.len() as u64) << 24;
        Self {
            table,
            endpoint: endpoint.as_ptr().addr(),
            rest: text | u64::from(major) << 16 | u64::from(minor),
        }
    }
}

impl Hash for CacheKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One word is enough: the high bits of the length, the table and the address are zero or the same.
        let rest = self.rest ^ self.table.rotate_left(56);
        state.write_u64(rest.rotate_left(32) ^ self.endpoint as u64);
    }
}

/// Adds to a series, if this thread remembers it. Returns `false` if not.
#[inline]
pub(super) fn add(table: u64, endpoint: &str, key: SeriesKey, add: &impl Fn(Adder<'_>)) -> bool {
    let known = REMEMBER.try_with(|remember| {
        let remember = remember.borrow();
        let key = CacheKey::new(table, endpoint, key);
        match remember.series.get(&key) {
            // The address can have been that of another text before.
            Some(writer) if *writer.of.endpoint == *endpoint => {
                writer.add(add);
                true
            }
            _ => false,
        }
    });
    known == Ok(true)
}

/// Adds to a series, and remembers it.
pub(super) fn add_first(
    table: u64,
    endpoint: &str,
    key: SeriesKey,
    series: Arc<Series>,
    add: &impl Fn(Adder<'_>),
) {
    // Before anything else: a thread that ends remembers nothing.
    series.counts.add(add);
    let forgotten = REMEMBER.try_with(|remember| {
        let mut remember = remember.borrow_mut();
        remember.sweep();
        let full = remember.series.len() >= REMEMBERED;
        let forgotten = full.then(|| std::mem::take(&mut remember.series));
        let key = CacheKey::new(table, endpoint, key);
        (remember.series.insert(key, Writer::new(series)), forgotten)
    });
    drop(forgotten);
}

/// Adds to totals.
pub(super) fn add_to_totals(totals: &Arc<Counts>, add: &impl Fn(Adder<'_>)) {
    let known = REMEMBER.try_with(|remember| {
        let remember = remember.borrow();
        let mut writers = remember.totals.iter();
        match writers.find(|writer| Arc::ptr_eq(&writer.of, totals)) {
            Some(writer) => {
                writer.add(add);
                true
            }
            None => false,
        }
    });
    if known != Ok(true) {
        add_to_new_totals(totals, add);
    }
}

#[cold]
fn add_to_new_totals(totals: &Arc<Counts>, add: &impl Fn(Adder<'_>)) {
    totals.add(add);
    let forgotten = REMEMBER.try_with(|remember| {
        let mut remember = remember.borrow_mut();
        remember.sweep();
        let full = remember.totals.len() >= REMEMBERED_TOTALS;
        let forgotten = full.then(|| std::mem::take(&mut remember.totals));
        remember.totals.push(Writer::new(Arc::clone(totals)));
        forgotten
    });
    drop(forgotten);
}

/// Forgets the counters that were dropped: on this thread now, on others as soon as they meet a series that is new to them.
pub(super) fn forget_dropped() {
    DROPPED.fetch_add(1, Relaxed);
    let _ = REMEMBER.try_with(|remember| {
        if let Ok(mut remember) = remember.try_borrow_mut() {
            remember.sweep();
        }
    });
}

#[cfg(test)]
pub(super) fn remembered() -> usize {
    REMEMBER.with_borrow(|remember| remember.series.len())
}
