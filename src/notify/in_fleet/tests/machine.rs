//! Has the clocks of an instance, its own numbers, and what it keeps.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use super::{given::Given, people::BEGIN};
use crate::{
    alerts::{Host, Numbers, Stored},
    notify::StoredTold,
    window::Moment,
};

/// The machine of an instance.
pub(super) struct Machine {
    pub(super) now: Arc<AtomicU64>,
    /// By how many seconds its wall clock is wrong.
    pub(super) wrong: i64,
    pub(super) is_failing: AtomicBool,
    pub(super) in_flight: AtomicI64,
    pub(super) kept: Mutex<Option<Stored>>,
    pub(super) told: Mutex<Option<StoredTold>>,
}

pub(super) struct OnMachine(pub(super) Arc<Machine>);

impl Host for OnMachine {
    fn at_once(&self, judge: &mut dyn FnMut(&dyn Numbers)) {
        let machine = &self.0;
        let in_flight = machine.in_flight.load(SeqCst) as u64;
        let is_failing = machine.is_failing.load(SeqCst);
        judge(&Given::new(self.clock().wall, is_failing, in_flight));
    }

    fn clock(&self) -> Moment {
        let now = self.0.now.load(SeqCst);
        let wrong = self.0.wrong * 1_000;
        Moment {
            monotonic: Duration::from_millis(now - BEGIN + 1),
            wall: Duration::from_millis(now.saturating_add_signed(wrong)),
        }
    }

    fn keep(&self, stored: Stored) {
        *self.0.kept.lock().unwrap() = Some(stored);
    }
}
