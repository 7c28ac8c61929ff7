//! What a scrape shows, by the strict parser of the tests beside the code.

use std::collections::{BTreeMap, BTreeSet};

use tower_vitals::Vitals;

use self::parser::{Exemplar, Labels, Parsed};

#[path = "../../../src/metrics/exposition/parser.rs"]
mod parser;

/// The content of a scrape.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// The types of the families, which OpenMetrics names otherwise.
    pub(crate) types: BTreeMap<String, String>,
    pub(crate) samples: BTreeMap<(String, Labels), f64>,
    /// By name and labels of their buckets. Only OpenMetrics has them.
    pub(crate) exemplars: BTreeMap<(String, Labels), Exemplar>,
}

// === impl Exposition ===

impl Exposition {
    /// The content of a scrape of this stack.
    pub(crate) fn of(vitals: &Vitals) -> Self {
        Self::parse(&vitals.render()).unwrap()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Parsed::text(text).map(Self::from)
    }

    pub(crate) fn parse_openmetrics(text: &str) -> Result<Self, String> {
        Parsed::openmetrics(text).map(Self::from)
    }

    /// The sum of a name's samples that have all of `labels`.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &Labels| {
            labels
                .iter()
                .all(|(label, value)| of.get(*label).is_some_and(|of| of == value))
        };
        let samples = self.samples.iter();
        samples
            .filter(|((of, labels), _)| of == name && has(labels))
            .map(|(_, value)| value)
            .sum()
    }

    /// How many requests had this severity.
    pub(crate) fn severity(&self, severity: &str) -> f64 {
        self.sum("http_requests_by_severity_total", &[("severity", severity)])
    }

    /// The values that a label has in a family.
    pub(crate) fn values(&self, name: &str, label: &str) -> BTreeSet<String> {
        let samples = self.samples.keys();
        samples
            .filter(|(of, _)| of == name)
            .filter_map(|(_, labels)| labels.get(label).cloned())
            .collect()
    }
}

impl From<Parsed> for Exposition {
    fn from(parsed: Parsed) -> Self {
        let families = parsed.families.into_iter();
        Self {
            types: families.map(|(name, family)| (name, family.kind)).collect(),
            samples: parsed.samples,
            exemplars: parsed.exemplars,
        }
    }
}
