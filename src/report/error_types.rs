//! Bounds the types of errors that tell one incident from another.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
};

use crate::facts::type_name::UNKNOWN;

/// The most types of one endpoint. All others are one.
const MOST_TYPES: usize = 32;

/// The most endpoints whose types are known.
const MOST_ENDPOINTS: usize = 1_000;

/// Remembers which types of errors each endpoint had, as hashes.
#[derive(Debug, Default)]
pub(crate) struct ErrorTypes {
    hasher: RandomState,
    known: Mutex<HashMap<u64, Vec<u64>>>,
}

// === impl ErrorTypes ===

impl ErrorTypes {
    /// The name of a type, if it is known and one of the first of its endpoint.
    pub(crate) fn bounded<'a>(
        &self,
        method: &str,
        endpoint: &str,
        kind: &'a str,
    ) -> Option<&'a str> {
        if kind == UNKNOWN {
            return None;
        }
        let endpoint = self.hasher.hash_one((method, endpoint));
        let hash = self.hasher.hash_one(kind);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_ENDPOINTS && !known.contains_key(&endpoint) {
            return None;
        }
        let types = known.entry(endpoint).or_default();
        if types.contains(&hash) {
            return Some(kind);
        }
        if types.len() >= MOST_TYPES {
            return None;
        }
        types.push(hash);
        Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_a_limited_number_of_types() {
        let types = ErrorTypes::default();
        let names: Vec<_> = (0..=MOST_TYPES).map(|n| format!("E{n}")).collect();
        for name in &names[..MOST_TYPES] {
            assert_eq!(types.bounded("GET", "/pay", name), Some(&**name));
        }
        assert_eq!(types.bounded("GET", "/pay", &names[MOST_TYPES]), None);
        assert_eq!(types.bounded("GET", "/pay", "E0"), Some("E0"));
        assert_eq!(types.bounded("GET", "/other", "Late"), Some("Late"));
        assert_eq!(types.bounded("GET", "/other", UNKNOWN), None);
    }
}
