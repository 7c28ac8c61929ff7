//! Everything that was counted since the start, at one moment, as windows read it.

use std::sync::Arc;

use super::{Metrics, series::Series};
use crate::facts::{
    category::ErrorCategory,
    exchange::Outcome,
    labels::{MethodLabel, StatusLabel},
    work::{CallOutcome, Work},
};

/// What was counted since the start, at one moment. No number falls as long as the process lives.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readings {
    /// The counts of each thing. All things of one kind have the same number of counts.
    pub(crate) counts: Vec<(Key, Vec<u64>)>,
    /// The durations of each thing that has some, by the buckets of the grid, not cumulative.
    pub(crate) durations: Vec<(Key, Vec<u64>)>,
}

/// A thing that is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// All requests. Its counts stand in the order of [`totals`].
    Totals,
    /// The requests of an endpoint with a method and a status. Its counts stand in the order of [`requests`].
    Requests {
        endpoint: Arc<str>,
        method: MethodLabel,
        status: StatusLabel,
    },
    /// The failures of an endpoint with a category: one count.
    Errors {
        endpoint: Arc<str>,
        category: ErrorCategory,
    },
    /// The failures of an endpoint with a category and a type of the error: one count. They are in [`Key::Errors`], too.
    ErrorType {
        endpoint: Arc<str>,
        category: ErrorCategory,
        error_type: Arc<str>,
    },
    /// The durations of an endpoint with a method.
    Durations {
        endpoint: Arc<str>,
        method: MethodLabel,
    },
    /// Work beside requests that ended in one way. Its counts stand in the order of [`work`].
    Work {
        work: Work,
        name: Arc<str>,
        detail: u8,
        /// `None` if nobody knows.
        outcome: Option<CallOutcome>,
    },
    /// The durations of work beside requests, however it ended.
    WorkDurations {
        work: Work,
        name: Arc<str>,
        detail: u8,
    },
}

// === impl Key ===

impl Key {
    /// Whether it is of requests and their durations.
    pub(crate) const fn is_of_traffic(&self) -> bool {
        matches!(self, Self::Requests { .. } | Self::Durations { .. })
    }

    /// Whether its counts are durations by the buckets of the grid.
    pub(crate) const fn is_of_durations(&self) -> bool {
        matches!(self, Self::Durations { .. } | Self::WorkDurations { .. })
    }
}

// === impl Metrics ===

impl Metrics {
    /// What was counted since the start. With thousands of series it takes milliseconds.
    pub(crate) fn readings(&self) -> Readings {
        let mut readings = Readings::default();
        readings.add_totals(self);
        let inner = &*self.inner;
        for route in inner.http.series() {
            readings.add_route(&route);
        }
        for series in inner.errors.series().iter().flatten() {
            let key = Key::Errors {
                endpoint: Arc::clone(&series.endpoint),
                category: series.category(),
            };
            readings.counts.push((key, vec![series.read().requests]));
        }
        for of_type in inner.error_types.all() {
            let key = Key::ErrorType {
                endpoint: of_type.endpoint,
                category: of_type.category,
                error_type: of_type.error_type,
            };
            readings.counts.push((key, vec![of_type.failures]));
        }
        // Without work there is nothing to read.
        if let Some(counts) = inner.work.get() {
            for work in Work::ALL {
                for of_name in counts.table(work).series() {
                    readings.add_work(work, &of_name);
                }
            }
        }
        readings
    }
}

// === impl Readings ===

impl Readings {
    fn add_totals(&mut self, metrics: &Metrics) {
        let totals = metrics.totals();
        let mut counts = vec![0; totals::COUNTS];
        counts[totals::STARTED] = totals.started;
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            counts[totals::OUTCOMES + index] = totals.outcome(outcome);
        }
        counts[totals::EXCLUDED] = totals.excluded;
        counts[totals::EXCLUDED_ERRORS] = totals.excluded_errors;
        counts[totals::OVERFLOW] = totals.overflow;
        self.counts.push((Key::Totals, counts));
    }

    /// Adds all series of one endpoint. Its durations are told by method, and not by status.
    fn add_route(&mut self, route: &[Arc<Series>]) {
        let from = self.durations.len();
        for series in route {
            let endpoint = Arc::clone(&series.endpoint);
            let method = series.method();
            let reading = series.read();
            let measured = reading.counts.iter().copied();
            let mut counts = vec![
                reading.requests,
                measured.fold(0, u64::wrapping_add),
                reading.sum,
            ];
            counts.extend(reading.severities);
            let key = Key::Requests {
                endpoint: Arc::clone(&endpoint),
                method,
                status: series.status(),
            };
            self.counts.push((key, counts));
            self.add_durations(from, Key::Durations { endpoint, method }, reading.counts);
        }
    }

    /// Adds all series of one name. Its durations are told by detail, and not by outcome.
    fn add_work(&mut self, work: Work, of_name: &[Arc<Series>]) {
        let from = self.durations.len();
        for series in of_name {
            let (name, detail) = (Arc::clone(&series.endpoint), series.key.0);
            let reading = series.read();
            let key = Key::Work {
                work,
                name: Arc::clone(&name),
                detail,
                outcome: series.known_outcome(),
            };
            self.counts.push((key, vec![reading.requests, reading.sum]));
            let key = Key::WorkDurations { work, name, detail };
            self.add_durations(from, key, reading.counts);
        }
    }

    /// Adds durations to those with this key. If there are some, they stand at `from` or after it.
    fn add_durations(&mut self, from: usize, key: Key, counts: Vec<u64>) {
        let mut known = self.durations.iter_mut().skip(from);
        match known.find(|(known, _)| *known == key) {
            Some((_, sums)) => {
                for (sum, more) in sums.iter_mut().zip(counts) {
                    *sum = sum.wrapping_add(more);
                }
            }
            None => self.durations.push((key, counts)),
        }
    }
}

/// The counts of [`Key::Requests`].
pub(crate) mod requests {
    /// All, also those without a duration.
    pub(crate) const ALL: usize = 0;
    /// Those with a duration.
    pub(crate) const MEASURED: usize = 1;
    /// The sum of the durations, in nanoseconds.
    pub(crate) const NANOS: usize = 2;
    /// The first of the four severities, from `normal` to `critical`.
    pub(crate) const SEVERITIES: usize = 3;
    pub(crate) const COUNTS: usize = 7;
}

/// The counts of [`Key::Work`].
pub(crate) mod work {
    pub(crate) const CALLS: usize = 0;
    /// The sum of the durations, in nanoseconds.
    pub(crate) const NANOS: usize = 1;
    pub(crate) const COUNTS: usize = 2;
}

/// The counts of [`Key::Totals`].
pub(crate) mod totals {
    pub(crate) const STARTED: usize = 0;
    /// The first of the outcomes, in the order of `Outcome::ALL`.
    pub(crate) const OUTCOMES: usize = 1;
    pub(crate) const EXCLUDED: usize = 7;
    pub(crate) const EXCLUDED_ERRORS: usize = 8;
    pub(crate) const OVERFLOW: usize = 9;
    pub(crate) const COUNTS: usize = 10;
}

#[cfg(test)]
mod tests;
