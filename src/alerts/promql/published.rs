//! Knows how `/metrics` spells what rules judge.

use std::{borrow::Cow, time::Duration};

use super::selector::Selector;
use crate::{
    alerts::few::Stretches,
    metrics::{
        Names,
        bounds::Bounds,
        catalog::{self, Id},
        exposition::{Format, edges::Edges},
        naming::Naming,
    },
};

/// Why a rule cannot be told.
const NO_FAMILY: &str = "these names have no such metric";

/// The names of a service's metrics, and the lengths of its slots.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'n> {
    pub(super) names: Names,
    pub(super) naming: &'n Naming,
    pub(super) few: Stretches,
}

/// A family of metrics.
#[derive(Clone, Debug)]
pub(super) struct Family<'n> {
    name: Cow<'static, str>,
    labels: &'static [&'static str],
    naming: &'n Naming,
}

// === impl Published ===

impl<'n> Published<'n> {
    /// `slot` is the length of the shortest slot of the window: a share of few requests is judged over multiples of it.
    pub(crate) fn new(names: Names, naming: &'n Naming, slot: Duration) -> Self {
        Self {
            names,
            naming,
            few: Stretches::new(slot),
        }
    }

    /// A family of this crate, or that the preset of names has none.
    pub(super) fn family(&self, id: Id) -> Result<Family<'n>, &'static str> {
        let entry = catalog::all().find(|entry| entry.id == id);
        let spelling = entry.and_then(|entry| entry.spelling(self.names));
        let spelling = spelling.ok_or(NO_FAMILY)?;
        Ok(Family {
            name: self.naming.name(spelling.name),
            labels: spelling.labels,
            naming: self.naming,
        })
    }

    /// All series of a family, as a selector. `None` if the preset of names has no such family.
    #[cfg(feature = "generate")]
    pub(crate) fn series(&self, id: Id) -> Option<String> {
        let family = self.family(id).ok()?;
        Some(family.all().to_string())
    }
}

// === impl Family ===

impl Family<'_> {
    /// All its series.
    pub(super) fn all(&self) -> Selector {
        self.samples("")
    }

    /// Of a histogram, its samples that end so.
    pub(super) fn samples(&self, suffix: &str) -> Selector {
        let mut selector = Selector::new(format!("{}{suffix}", self.name));
        // A label is there once: that of the family comes before a constant one.
        let constant = self.naming.labels();
        for (name, value) in constant.filter(|(name, _)| !self.labels.contains(name)) {
            selector = selector.with(name, value);
        }
        selector
    }

    /// Its series that have this value of a label, or of any value.
    pub(super) fn only(&self, place: usize, value: Option<&str>) -> Selector {
        let all = self.all();
        match value {
            Some(value) => all.with(self.label(place), value),
            None => all,
        }
    }

    pub(super) const fn labels(&self) -> &'static [&'static str] {
        self.labels
    }

    /// The name of a label, by its place in the catalog.
    pub(super) fn label(&self, place: usize) -> &'static str {
        self.labels.get(place).copied().unwrap_or_default()
    }
}

/// The values of the label `le` at this edge, as each format writes them. They are often the same.
pub(super) fn edge(edge: Duration) -> Vec<String> {
    let published = Bounds::new([edge]).published();
    let mut spellings = Vec::new();
    for format in [Format::Text, Format::OpenMetrics] {
        let mut edges = Edges::default();
        edges.show(format, &published);
        spellings.extend(edges.iter().map(|(_, spelling)| spelling.to_owned()));
    }
    spellings.dedup();
    spellings
}
