//! Finds the series of a request, and limits how many there are.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    bounds::Bounds,
    counts::{Adder, Places},
    memory::allocated,
    push::Pushed,
    remember,
    series::{Sample, Series, SeriesKey},
};
use crate::facts::{labels::MethodLabel, route::UNMATCHED};

/// How many series the endpoints outside the cap have each, at most. The others of their series are counted under the
/// second label 0.
const MOST_OUTSIDE: usize = 512;

/// The endpoint that counts those that are over the cap. It has one address, by which threads remember it.
pub(super) static OVERFLOW: &str = "overflow";

/// The series of one kind, by endpoint.
#[derive(Debug)]
pub(super) struct Table {
    /// Tells tables apart in what threads remember.
    number: u64,
    limits: Limits,
    /// The buckets. Without them, requests are counted, and nothing else.
    bounds: Option<Bounds>,
    /// The edges that are published.
    edges: Option<Vec<f64>>,
    places: Arc<Places>,
    rows: RwLock<Rows>,
}

/// How many series a table has, at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Endpoints.
    pub(super) endpoints: usize,
    /// Series for each of them, on average. A client can choose methods and statuses, and must not create series without
    /// limit.
    pub(super) each: usize,
}

#[derive(Debug, Default)]
struct Rows {
    endpoints: HashMap<Arc<str>, Vec<Arc<Series>>>,
    /// How many endpoints, and how many series, count against the cap.
    named: usize,
    series: usize,
}

// === impl Table ===

impl Table {
    pub(super) fn new(limits: Limits, bounds: Option<Bounds>, places: &Arc<Places>) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBERS.fetch_add(1, Relaxed),
            limits,
            edges: bounds.as_ref().map(Bounds::published),
            bounds,
            places: Arc::clone(places),
            rows: RwLock::default(),
        }
    }

    /// Counts a request. Returns `false` if its endpoint is over the cap.
    pub(super) fn record(&self, endpoint: Option<&str>, key: SeriesKey, sample: Sample) -> bool {
        let endpoint = endpoint.unwrap_or(UNMATCHED);
        let bounds = self.bounds.as_ref();
        let add = |adder: Adder<'_>| sample.add_to(adder, bounds);
        if remember::add(self.number, endpoint, key, &add) {
            return true;
        }
        self.record_first(endpoint, key, &add)
    }

    /// Counts a request in a series that this thread does not remember.
    #[cold]
    fn record_first(&self, endpoint: &str, key: SeriesKey, add: &impl Fn(Adder<'_>)) -> bool {
        let series = self.find(endpoint, key);
        let overflow = series.overflow;
        if !overflow {
            remember::add_first(self.number, endpoint, key, series, add);
        } else if !remember::add(self.number, OVERFLOW, key, add) {
            remember::add_first(self.number, OVERFLOW, key, series, add);
        }
        !overflow
    }

    /// Counts under a name whose text can be gone after this call. It is remembered by the text of its series: else each such text would
    /// take a place in what a thread remembers.
    pub(super) fn record_passing(&self, name: &str, key: SeriesKey, sample: Sample) -> bool {
        let bounds = self.bounds.as_ref();
        let add = |adder: Adder<'_>| sample.add_to(adder, bounds);
        let series = self.find(name, key);
        let overflow = series.overflow;
        let kept = Arc::clone(&series.endpoint);
        if !remember::add(self.number, &kept, key, &add) {
            remember::add_first(self.number, &kept, key, series, &add);
        }
        !overflow
    }

    fn find(&self, endpoint: &str, key: SeriesKey) -> Arc<Series> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = rows.get(endpoint, key) {
            return series;
        }
        drop(rows);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        let new = |endpoint, key, overflow| {
            Series::new(
                endpoint,
                key,
                overflow,
                self.bounds.as_ref(),
                Arc::clone(&self.places),
            )
        };
        rows.get_or_add(endpoint, key, self.limits, &new)
    }

    /// All series, endpoint by endpoint.
    pub(super) fn series(&self) -> Vec<Vec<Arc<Series>>> {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.endpoints.values().cloned().collect()
    }

    /// How many endpoints count against the cap, and the cap.
    #[cfg(feature = "statistics")]
    pub(super) fn named(&self) -> (usize, usize) {
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        (rows.named, self.limits.endpoints)
    }

    /// The buckets. The result has none if the table only counts.
    pub(super) const fn bounds(&self) -> Option<&Bounds> {
        self.bounds.as_ref()
    }

    /// The edges of the buckets as they are published, if there are buckets.
    pub(super) fn edges(&self) -> Option<&[f64]> {
        self.edges.as_deref()
    }

    /// The most memory in bytes, with endpoints of 64 characters, but without the counters of single threads. An endpoint
    /// outside the cap has at most `most` series. If a recorder of the application gets them, what it has is remembered.
    pub(super) fn memory_bound(&self, most: usize, pushes: bool) -> usize {
        let Limits { endpoints, each } = self.limits;
        // The text with its two counts, and a place in a hash table, of which 7 in 16 are taken after it grew.
        let place = (size_of::<(Arc<str>, Vec<Arc<Series>>)>() + 1) * 16 / 7;
        let texts = endpoints.saturating_mul(allocated(64 + 16) + place);
        let series = endpoints.saturating_mul(each.min(most));
        // Each method can have one more, under the second label 0.
        let outside = 2 * most.min(MOST_OUTSIDE + MethodLabel::ALL.len());
        let series = series.saturating_add(outside);
        let bounds = self.bounds.as_ref();
        let pushed = if pushes {
            Pushed::bytes(series, bounds)
        } else {
            0
        };
        let series = series.saturating_mul(Series::bytes(bounds));
        series.saturating_add(texts).saturating_add(pushed)
    }
}

// === impl Rows ===

impl Rows {
    fn get(&self, endpoint: &str, key: SeriesKey) -> Option<Arc<Series>> {
        let series = self.endpoints.get(endpoint)?;
        series.iter().find(|series| series.key == key).cloned()
    }

    fn get_or_add(
        &mut self,
        endpoint: &str,
        key: SeriesKey,
        limits: Limits,
        new: &impl Fn(Arc<str>, SeriesKey, bool) -> Series,
    ) -> Arc<Series> {
        if let Some(series) = self.get(endpoint, key) {
            return series;
        }
        let outside = endpoint == UNMATCHED || endpoint == OVERFLOW;
        let known = self.endpoints.get(endpoint);
        if outside {
            let full = known.is_some_and(|series| series.len() >= MOST_OUTSIDE);
            if full && key.1 != 0 {
                return self.get_or_add(endpoint, SeriesKey(key.0, 0), limits, new);
            }
        } else {
            let Limits { endpoints, each } = limits;
            let room = self.series < endpoints.saturating_mul(each);
            if !room || (known.is_none() && self.named >= endpoints) {
                return self.get_or_add(OVERFLOW, key, limits, new);
            }
            self.series += 1;
            self.named += usize::from(known.is_none());
        }
        let overflow = endpoint == OVERFLOW;
        let endpoint: Arc<str> = match self.endpoints.get_key_value(endpoint) {
            Some((known, _)) => Arc::clone(known),
            None => endpoint.into(),
        };
        let series = Arc::new(new(Arc::clone(&endpoint), key, overflow));
        let all = self.endpoints.entry(endpoint).or_default();
        all.push(Arc::clone(&series));
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{counts::Places, remember::REMEMBERED};

    const GET_OK: SeriesKey = SeriesKey(0, 200);

    fn capped(endpoints: usize) -> Table {
        let limits = Limits { endpoints, each: 8 };
        Table::new(limits, None, &Arc::new(Places::new(0)))
    }

    /// One request; whether it fitted under the cap.
    fn count(table: &Table, endpoint: Option<&str>, key: SeriesKey) -> bool {
        table.record(endpoint, key, Sample::default())
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
        let remembered = remember::remembered();
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

    #[test]
    fn endpoints_outside_the_cap_have_few_series() {
        let table = capped(1);
        let all = MOST_OUTSIDE as u16 + 100;
        count(&table, Some("/a"), GET_OK);
        for status in 1..=all {
            count(&table, None, SeriesKey(9, status));
            assert!(!count(&table, Some("/b"), SeriesKey(9, status)));
        }
        for endpoint in [UNMATCHED, OVERFLOW] {
            let series = table.rows.read().unwrap().endpoints[endpoint].clone();
            assert_eq!(series.len(), MOST_OUTSIDE + 1, "{endpoint}");
            let counted: u64 = series.iter().map(|series| series.read().requests).sum();
            assert_eq!(counted, u64::from(all), "{endpoint}");
            assert_eq!(table.find(endpoint, SeriesKey(9, all)).key, SeriesKey(9, 0));
        }
    }
}
