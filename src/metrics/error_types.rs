//! Counts failures by the type of their error. Nobody publishes it: types are too many for labels.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    memory::allocated,
    series::{Sample, SeriesKey},
    table::Table,
};
use crate::facts::category::ErrorCategory;

/// The most names of types. All others have one name.
const MOST: usize = 512;

/// The longest name, in bytes. It is that of two types and what stands between them.
const LONGEST: usize = 2 * 64 + 2;

/// What stands for the types without a name of their own.
const OTHER: &str = "other";

/// Failures by endpoint, category and type.
#[derive(Debug)]
pub(super) struct ErrorTypes {
    /// The keys are the category and the number of the type.
    table: Table,
    types: RwLock<Types>,
}

/// The names of types, by number. The first one is [`OTHER`].
#[derive(Debug)]
struct Types {
    numbers: HashMap<Arc<str>, u16>,
    names: Vec<Arc<str>>,
}

/// How often an endpoint failed in one way.
#[derive(Debug)]
pub(super) struct OfType {
    pub(super) endpoint: Arc<str>,
    pub(super) category: ErrorCategory,
    pub(super) error_type: Arc<str>,
    pub(super) failures: u64,
}

// === impl ErrorTypes ===

impl ErrorTypes {
    pub(super) fn new(table: Table) -> Self {
        Self {
            table,
            types: RwLock::new(Types::new()),
        }
    }

    /// Counts a failure.
    pub(super) fn record(&self, endpoint: &str, category: ErrorCategory, error_type: &str) {
        let key = SeriesKey(category as u8, self.number(error_type));
        self.table.record(Some(endpoint), key, Sample::default());
    }

    /// What was counted so far.
    pub(super) fn all(&self) -> Vec<OfType> {
        let series = self.table.series();
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        let all = series.iter().flatten();
        all.filter_map(|series| {
            let SeriesKey(category, number) = series.key;
            Some(OfType {
                endpoint: Arc::clone(&series.endpoint),
                category: *ErrorCategory::ALL.get(usize::from(category))?,
                error_type: Arc::clone(types.names.get(usize::from(number))?),
                failures: series.read().requests,
            })
        })
        .collect()
    }

    /// The most memory in bytes.
    pub(super) fn memory_bound(&self) -> usize {
        let place = size_of::<(Arc<str>, u16)>() + 1 + size_of::<Arc<str>>();
        let names = MOST * (allocated(LONGEST + 16) + 2 * place);
        self.table
            .memory_bound(ErrorCategory::ALL.len() * MOST, false)
            .saturating_add(names)
    }

    fn number(&self, error_type: &str) -> u16 {
        let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = types.numbers.get(error_type) {
            return *number;
        }
        if types.names.len() >= MOST || error_type.len() > LONGEST {
            return 0;
        }
        drop(types);
        let mut types = self.types.write().unwrap_or_else(PoisonError::into_inner);
        types.number(error_type)
    }
}

// === impl Types ===

impl Types {
    fn new() -> Self {
        let other: Arc<str> = OTHER.into();
        Self {
            numbers: HashMap::from([(Arc::clone(&other), 0)]),
            names: vec![other],
        }
    }

    /// The number of a name. It is a new one if there is room.
    fn number(&mut self, name: &str) -> u16 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let room = self.names.len() < MOST;
        let Some(number) = u16::try_from(self.names.len()).ok().filter(|_| room) else {
            return 0;
        };
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{counts::Places, table::Limits};

    fn counted(types: &ErrorTypes) -> Vec<(String, String, u64)> {
        let all = types.all().into_iter();
        let mut all: Vec<_> = all
            .map(|one| {
                let OfType {
                    endpoint,
                    error_type,
                    failures,
                    ..
                } = one;
                (endpoint.to_string(), error_type.to_string(), failures)
            })
            .collect();
        all.sort();
        all
    }

    fn types(each: usize) -> ErrorTypes {
        let limits = Limits {
            endpoints: 10,
            each,
        };
        ErrorTypes::new(Table::new(limits, None, &Arc::new(Places::new(0))))
    }

    #[test]
    fn failures_are_told_apart_by_the_type_of_their_error() {
        let types = types(8);
        let row = |endpoint: &str, error_type: &str, failures| {
            (endpoint.to_owned(), error_type.to_owned(), failures)
        };
        for error_type in ["PoolTimedOut", "500", "PoolTimedOut"] {
            types.record("/a", ErrorCategory::Database, error_type);
        }
        types.record("/b", ErrorCategory::Database, "500");
        assert_eq!(
            counted(&types),
            [
                row("/a", "500", 1),
                row("/a", "PoolTimedOut", 2),
                row("/b", "500", 1)
            ]
        );
    }

    #[test]
    fn names_are_bounded_and_no_failure_is_lost() {
        let types = types(1_000);
        for number in 0..2 * MOST {
            types.record("/a", ErrorCategory::Timeout, &format!("Order{number}"));
        }
        types.record("/a", ErrorCategory::Timeout, &"x".repeat(LONGEST + 1));
        types.record("/a", ErrorCategory::Timeout, "Order0");
        let counted = counted(&types);
        assert_eq!(counted.len(), MOST);
        let of = |name: &str| counted.iter().find(|row| row.1 == name).map(|row| row.2);
        assert_eq!(of("other"), Some(MOST as u64 + 2));
        assert_eq!(of("Order0"), Some(2));
    }
}
