//! Counts for many threads. A thread that adds much has counters of its own, which no other thread writes.

use std::{
    cell::{Cell, OnceCell},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use super::memory::allocated;

/// How often a thread adds before it asks for counters of its own. If there is no room, it asks again as much later.
const BUSY: u32 = 32;

/// The counters before and after those of a thread that nobody uses: two lines of the cache each, since processors fetch
/// them in pairs. So threads do not wait for each other.
const APART: usize = 16;

/// A row of counters. Any thread may add to it.
#[derive(Debug)]
pub(super) struct Counts {
    /// For all threads without counters of their own.
    shared: Box<[AtomicU64]>,
    /// Each row is written by one thread. A reader holds the lock, and so does a thread that gives its row back. So no count
    /// is read twice, and none is missed.
    own: Mutex<Box<[Row]>>,
    places: Arc<Places>,
}

/// The counters of one thread, [`APART`] from all else.
type Row = Arc<[AtomicU64]>;

/// Limits the memory for counters of single threads.
#[derive(Debug)]
pub(super) struct Places {
    /// In bytes.
    taken: AtomicUsize,
    most: usize,
    /// Nobody reads these counts any more.
    closed: AtomicBool,
}

/// A thread's access to counts that are part of a `T`. It is the only writer of its row, and two threads cannot share it.
#[derive(Debug)]
pub(super) struct Writer<T: AsRef<Counts>> {
    pub(super) of: Arc<T>,
    row: OnceCell<Row>,
    /// How often it added without a row of its own.
    added: Cell<u32>,
}

/// The counters to which one request adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adder<'a> {
    counters: &'a [AtomicU64],
    /// They are a row, which no other thread writes.
    own: bool,
}

// === impl Counts ===

impl Counts {
    pub(super) fn new(counters: usize, places: Arc<Places>) -> Self {
        Self {
            shared: zeros(counters).collect(),
            own: Mutex::default(),
            places,
        }
    }

    /// The memory of the counters that all threads share.
    pub(super) fn bytes(counters: usize) -> usize {
        allocated(counters * size_of::<AtomicU64>())
    }

    /// Adds for a thread that remembers nothing.
    pub(super) fn add(&self, add: impl FnOnce(Adder<'_>)) {
        let counters = &self.shared;
        add(Adder {
            counters,
            own: false,
        });
    }

    /// Gives the sum of each counter, in their order. If an addition is seen, then whatever was added before it to a later
    /// counter is seen, too.
    pub(super) fn read(&self) -> Vec<u64> {
        let own = self.own();
        let sum = |(index, shared): (usize, &AtomicU64)| {
            let rows = own.iter().filter_map(|row| row.get(APART + index));
            rows.fold(shared.load(Acquire), |sum, mine| {
                sum.wrapping_add(mine.load(Acquire))
            })
        };
        self.shared.iter().enumerate().map(sum).collect()
    }

    /// A new row, if there is room.
    fn row(&self) -> Option<Row> {
        let counters = self.shared.len();
        if !self.places.take(row_bytes(counters)) {
            return None;
        }
        let row: Row = zeros(APART + counters + APART).collect();
        let mut own = self.own();
        // A new list: it is changed seldom, and each series has one.
        *own = own.iter().chain([&row]).map(Arc::clone).collect();
        drop(own);
        Some(row)
    }

    /// Adds the counts of a row to those that all threads share. Nobody writes the row any more.
    fn take_back(&self, row: &Row) {
        let mut own = self.own();
        for (shared, mine) in self.shared.iter().zip(row.iter().skip(APART)) {
            shared.fetch_add(mine.load(Relaxed), Release);
        }
        let others = own.iter().filter(|other| !Arc::ptr_eq(other, row));
        *own = others.map(Arc::clone).collect();
        drop(own);
        self.places.give_back(row_bytes(self.shared.len()));
    }

    fn own(&self) -> MutexGuard<'_, Box<[Row]>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<Self> for Counts {
    fn as_ref(&self) -> &Self {
        self
    }
}

// === impl Places ===

impl Places {
    /// Places that take at most this many bytes.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most,
            closed: AtomicBool::new(false),
        }
    }

    pub(super) const fn memory_bound(&self) -> usize {
        self.most
    }

    /// From now on, nobody reads the counts that take these places.
    pub(super) fn close(&self) {
        self.closed.store(true, Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.most);
        self.taken.fetch_update(Relaxed, Relaxed, fits).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Relaxed);
    }
}

// === impl Writer ===

impl<T: AsRef<Counts>> Writer<T> {
    pub(super) const fn new(of: Arc<T>) -> Self {
        Self {
            of,
            row: OnceCell::new(),
            added: Cell::new(0),
        }
    }

    /// Whether nobody reads these counts any more.
    pub(super) fn is_closed(&self) -> bool {
        (*self.of).as_ref().places.closed.load(Relaxed)
    }

    #[inline]
    pub(super) fn add(&self, add: impl FnOnce(Adder<'_>)) {
        match self.row.get() {
            Some(row) => add(Adder {
                counters: row,
                own: true,
            }),
            None => self.add_shared(add),
        }
    }

    #[cold]
    fn add_shared(&self, add: impl FnOnce(Adder<'_>)) {
        let counts = (*self.of).as_ref();
        counts.add(add);
        self.added.set(self.added.get().wrapping_add(1));
        if self.added.get().is_multiple_of(BUSY)
            && let Some(row) = counts.row()
        {
            self.row.get_or_init(|| row);
        }
    }
}

impl<T: AsRef<Counts>> Drop for Writer<T> {
    fn drop(&mut self) {
        if let Some(row) = self.row.take() {
            (*self.of).as_ref().take_back(&row);
        }
    }
}

// === impl Adder ===

impl Adder<'_> {
    /// Adds to a counter, which wraps. A counter that is not there is left out.
    #[inline]
    pub(super) fn add(self, index: usize, amount: u64) {
        if self.own {
            if let Some(counter) = self.counters.get(APART + index) {
                counter.store(counter.load(Relaxed).wrapping_add(amount), Release);
            }
        } else if let Some(counter) = self.counters.get(index) {
            counter.fetch_add(amount, Release);
        }
    }
}

fn zeros(counters: usize) -> impl Iterator<Item = AtomicU64> {
    (0..counters).map(|_| AtomicU64::new(0))
}

/// The memory of a row, with the two counts of its owners, and of its place in a list.
pub(super) const fn row_bytes(counters: usize) -> usize {
    let row = allocated((2 + APART + counters + APART) * size_of::<AtomicU64>());
    row + allocated(size_of::<Row>())
}

#[cfg(test)]
mod tests;
