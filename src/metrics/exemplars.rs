//! Keeps the last traced request of each bucket, so that a histogram leads to a trace.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError, TryLockError},
};

use super::{memory::allocated, samples::Exemplar, series::SeriesKey};

/// The most series that have examples. More would help nobody, and each takes some 1.4 kB.
const MOST_SERIES: usize = 1_000;

/// The examples of the durations of requests, by route and labels.
#[derive(Debug)]
pub(super) struct Exemplars {
    /// How many buckets a series has.
    buckets: usize,
    kept: Mutex<Kept>,
}

/// The examples of each series.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    routes: HashMap<Box<str>, Vec<(SeriesKey, Buckets)>>,
    series: usize,
}

/// The examples of one series, by bucket.
type Buckets = Box<[Option<Exemplar>]>;

// === impl Exemplars ===

impl Exemplars {
    pub(super) fn new(buckets: usize) -> Self {
        Self {
            buckets,
            kept: Mutex::default(),
        }
    }

    /// Notes an example. If another thread does so at this moment, this one is not kept: nobody waits.
    pub(super) fn note(&self, endpoint: &str, key: SeriesKey, bucket: usize, example: Exemplar) {
        let mut kept = match self.kept.try_lock() {
            Ok(kept) => kept,
            Err(TryLockError::Poisoned(kept)) => kept.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(place) = kept.place(endpoint, key, bucket, self.buckets) {
            *place = Some(example);
        }
    }

    /// A copy: no request finds the lock taken while a scrape renders.
    pub(super) fn all(&self) -> Kept {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.clone()
    }

    pub(super) const fn memory_bound(&self) -> usize {
        let examples = allocated(self.buckets * size_of::<Option<Exemplar>>());
        let place = size_of::<(Box<str>, Vec<(SeriesKey, Buckets)>)>() * 16 / 7;
        MOST_SERIES * (examples + allocated(64) + allocated(4 * 24) + place)
    }
}

// === impl Kept ===

impl Kept {
    /// The examples of a series. Empty if there is none.
    pub(super) fn of(&self, endpoint: &str, key: SeriesKey) -> &[Option<Exemplar>] {
        let route = self.routes.get(endpoint).into_iter().flatten();
        let mut series = route.filter(|(known, _)| *known == key);
        series.next().map_or(&[], |(_, examples)| examples)
    }

    fn place(
        &mut self,
        endpoint: &str,
        key: SeriesKey,
        bucket: usize,
        buckets: usize,
    ) -> Option<&mut Option<Exemplar>> {
        let route = self.routes.get(endpoint);
        let known = route.and_then(|route| route.iter().position(|(known, _)| *known == key));
        let index = match known {
            Some(index) => index,
            None if self.series >= MOST_SERIES => return None,
            None => {
                self.series += 1;
                let route = self.routes.entry(endpoint.into()).or_default();
                route.push((key, vec![None; buckets].into()));
                route.len() - 1
            }
        };
        let (_, examples) = self.routes.get_mut(endpoint)?.get_mut(index)?;
        examples.get_mut(bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: SeriesKey = SeriesKey(0, 0);

    fn example(value: f64) -> Exemplar {
        Exemplar {
            trace_id: [b'a'; 32],
            value,
            at: 1.0,
        }
    }

    #[test]
    fn each_bucket_has_its_last_example() {
        let exemplars = Exemplars::new(3);
        for (bucket, value) in [(0, 0.1), (2, 9.0), (0, 0.2)] {
            exemplars.note("/a", GET, bucket, example(value));
        }
        let kept = exemplars.all();
        let values = kept.of("/a", GET).iter();
        let values: Vec<_> = values.map(|example| example.map(|it| it.value)).collect();
        assert_eq!(values, [Some(0.2), None, Some(9.0)]);
        assert!(kept.of("/a", SeriesKey(1, 0)).is_empty());
    }

    #[test]
    fn few_series_have_examples() {
        let exemplars = Exemplars::new(3);
        for number in 0..2 * MOST_SERIES {
            exemplars.note(&format!("/{number}"), GET, 0, example(1.0));
        }
        let kept = exemplars.all();
        assert_eq!((kept.series, kept.routes.len()), (MOST_SERIES, MOST_SERIES));
        // Those that have some go on.
        exemplars.note("/0", GET, 1, example(2.0));
        assert!(exemplars.all().of("/0", GET)[1].is_some());
    }
}
