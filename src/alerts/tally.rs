//! Sums what was counted in a window, by endpoint and by name, so that any number of rules can read it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
    sync::Arc,
    time::Duration,
};

use super::few::Counts;
use crate::{
    facts::{category::ErrorCategory, labels::MethodLabel, work::CallOutcome, work::Work},
    metrics::readings::{Key, requests, work},
    window::Sums,
};

/// What was counted in one window.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    /// Where the window begins, as wall time since 1970.
    pub(crate) begin: Duration,
    /// How much of it was observed.
    pub(crate) covered: Duration,
    pub(crate) total: Tally,
    /// By route, ascending.
    pub(crate) routes: Vec<(Arc<str>, Tally)>,
    /// By route and method, ascending by both.
    pub(crate) endpoints: Vec<((Arc<str>, MethodLabel), Tally)>,
    /// By the kind of work and its name.
    work: [BTreeMap<Arc<str>, WorkTally>; Work::ALL.len()],
}

/// The requests of an endpoint, or of all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    /// Those with a status of 5xx.
    pub(crate) errors: u64,
    /// The failures by category, in the order of `ErrorCategory::ALL`.
    categories: [u64; ErrorCategory::ALL.len()],
    /// The categories and types of the errors that occurred.
    types: HashSet<(ErrorCategory, Arc<str>)>,
    pub(crate) times: Times,
}

/// How work of one name ended, and how long it took.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkTally {
    /// In the order of `CallOutcome::ALL`.
    pub(crate) outcomes: [u64; CallOutcome::ALL.len()],
    pub(crate) times: Times,
}

/// Durations, by the buckets of the grid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    /// First the counts of the buckets, and once all are added, how many values are not above each edge.
    counts: Vec<u64>,
    /// Some are not known any more.
    given_up: bool,
}

// === impl Tallies ===

impl Tallies {
    pub(crate) fn new(sums: &Sums) -> Self {
        let mut routes = HashMap::new();
        let mut endpoints = HashMap::new();
        let mut all = Self {
            begin: sums.begin,
            covered: sums.covered,
            ..Self::default()
        };
        for (key, counts) in &sums.counts {
            match key {
                Key::Requests {
                    endpoint,
                    method,
                    status,
                } => {
                    let count = counts.get(requests::ALL).copied().unwrap_or(0);
                    let failed = (500..600).contains(&status.code());
                    let of_route = entry(&mut routes, endpoint);
                    let of_endpoint = entry(&mut endpoints, &(Arc::clone(endpoint), *method));
                    for tally in [&mut all.total, of_route, of_endpoint] {
                        tally.add(count, failed);
                    }
                }
                Key::Errors { endpoint, category } => {
                    let count = counts.first().copied().unwrap_or(0);
                    let of_route = entry(&mut routes, endpoint);
                    for tally in [&mut all.total, of_route] {
                        tally.add_failures(*category, count);
                    }
                }
                Key::ErrorType {
                    endpoint,
                    category,
                    error_type,
                } => {
                    if counts.first().is_some_and(|count| *count > 0) {
                        let types = &mut entry(&mut routes, endpoint).types;
                        types.insert((*category, Arc::clone(error_type)));
                    }
                }
                Key::Work {
                    work,
                    name,
                    outcome,
                    ..
                } => {
                    let count = counts.get(work::CALLS).copied().unwrap_or(0);
                    let outcomes = &mut all.work_mut(*work, name).outcomes;
                    if let Some(outcome) = outcome
                        && let Some(sum) = outcomes.get_mut(*outcome as usize)
                    {
                        *sum = sum.saturating_add(count);
                    }
                }
                Key::Totals | Key::Durations { .. } | Key::WorkDurations { .. } => {}
            }
        }
        for (key, counts) in &sums.durations {
            let counts = counts.as_deref();
            match key {
                Key::Durations { endpoint, method } => {
                    let of_route = entry(&mut routes, endpoint);
                    let of_endpoint = entry(&mut endpoints, &(Arc::clone(endpoint), *method));
                    for tally in [of_route, of_endpoint] {
                        tally.times.add(counts);
                    }
                    // Those of quiet endpoints are given up first. Without them the others still tell of the service.
                    if counts.is_some() {
                        all.total.times.add(counts);
                    }
                }
                Key::WorkDurations { work, name, .. } => {
                    all.work_mut(*work, name).times.add(counts);
                }
                _ => {}
            }
        }
        all.routes = routes.into_iter().collect();
        all.routes
            .sort_unstable_by(|one, other| one.0.cmp(&other.0));
        all.endpoints = endpoints.into_iter().collect();
        let place = |(route, method): &(Arc<str>, MethodLabel)| (Arc::clone(route), method.index());
        all.endpoints
            .sort_by_cached_key(|(endpoint, _)| place(endpoint));
        all.finish();
        all
    }

    /// The requests of one route, with one method or with any.
    pub(crate) fn endpoint(&self, route: &str, method: Option<MethodLabel>) -> Option<&Tally> {
        match method {
            None => {
                let found = self.routes.binary_search_by(|(one, _)| (**one).cmp(route));
                self.routes.get(found.ok()?).map(|(_, tally)| tally)
            }
            Some(method) => {
                let wanted = (route, method.index());
                let place = |(one, method): &(Arc<str>, MethodLabel)| {
                    ((**one).cmp(wanted.0)).then(method.index().cmp(&wanted.1))
                };
                let found = self.endpoints.binary_search_by(|(one, _)| place(one));
                self.endpoints.get(found.ok()?).map(|(_, tally)| tally)
            }
        }
    }

    /// All work of one kind, by name, or only that of one name.
    pub(crate) fn work<'t>(
        &'t self,
        work: Work,
        only: Option<&'t str>,
    ) -> impl Iterator<Item = (&'t str, &'t WorkTally)> {
        let all = self.work.get(work as usize).into_iter().flatten();
        let named = all.map(|(name, tally)| (&**name, tally));
        named.filter(move |(name, _)| only.is_none_or(|only| only == *name))
    }

    /// Makes cumulative counts of all durations.
    fn finish(&mut self) {
        self.total.times.accumulate();
        let routes = self.routes.iter_mut().map(|(_, tally)| tally);
        let endpoints = self.endpoints.iter_mut().map(|(_, tally)| tally);
        routes
            .chain(endpoints)
            .for_each(|tally| tally.times.accumulate());
        let work = self.work.iter_mut().flat_map(BTreeMap::values_mut);
        work.for_each(|tally| tally.times.accumulate());
    }

    fn work_mut(&mut self, work: Work, name: &Arc<str>) -> &mut WorkTally {
        let [operations, queries, outbound, jobs] = &mut self.work;
        let map = match work {
            Work::Operation => operations,
            Work::Query => queries,
            Work::Outbound => outbound,
            Work::Job => jobs,
        };
        map.entry(Arc::clone(name)).or_default()
    }
}

/// The tally of a key. Names are shared, so a clone is cheap.
fn entry<'m, K: Clone + Eq + Hash>(map: &'m mut HashMap<K, Tally>, key: &K) -> &'m mut Tally {
    map.entry(key.clone()).or_default()
}

// === impl Tally ===

impl Tally {
    /// The failures of a category, or the requests with a status of 5xx.
    pub(crate) fn failures(&self, category: Option<ErrorCategory>) -> u64 {
        match category {
            None => self.errors,
            Some(category) => self.categories.get(category as usize).copied().unwrap_or(0),
        }
    }

    pub(crate) fn counts(&self, category: Option<ErrorCategory>) -> Counts {
        Counts {
            // Failures can be recorded without a request, and a share is at most a whole.
            failures: self.failures(category).min(self.requests),
            requests: self.requests,
        }
    }

    /// The categories that occurred.
    pub(crate) fn categories(&self) -> impl Iterator<Item = ErrorCategory> {
        let counted = ErrorCategory::ALL.into_iter().zip(self.categories);
        counted.filter_map(|(category, count)| (count > 0).then_some(category))
    }

    /// The types of the errors of a category that occurred.
    pub(crate) fn types(&self, category: ErrorCategory) -> impl Iterator<Item = &str> {
        let of_category = self.types.iter().filter(move |(one, _)| *one == category);
        of_category.map(|(_, error_type)| &**error_type)
    }

    /// Whether such an error occurred.
    pub(crate) fn has_type(&self, category: ErrorCategory, error_type: &str) -> bool {
        self.types(category).any(|one| one == error_type)
    }

    fn add(&mut self, count: u64, failed: bool) {
        self.requests = self.requests.saturating_add(count);
        if failed {
            self.errors = self.errors.saturating_add(count);
        }
    }

    fn add_failures(&mut self, category: ErrorCategory, count: u64) {
        if let Some(sum) = self.categories.get_mut(category as usize) {
            *sum = sum.saturating_add(count);
        }
    }
}

// === impl WorkTally ===

impl WorkTally {
    pub(crate) fn counts(&self) -> Counts {
        let all = CallOutcome::ALL.into_iter().zip(self.outcomes);
        let mut counts = Counts::default();
        for (outcome, count) in all {
            counts.requests = counts.requests.saturating_add(count);
            if outcome.is_failure() {
                counts.failures = counts.failures.saturating_add(count);
            }
        }
        counts
    }
}

// === impl Times ===

impl Times {
    /// How many there are. `None` if they are not all known.
    pub(crate) fn count(&self) -> Option<u64> {
        let known = !self.given_up;
        known.then(|| self.counts.last().copied().unwrap_or(0))
    }

    /// How many are in the first so many buckets.
    pub(crate) fn upto(&self, buckets: usize) -> u64 {
        let last = buckets.checked_sub(1);
        let upto = last.and_then(|last| self.counts.get(last).or(self.counts.last()));
        upto.copied().unwrap_or(0)
    }

    /// The bucket of the value of which so many per cent are not above it, by the nearest rank.
    pub(crate) fn bucket(&self, percent: u8) -> Option<usize> {
        let total = self.count().filter(|total| *total > 0)?;
        let rank = (u128::from(total) * u128::from(percent))
            .div_ceil(100)
            .max(1);
        let below = |upto: &u64| u128::from(*upto) < rank;
        Some(self.counts.partition_point(below))
    }

    /// Adds times that are cumulative, too.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.given_up |= other.given_up;
        if self.counts.len() < other.counts.len() {
            let last = self.counts.last().copied().unwrap_or(0);
            self.counts.resize(other.counts.len(), last);
        }
        let last = other.counts.last().copied().unwrap_or(0);
        let more = other.counts.iter().copied();
        for (sum, more) in self
            .counts
            .iter_mut()
            .zip(more.chain(std::iter::repeat(last)))
        {
            *sum = sum.saturating_add(more);
        }
    }

    fn add(&mut self, counts: Option<&[u64]>) {
        let Some(counts) = counts else {
            // A part of them would be a wrong answer.
            self.given_up = true;
            return;
        };
        if self.counts.len() < counts.len() {
            self.counts.resize(counts.len(), 0);
        }
        for (sum, count) in self.counts.iter_mut().zip(counts) {
            *sum = sum.saturating_add(*count);
        }
    }

    fn accumulate(&mut self) {
        let mut upto = 0_u64;
        for count in &mut self.counts {
            upto = upto.saturating_add(*count);
            *count = upto;
        }
    }
}
