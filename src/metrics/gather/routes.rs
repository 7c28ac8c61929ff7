//! Reads what was counted by route, route by route.

use std::sync::Arc;

use super::super::{
    names::Names,
    series::{Series, SeriesKey, Spread},
    table::Table,
};
use crate::facts::severity::Severity;

/// What was counted on one route.
pub(super) struct Route {
    pub(super) endpoint: Arc<str>,
    /// By method and status.
    pub(super) requests: Vec<(SeriesKey, u64)>,
    /// Over all methods and statuses.
    pub(super) severities: [u64; Severity::ALL.len()],
    /// By method, and by status if the names have it there.
    pub(super) durations: Vec<(SeriesKey, Spread)>,
}

// === impl Route ===

impl Route {
    /// All routes of a table, with their durations by its fine or by its published buckets.
    pub(super) fn all(table: &Table, names: Names, fine: bool) -> Vec<Self> {
        let routes = table.series();
        let read = |series: &Vec<Arc<Series>>| Self::read(series, table, names, fine);
        routes.iter().filter_map(read).collect()
    }

    fn read(all: &Vec<Arc<Series>>, table: &Table, names: Names, fine: bool) -> Option<Self> {
        let mut route = Self {
            endpoint: Arc::clone(&all.first()?.endpoint),
            requests: Vec::with_capacity(all.len()),
            severities: [0; Severity::ALL.len()],
            durations: Vec::new(),
        };
        for series in all {
            let reading = series.read();
            route.requests.push((series.key, reading.requests));
            for (sum, more) in route.severities.iter_mut().zip(reading.severities) {
                *sum = sum.wrapping_add(more);
            }
            if let Some(bounds) = table.bounds() {
                let spread = Spread::new(reading.counts, reading.sum, bounds, fine);
                route.add(names.key_of_duration(series.key), spread);
            }
        }
        Some(route)
    }

    fn add(&mut self, key: SeriesKey, spread: Spread) {
        let known = self.durations.iter_mut().find(|(known, _)| *known == key);
        match known {
            Some((_, sum)) => sum.add(&spread),
            None => self.durations.push((key, spread)),
        }
    }
}
