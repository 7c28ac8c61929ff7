//! Finds the series of a request, bounds how many there are, and keeps the totals.

use std::{
    cell::RefCell,
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicI64, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use super::{
    labels::{MethodLabel, StatusLabel},
    series::{Bounds, Sample, Series, shard, shards},
};
use crate::exchange::Outcome;

/// Statuses and methods that a handler lets a client choose must not multiply the endpoints without end.
const SERIES_PER_ENDPOINT: usize = 8;

/// What a thread remembers before it starts anew.
const REMEMBERED: usize = 8_192;

pub(super) const UNMATCHED: &str = "unmatched";
const OVERFLOW: &str = "overflow";

/// Everything that is counted, until the publisher reads it.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Tells ledgers apart in what threads remember.
    number: u64,
    endpoint_cap: usize,
    pub(super) bounds: Bounds,
    pub(super) streams: Bounds,
    table: RwLock<Table>,
    totals: Box<[Totals]>,
    warned: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    endpoints: HashMap<Arc<str>, Vec<Arc<Series>>>,
    /// Endpoints and series that count against the cap.
    named: usize,
    series: usize,
}

/// One thread's share of the totals.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Totals {
    pub(super) started: AtomicU64,
    pub(super) outcomes: [AtomicU64; Outcome::ALL.len()],
    /// By method. A shard may go below zero, where a request ends on another thread than it began; their sum does not.
    pub(super) in_flight: [AtomicI64; MethodLabel::ALL.len()],
    pub(super) excluded: AtomicU64,
    pub(super) excluded_errors: AtomicU64,
    pub(super) overflow: AtomicU64,
    pub(super) hook_failures: AtomicU64,
    pub(super) readiness_errors: AtomicU64,
    pub(super) dropped_log: AtomicU64,
}

/// By address: two texts of one address are the same text while both live.
type Remembered = HashMap<Key, Arc<Series>, BuildHasherDefault<Mix>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    ledger: u64,
    endpoint: (usize, usize),
    method: MethodLabel,
    status: StatusLabel,
}

/// Multiplies words together; what it hashes are addresses, which no client chooses.
#[derive(Debug, Default)]
struct Mix(u64);

thread_local! {
    static REMEMBER: RefCell<Remembered> = RefCell::default();
}

// === impl Ledger ===

impl Ledger {
    pub(super) fn new(endpoint_cap: usize, bounds: Bounds, streams: Bounds) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NUMBERS.fetch_add(1, Relaxed),
            endpoint_cap,
            bounds,
            streams,
            table: RwLock::default(),
            totals: (0..shards()).map(|_| Totals::default()).collect(),
            warned: AtomicBool::new(false),
        }
    }

    /// This thread's share of the totals.
    pub(super) fn totals(&self) -> &Totals {
        // `shard` is below the number of shards, and so of totals.
        &self.totals[shard()]
    }

    pub(super) fn all_totals(&self) -> impl Iterator<Item = &Totals> {
        self.totals.iter()
    }

    /// Counts a request; `true` where it is the first that no longer fitted under the cap.
    pub(super) fn record(
        &self,
        endpoint: Option<&str>,
        method: MethodLabel,
        status: StatusLabel,
        sample: Sample,
    ) -> bool {
        let endpoint = endpoint.unwrap_or(UNMATCHED);
        let key = Key {
            ledger: self.number,
            endpoint: (endpoint.as_ptr().addr(), endpoint.len()),
            method,
            status,
        };
        let known = REMEMBER.try_with(|remember| {
            let remember = remember.borrow();
            match remember.get(&key) {
                // The address may have been another text's before.
                Some(series) if *series.endpoint == *endpoint => {
                    series.record(sample, &self.bounds, &self.streams);
                    true
                }
                _ => false,
            }
        });
        if known == Ok(true) {
            return false;
        }
        let series = self.find(endpoint, method, status);
        series.record(sample, &self.bounds, &self.streams);
        if series.overflow {
            self.totals().overflow.fetch_add(1, Relaxed);
            return !self.warned.swap(true, Relaxed);
        }
        let forgotten = REMEMBER.try_with(|remember| {
            let mut remember = remember.borrow_mut();
            let full = remember.len() >= REMEMBERED;
            let forgotten = full.then(|| std::mem::take(&mut *remember));
            remember.insert(key, series);
            forgotten
        });
        drop(forgotten);
        false
    }

    fn find(&self, endpoint: &str, method: MethodLabel, status: StatusLabel) -> Arc<Series> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(series) = table.get(endpoint, method, status) {
            return series;
        }
        drop(table);
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.get_or_add(endpoint, method, status, self.endpoint_cap)
    }

    /// The series there are, endpoint by endpoint.
    pub(super) fn series(&self) -> Vec<Vec<Arc<Series>>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.endpoints.values().cloned().collect()
    }

    /// The most memory, in bytes, that counting can take with endpoints of 64 characters.
    pub(super) fn memory_bound(&self) -> usize {
        let per_status = 501 * MethodLabel::ALL.len();
        let series = self.endpoint_cap * SERIES_PER_ENDPOINT + 2 * per_status;
        series * Series::bytes(64, &self.bounds, &self.streams)
            + self.totals.len() * size_of::<Totals>()
    }
}

// === impl Table ===

impl Table {
    fn get(&self, endpoint: &str, method: MethodLabel, status: StatusLabel) -> Option<Arc<Series>> {
        let series = self.endpoints.get(endpoint)?;
        series
            .iter()
            .find(|series| series.method == method && series.status == status)
            .cloned()
    }

    fn get_or_add(
        &mut self,
        endpoint: &str,
        method: MethodLabel,
        status: StatusLabel,
        cap: usize,
    ) -> Arc<Series> {
        if let Some(series) = self.get(endpoint, method, status) {
            return series;
        }
        let free = endpoint == UNMATCHED || endpoint == OVERFLOW;
        let known = self.endpoints.contains_key(endpoint);
        if !free {
            let room = self.series < cap.saturating_mul(SERIES_PER_ENDPOINT);
            if !room || (!known && self.named >= cap) {
                return self.get_or_add(OVERFLOW, method, status, cap);
            }
            self.series += 1;
            self.named += usize::from(!known);
        }
        let overflow = endpoint == OVERFLOW;
        let endpoint: Arc<str> = match self.endpoints.get_key_value(endpoint) {
            Some((known, _)) => Arc::clone(known),
            None => endpoint.into(),
        };
        let series = Arc::new(Series::new(Arc::clone(&endpoint), method, status, overflow));
        let all = self.endpoints.entry(endpoint).or_default();
        all.push(Arc::clone(&series));
        series
    }
}

// === impl Totals ===

impl Totals {
    pub(super) fn start(&self, method: MethodLabel) {
        self.started.fetch_add(1, Relaxed);
        self.in_flight[method.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self, method: MethodLabel, outcome: Outcome) {
        self.in_flight[method.index()].fetch_sub(1, Relaxed);
        // Whoever sees this ending sees its start as well.
        self.outcomes[outcome as usize].fetch_add(1, Release);
    }

    pub(super) fn outcome(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Acquire)
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
        // The table takes the low bits, the product mixes the high ones.
        self.0 ^ (self.0 >> 32)
    }
}
