//! Compares the failures of a window with those of the window before it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Serialize, Serializer};

use super::{times::add, traffic::share};
use crate::{facts::category::ErrorCategory, metrics::readings::Key, window::Sums};

/// The failures of one category at one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ErrorStatistics {
    /// What kind of failure it was.
    #[serde(serialize_with = "word")]
    pub category: ErrorCategory,
    /// The route, such as `/orders/{id}`.
    pub endpoint: String,
    /// How many there were. 0 if there were some in the window before, and none in this one.
    pub count: u64,
    /// The share of `count` in all failures of the window, from 0 to 1. `None` if it had none.
    pub share: Option<f64>,
    /// How many there were in the window before, which is as long and ends where this one begins.
    pub previous: u64,
    /// How many more there were than in the window before, or fewer if it is negative. `None` if less than nine tenths as much
    /// of that one was observed: then the numbers cannot be compared.
    pub change: Option<i64>,
}

// === impl ErrorStatistics ===

impl ErrorStatistics {
    /// All failures of both windows, the most frequent first.
    pub(super) fn of_each(sums: &Sums, before: &Sums) -> Vec<Self> {
        let mut counts: HashMap<_, (u64, u64)> = HashMap::new();
        for (category, endpoint, count) in failures(sums) {
            add(
                &mut counts.entry((category, endpoint)).or_default().0,
                count,
            );
        }
        for (category, endpoint, count) in failures(before) {
            add(
                &mut counts.entry((category, endpoint)).or_default().1,
                count,
            );
        }
        let mut all = 0;
        counts.values().for_each(|(count, _)| add(&mut all, *count));
        let comparable = is_as_observed(before.covered, sums.covered);
        let mut errors: Vec<_> = counts
            .into_iter()
            .map(|((category, endpoint), (count, previous))| Self {
                category,
                endpoint: endpoint.to_owned(),
                count,
                share: share(count, all),
                previous,
                change: comparable.then(|| difference(count, previous)),
            })
            .collect();
        errors.sort_by(|one, other| one.order().cmp(&other.order()));
        errors
    }

    /// The failures of each category that occurred, at all endpoints.
    pub(super) fn by_category(errors: &[Self]) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for error in errors.iter().filter(|error| error.count > 0) {
            add(all.entry(error.category.as_str()).or_default(), error.count);
        }
        all
    }

    /// The failures of each category that occurred, at all endpoints.
    pub(super) fn counted(sums: &Sums) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        for (category, _, count) in failures(sums) {
            add(all.entry(category.as_str()).or_default(), count);
        }
        all
    }

    fn order(&self) -> (Reverse<u64>, Reverse<u64>, &'static str, &str) {
        let name = self.category.as_str();
        (
            Reverse(self.count),
            Reverse(self.previous),
            name,
            &self.endpoint,
        )
    }
}

fn failures(sums: &Sums) -> impl Iterator<Item = (ErrorCategory, &str, u64)> {
    sums.counts.iter().filter_map(|(key, counts)| match key {
        Key::Errors { endpoint, category } => {
            let count = counts.first().copied().filter(|count| *count > 0)?;
            Some((*category, &**endpoint, count))
        }
        _ => None,
    })
}

/// Whether at least nine tenths as much was observed of the window before.
fn is_as_observed(before: Duration, now: Duration) -> bool {
    !before.is_zero() && before.as_secs_f64() >= 0.9 * now.as_secs_f64()
}

fn difference(count: u64, previous: u64) -> i64 {
    let difference = i128::from(count) - i128::from(previous);
    i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
}

fn word<S: Serializer>(category: &ErrorCategory, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(category.as_str())
}
