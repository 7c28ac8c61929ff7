//! Keeps how the application describes its metrics.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use super::{
    super::samples::{Kind, Unit},
    names,
};
use crate::text::shortened;

/// The most descriptions. Further ones are ignored.
const MOST: usize = 1_000;

/// The longest text in bytes. What is longer is cut.
const LONGEST: usize = 1_024;

/// The descriptions of metrics. The first one of a name stays, since the macros of the facade can describe a metric at each
/// recording.
#[derive(Debug, Default)]
pub(super) struct Descriptions(RwLock<HashMap<String, Description>>);

#[derive(Clone, Debug)]
pub(super) struct Description {
    kind: Kind,
    unit: Option<Unit>,
    pub(super) help: Arc<str>,
}

// === impl Descriptions ===

impl Descriptions {
    pub(super) fn add(&self, name: &str, kind: Kind, unit: Option<metrics::Unit>, help: &str) {
        let family = names::family(name);
        let is_settled = |kept: &HashMap<_, _>| kept.len() >= MOST || kept.contains_key(&*family);
        if is_settled(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let description = Description {
            kind,
            unit: unit.and_then(shown),
            help: shortened(help, LONGEST).into(),
        };
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !is_settled(&kept) {
            kept.insert(family.into_owned(), description);
        }
    }

    /// The description of a family of this kind.
    pub(super) fn of(&self, family: &str, kind: Kind) -> Option<Description> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let description = kept.get(family);
        description.filter(|kept| kept.kind == kind).cloned()
    }
}

fn shown(unit: metrics::Unit) -> Option<Unit> {
    match unit {
        metrics::Unit::Seconds => Some(Unit::Seconds),
        metrics::Unit::Bytes => Some(Unit::Bytes),
        _ => None,
    }
}

// === impl Description ===

impl Description {
    /// The unit, if the name of the family ends with it. OpenMetrics takes no other.
    pub(super) fn unit_of(&self, family: &str) -> Option<Unit> {
        let name = match self.kind {
            Kind::Counter => family.strip_suffix("_total").unwrap_or(family),
            Kind::Gauge | Kind::Histogram => family,
        };
        self.unit.filter(|unit| match unit {
            Unit::Seconds => name.ends_with("_seconds"),
            Unit::Bytes => name.ends_with("_bytes"),
        })
    }
}
