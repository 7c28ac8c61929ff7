//! Keeps what the application records through the `metrics` facade, within bounds.
//!
//! A family has at most [`LIMIT`] series, unless another limit is set. Label sets for which there is no room share one series, whose
//! labels have the value `overflow`. So the totals of counters and histograms are exact, and no handle ever goes deaf. Of a gauge
//! that overflows, the last value stays, and of an absolute value of a counter the largest one. There are at most 1,000
//! families.
//!
//! Recording takes no lock. To find a handle again takes a lock for reading. No lock is held while values are given out.

mod descriptions;
mod distribution;
mod dropped;
mod edges;
mod families;
mod family;
mod float;
mod keys;
mod names;
mod notices;
mod number;
mod value;

use std::{fmt, sync::Arc};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use self::{
    descriptions::Descriptions,
    dropped::Dropped,
    edges::Edges,
    families::Families,
    family::Family,
    keys::Keys,
    value::{Handle, Model},
};
use super::samples::{self, Kind, Samples};
use crate::config::ConfigError;

/// The most series of a family, if nothing else is set.
const LIMIT: usize = 2_000;

/// The highest limit. No Prometheus takes more series of one family.
const HIGHEST_LIMIT: usize = 100_000;

/// Keeps what the application records through the `metrics` facade.
pub(crate) struct ApplicationRecorder {
    keys: Keys,
    families: Families,
    descriptions: Descriptions,
    edges: Edges,
    limit: usize,
    reserved: Box<dyn Fn(&str) -> bool + Send + Sync>,
    dropped: Arc<Dropped>,
}

// === impl ApplicationRecorder ===

impl ApplicationRecorder {
    /// A recorder that drops families with a name that is `reserved`. This is asked for every name that a sample of a family can
    /// have, such as `x_count` for a histogram `x`.
    pub(crate) fn new(reserved: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self {
            keys: Keys::default(),
            families: Families::default(),
            descriptions: Descriptions::default(),
            edges: Edges::new(),
            limit: LIMIT,
            reserved: Box::new(reserved),
            dropped: Arc::default(),
        }
    }

    /// The most series of a family, from 1 to 100,000, without the one for those that overflow. Defaults to 2,000.
    ///
    /// # Errors
    ///
    /// If the limit is out of this range.
    pub(crate) fn with_limit(mut self, limit: usize) -> Result<Self, ConfigError> {
        if !(1..=HIGHEST_LIMIT).contains(&limit) {
            let reason = format!("1 to {HIGHEST_LIMIT} series of a family");
            return Err(ConfigError::new(
                "metrics.application_series",
                limit.to_string(),
                reason,
            ));
        }
        self.limit = limit;
        Ok(self)
    }

    /// The upper edges of the buckets of one histogram, in its own unit: 1 to 64 finite numbers, ascending. Defaults to those that
    /// the suffix of its name chooses.
    ///
    /// # Errors
    ///
    /// If the edges are not so.
    pub(crate) fn buckets_for(
        mut self,
        name: &str,
        edges: impl IntoIterator<Item = f64>,
    ) -> Result<Self, ConfigError> {
        self.edges.choose(name, edges)?;
        Ok(self)
    }

    /// Gives out all families in the order of their names, and the series of each in the order of their labels.
    pub(crate) fn visit(&self, out: &mut dyn Samples) {
        for family in self.families.all() {
            let series = family.series();
            // One that is just being made has none.
            if series.is_empty() {
                continue;
            }
            let (name, kind) = (family.name(), family.kind());
            let description = self.descriptions.of(name, kind);
            let description = description.as_ref();
            out.family(&samples::Family {
                name,
                kind,
                unit: description.and_then(|description| description.unit_of(name)),
                help: description.map_or("", |description| &description.help),
            });
            for series in series {
                series.give(out);
            }
        }
    }

    /// How many recordings went to overflow series. Each use of a handle is one, whatever its value; `record_many` is as many as
    /// it says.
    pub(crate) fn overflowed(&self) -> u64 {
        let families = self.families.all();
        let counts = families.iter().map(|family| family.overflowed());
        counts.fold(0, u64::wrapping_add)
    }

    /// How many recordings were dropped: of families that are not shown, and of odd numbers. They count as those of
    /// [`overflowed`](Self::overflowed).
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// The handle of a key as this kind. `None` if what it records is dropped.
    fn handle(&self, key: &Key, kind: Kind) -> Option<Handle> {
        let found = self.keys.find(key).filter(|found| found.kind() == kind);
        found.or_else(|| self.find_or_add(key, kind))
    }

    fn find_or_add(&self, key: &Key, kind: Kind) -> Option<Handle> {
        let shown = names::shown(key);
        let name = shown.name();
        let make = || {
            let model = Model {
                kind,
                edges: self.edges.of(name),
                dropped: Arc::clone(&self.dropped),
            };
            Family::new(name, model, self.limit)
        };
        let family = self
            .families
            .find_or_add(name, kind, &self.reserved, make)?;
        Some(family.handle(key, shown, &self.keys))
    }
}

impl Recorder for ApplicationRecorder {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.descriptions
            .add(name.as_str(), Kind::Counter, unit, &help);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.descriptions
            .add(name.as_str(), Kind::Gauge, unit, &help);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        self.descriptions
            .add(name.as_str(), Kind::Histogram, unit, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.handle(key, Kind::Counter) {
            Some(Handle::Counter(counter)) => counter,
            _ => Counter::from_arc(Arc::clone(&self.dropped)),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.handle(key, Kind::Gauge) {
            Some(Handle::Gauge(gauge)) => gauge,
            _ => Gauge::from_arc(Arc::clone(&self.dropped)),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.handle(key, Kind::Histogram) {
            Some(Handle::Histogram(histogram)) => histogram,
            _ => Histogram::from_arc(Arc::clone(&self.dropped)),
        }
    }
}

impl fmt::Debug for ApplicationRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApplicationRecorder")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
