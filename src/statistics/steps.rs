//! Tells step by step what happened.

use std::{collections::BTreeMap, time::Duration};

use super::{errors::ErrorStatistics, traffic::Traffic};
use crate::{
    facts::{exchange::Outcome, severity::Severity},
    metrics::{
        bounds::Bounds,
        readings::{Key, totals},
    },
    window::Sums,
};

/// What happened in one step. Nobody knows it if nothing was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Step {
    pub(crate) covered: Duration,
    pub(crate) requests: u64,
    pub(crate) error_rate: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p95_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// In the order of [`Severity::ALL`].
    pub(crate) severities: [u64; Severity::ALL.len()],
    /// How many requests began, and how many ended.
    started: u64,
    ended: u64,
    /// The failures by category.
    pub(crate) categories: BTreeMap<&'static str, u64>,
}

/// The last steps up to now, the oldest first. The last one is not over.
#[derive(Debug)]
pub(crate) struct Steps<T> {
    length: Duration,
    many: usize,
    /// The number of the last one, counted since 1970.
    last: Option<u64>,
    all: Vec<T>,
}

// === impl Step ===

impl Step {
    pub(super) fn of(sums: &Sums, bounds: &Bounds) -> Self {
        let traffic = Traffic::of_all(sums, bounds);
        let totals = sums.counts.get(&Key::Totals);
        let total = |index: usize| totals.and_then(|all| all.get(index)).copied().unwrap_or(0);
        let ended = (totals::OUTCOMES..).take(Outcome::ALL.len());
        let severity = |one: Severity| traffic.severities.get(one.as_str()).copied();
        Self {
            covered: sums.covered,
            requests: traffic.requests,
            error_rate: traffic.error_rate,
            p50_ms: traffic.p50_ms,
            p95_ms: traffic.p95_ms,
            p99_ms: traffic.p99_ms,
            severities: Severity::ALL.map(|one| severity(one).unwrap_or(0)),
            started: total(totals::STARTED),
            ended: ended.fold(0, |sum: u64, index| sum.saturating_add(total(index))),
            categories: ErrorStatistics::counted(sums),
        }
    }

    /// The requests that ended in a second. `None` if nothing was observed.
    pub(crate) fn requests_per_second(&self) -> Option<f64> {
        let seconds = self.covered.as_secs_f64();
        (seconds > 0.0).then(|| self.requests as f64 / seconds)
    }

    /// How many requests were in flight at the end of each step, if so many are now. `None` where nothing was observed.
    pub(crate) fn in_flight(steps: &[Self], now: u64) -> Vec<Option<u64>> {
        let mut in_flight = now;
        let mut ends: Vec<_> = steps
            .iter()
            .rev()
            .map(|step| {
                let at_end = in_flight;
                in_flight = (in_flight.saturating_add(step.ended)).saturating_sub(step.started);
                (!step.covered.is_zero()).then_some(at_end)
            })
            .collect();
        ends.reverse();
        ends
    }
}

// === impl Steps ===

impl<T> Steps<T> {
    pub(crate) const fn new(length: Duration, many: usize) -> Self {
        Self {
            length,
            many,
            last: None,
            all: Vec::new(),
        }
    }

    /// Reads what is new, by `read` between two wall times since 1970. A step whose slots may not be closed yet is read again. When a
    /// new step begins, all are: clocks can jump, and what was counted can be forgotten.
    pub(super) fn update(&mut self, now: Duration, read: impl Fn(Duration, Duration) -> T) {
        let number = now.as_secs() / self.length.as_secs().max(1);
        let first = (number + 1).saturating_sub(self.many as u64);
        let from = match self.last == Some(number) {
            true => number.saturating_sub(1).max(first),
            false => first,
        };
        let begin = |number: u64| self.length * u32::try_from(number).unwrap_or(u32::MAX);
        let read = |one: u64| match one == number {
            // A time that was read before the counters would leave out what came last.
            true => read(begin(one), Duration::MAX),
            false => read(begin(one), begin(one + 1)),
        };
        self.all.truncate((from - first) as usize);
        self.all.extend((from..=number).map(read));
        self.last = Some(number);
    }

    pub(crate) const fn length(&self) -> Duration {
        self.length
    }

    /// When the first one begins, by the wall clock, since 1970.
    pub(crate) fn begin(&self) -> Duration {
        let number = self.last.unwrap_or(0) + 1;
        let first = number.saturating_sub(self.all.len() as u64);
        self.length * u32::try_from(first).unwrap_or(u32::MAX)
    }

    pub(crate) fn all(&self) -> &[T] {
        &self.all
    }
}
