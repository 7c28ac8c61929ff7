//! Finds the series of a request, and limits how many there are.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    bounds::Bounds,
    series::{Sample, Series, SeriesKey},
};
use crate::facts::route::UNMATCHED;

/// How many series an endpoint has on average, at most. A client can choose methods and statuses, and must not create
/// series without limit.
const SERIES_PER_ENDPOINT: usize = 8;

/// How many series a thread remembers. Then it forgets all and starts again.
const REMEMBERED: usize = 8_192;

const OVERFLOW: &str = "overflow";

/// The series of one kind, by endpoint.
#[derive(Debug)]
pub(super) struct Table {
    /// Tells tables apart in the caches of threads.
    number: u64,
    endpoint_cap: usize,
    pub(super) bounds: Bounds,
    pub(super) streams: Bounds,
    rows: RwLock<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    endpoints: HashMap<Arc<str>, Vec<Arc<Series>>>,
    /// How many endpoints, and how many series, count against the cap.
    named: usize,
    series: usize,
}

/// The cache of a thread, by the address of the endpoint's text. Two texts with one address are the same while both live.
type Remembered = HashMap<CacheKey, Arc<Series>, BuildHasherDefault<Mix>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct CacheKey {
    table: u64,
    endpoint: (usize, usize),
    key: SeriesKey,
}

/// A fast hasher. It hashes addresses, which no client chooses.
#[derive(Debug, Default)]
struct Mix(u64);

thread_local! {
    static REMEMBER: RefCell<Remembered> = RefCell::default();
}

// === impl Table ===

impl Table {
    pub(super) fn new(endpoint_cap: usize, bounds: Bounds, streams: Bounds) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBERS.fetch_add(1, Relaxed),
            endpoint_cap,
            bounds,
            streams,
            rows: RwLock::default(),
        }
    }

    /// Counts a request. Returns `false` if its endpoint is over the cap.
    pub(super) fn record(&self, endpoint: Option<&str>, key: SeriesKey, sample: Sample) -> bool {
        let endpoint = endpoint.unwrap_or(UNMATCHED);
        let cached = CacheKey {
            table: self.number,
            endpoint: (endpoint.as_ptr().addr(), endpoint.len()),
            key,
        };
        let known = REMEMBER.try_with(|remember| {
            let remember = remember.borrow();
            match remember.get(&cached) {
                // The address can have been that of another text before.
                Some(series) if *series.endpoint == *endpoint => {
                    series.record(sample, &self.bounds, &self.streams);
                    true
                }
                _ => false,
            }
        });
        if known == Ok(true) {
            return true;
        }
        let series = self.find(endpoint, key);
        series.record(sample, &self.bounds, &self.streams);
        if series.overflow {
            return false;
        }
        let forgotten = REMEMBER.try_with(|remember| {
            let mut remember = remember.borrow_mut();
            let full = remember.len() >= REMEMBERED;
            let forgotten = full.then(|| std::mem::take(&mut *remember));
            remember.insert(cached, series);
            forgotten
        });
        drop(forgotten);
        true
    }

    fn find(&self, endpoint: &str, key: SeriesKey) -> Arc<Series> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = rows.get(endpoint, key) {
            return series;
        }
        drop(rows);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        rows.get_or_add(endpoint, key, self.endpoint_cap)
    }

    /// All series, endpoint by endpoint.
    pub(super) fn series(&self) -> Vec<Vec<Arc<Series>>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.endpoints.values().cloned().collect()
    }

    /// The most memory in bytes, with endpoints of 64 characters. An endpoint outside the cap has at most `most` series.
    pub(super) fn memory_bound(&self, most: usize) -> usize {
        let per_endpoint = SERIES_PER_ENDPOINT.min(most);
        let series = self.endpoint_cap.saturating_mul(per_endpoint);
        let series = series.saturating_add(2 * most);
        series.saturating_mul(Series::bytes(64, &self.bounds, &self.streams))
    }
}

// === impl Rows ===

impl Rows {
    fn get(&self, endpoint: &str, key: SeriesKey) -> Option<Arc<Series>> {
        let series = self.endpoints.get(endpoint)?;
        series.iter().find(|series| series.key == key).cloned()
    }

    fn get_or_add(&mut self, endpoint: &str, key: SeriesKey, cap: usize) -> Arc<Series> {
        if let Some(series) = self.get(endpoint, key) {
            return series;
        }
        let free = endpoint == UNMATCHED || endpoint == OVERFLOW;
        let known = self.endpoints.contains_key(endpoint);
        if !free {
            let room = self.series < cap.saturating_mul(SERIES_PER_ENDPOINT);
            if !room || (!known && self.named >= cap) {
                return self.get_or_add(OVERFLOW, key, cap);
            }
            self.series += 1;
            self.named += usize::from(!known);
        }
        let overflow = endpoint == OVERFLOW;
        let endpoint: Arc<str> = match self.endpoints.get_key_value(endpoint) {
            Some((known, _)) => Arc::clone(known),
            None => endpoint.into(),
        };
        let series = Arc::new(Series::new(Arc::clone(&endpoint), key, overflow));
        let all = self.endpoints.entry(endpoint).or_default();
        all.push(Arc::clone(&series));
        series
    }
}

// === impl Mix ===

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // A hash map uses the low bits, and the product mixes the high ones.
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET_OK: SeriesKey = SeriesKey(0, 200);

    fn capped(cap: usize) -> Table {
        let none = || Bounds::new([]);
        Table::new(cap, none(), none())
    }

    /// One request; whether it fitted under the cap.
    fn count(table: &Table, endpoint: Option<&str>, key: SeriesKey) -> bool {
        let sample = Sample {
            head: None,
            severity: None,
            stream: None,
        };
        table.record(endpoint, key, sample)
    }

    #[test]
    fn an_address_that_was_another_texts_before_is_not_taken_for_it() {
        let table = capped(10);
        let mut endpoint = String::from("/a");
        for letter in ["a", "b"] {
            endpoint.replace_range(1.., letter);
            assert!(count(&table, Some(&endpoint), GET_OK));
        }
        for endpoint in ["/a", "/b"] {
            let series = table.find(endpoint, GET_OK);
            assert_eq!(series.read().requests, 1, "{endpoint}");
        }
    }

    #[test]
    fn a_thread_forgets_rather_than_remember_without_end() {
        let table = capped(10_000);
        let text = "/".repeat(64);
        for n in 0..=REMEMBERED {
            let status = (n / text.len()) as u16;
            count(&table, Some(&text[n % text.len()..]), SeriesKey(0, status));
        }
        let remembered = REMEMBER.with_borrow(HashMap::len);
        assert!(remembered <= REMEMBERED, "{remembered}");
        // And counts on.
        count(&table, Some(&text), SeriesKey(0, 0));
        assert_eq!(table.find(&text, SeriesKey(0, 0)).read().requests, 2);
    }

    #[test]
    fn what_matches_no_route_needs_no_room_under_the_cap() {
        let table = capped(1);
        assert!(count(&table, Some("/a"), GET_OK));
        assert!(!count(&table, Some("/b"), GET_OK));
        assert!(count(&table, None, GET_OK));
        assert_eq!(table.find(UNMATCHED, GET_OK).read().requests, 1);
    }
}
