//! Knows how `/metrics` spells what rules judge.

use std::{borrow::Cow, time::Duration};

#[cfg(feature = "generate")]
use super::own;
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
}

#[cfg(feature = "generate")]
impl Published<'_> {
    /// All series of a family, as a selector. `None` if the preset of names has no such family.
    pub(crate) fn series(&self, id: Id) -> Option<String> {
        self.sample(id, &[])
    }

    /// The series with these labels, by their places in the catalog. Those that the family does not have are left out.
    pub(crate) fn sample(&self, id: Id, labels: &[(usize, &str)]) -> Option<String> {
        Some(self.labelled(id, "", labels)?.to_string())
    }

    /// The same of one process.
    pub(crate) fn of_instance(
        &self,
        id: Id,
        labels: &[(usize, &str)],
        instance: &str,
    ) -> Option<String> {
        let all = self.labelled(id, "", labels)?;
        Some(all.of_instance(instance).to_string())
    }

    /// The series of a histogram that counts all that it has.
    pub(crate) fn count(&self, id: Id, labels: &[(usize, &str)]) -> Option<String> {
        Some(self.labelled(id, "_count", labels)?.to_string())
    }

    /// The series of a bucket of a histogram up to this edge, or of the last one.
    pub(crate) fn bucket(
        &self,
        id: Id,
        labels: &[(usize, &str)],
        upto: Option<Duration>,
    ) -> Option<String> {
        let selector = self.labelled(id, "_bucket", labels)?;
        let spelling = upto.map_or_else(
            || Some("+Inf".to_owned()),
            |upto| edge(upto).into_iter().next(),
        );
        Some(selector.with("le", &spelling?).to_string())
    }

    /// The series of the application with this name and these labels. `None` if no series can have them.
    pub(crate) fn own(&self, name: &str, labels: &[(String, String)]) -> Option<String> {
        Some(own::series(name, labels).ok()?.to_string())
    }

    /// How long it must be known what fails before something is new.
    pub(crate) const fn hour(&self) -> Duration {
        self.few.hour
    }

    fn labelled(&self, id: Id, suffix: &str, labels: &[(usize, &str)]) -> Option<Selector> {
        let family = self.family(id).ok()?;
        let mut selector = family.samples(suffix);
        for (place, value) in labels
            .iter()
            .filter(|(place, _)| *place < family.labels.len())
        {
            selector = selector.with(family.label(*place), value);
        }
        Some(selector)
    }
}

// === impl Family ===

#[cfg(feature = "generate")]
impl<'n> Family<'n> {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The constant labels that its samples have beside their own.
    pub(super) fn constant(&self) -> impl Iterator<Item = (&'n str, &'n str)> {
        let (own, constant) = (self.labels, self.naming.labels());
        constant.filter(|(name, _)| !own.contains(name))
    }
}

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
