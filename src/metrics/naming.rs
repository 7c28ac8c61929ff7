//! Adds the prefix and the labels that the application chose to the names of all families.

use std::borrow::Cow;

use super::{catalog, names::Names};
use crate::config::ConfigError;

/// The most constant labels. Each is on every sample.
const MOST_LABELS: usize = 16;

/// The longest prefix, name or value, in bytes.
const LONGEST: usize = 200;

/// What the application adds to all names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Naming {
    prefix: String,
    /// Sorted, so that the order of the calls makes no difference.
    labels: Vec<(String, String)>,
}

// === impl Naming ===

impl Naming {
    pub(super) fn set_prefix(&mut self, prefix: String) {
        self.prefix = prefix;
    }

    pub(super) fn add_label(&mut self, name: String, value: String) {
        self.labels.push((name, value));
        self.labels.sort();
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The labels as `name=value,name=value`.
    pub(super) fn labels_shown(&self) -> String {
        let labels = self.labels.iter();
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        labels.join(",")
    }

    #[cfg(feature = "statistics")]
    pub(super) fn constant_label(&self, name: &str) -> Option<&str> {
        let mut labels = self.labels.iter();
        let found = labels.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The name of a family as it is published.
    pub(crate) fn name(&self, family: &'static str) -> Cow<'static, str> {
        match self.prefix.as_str() {
            "" => family.into(),
            prefix => format!("{prefix}{family}").into(),
        }
    }

    /// Whether samples of a family of this crate have this name. Those of the process are published only on demand.
    pub(super) fn has_sample(&self, sample: &str, names: Names, process: bool) -> bool {
        let sample = sample.strip_prefix(&*self.prefix);
        sample.is_some_and(|sample| catalog::has_sample(sample, names, process))
    }

    /// The constant labels.
    pub(crate) fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.labels.iter();
        labels.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let refuse = |reason| Err(ConfigError::new("metrics.prefix", &*self.prefix, reason));
        match self.prefix.as_str() {
            "" => {}
            prefix if !is_name(prefix) => {
                return refuse(
                    "ASCII letters, digits and _, not first a digit, at most 200: the names of Prometheus",
                );
            }
            prefix if prefix.starts_with("__") => return refuse("Prometheus keeps __ for itself"),
            prefix if !prefix.ends_with('_') => {
                return refuse("must end with _, which parts it from the name");
            }
            _ => {}
        }
        if self.labels.len() > MOST_LABELS {
            let (value, reason) = (self.labels.len().to_string(), "at most 16 labels");
            return Err(ConfigError::new("metrics.label", value, reason));
        }
        let twice = self.labels.windows(2).find(|two| two[0].0 == two[1].0);
        if let Some([(name, _), _]) = twice {
            return Err(ConfigError::new("metrics.label", &**name, "is there twice"));
        }
        self.labels
            .iter()
            .try_for_each(|(name, value)| check_label(name, value))
    }
}

fn check_label(name: &str, value: &str) -> Result<(), ConfigError> {
    let refuse = |reason| Err(ConfigError::new("metrics.label", name, reason));
    if !is_name(name) {
        return refuse(
            "ASCII letters, digits and _, not first a digit, at most 200: the names of Prometheus",
        );
    }
    if name.starts_with("__") || matches!(name, "le" | "quantile") {
        return refuse("Prometheus keeps this name for itself");
    }
    if catalog::has_label(name) {
        return refuse("families of this crate have a label of this name");
    }
    if value.is_empty() || value.len() > LONGEST {
        let reason = "1 to 200 bytes: Prometheus takes a label without a value for none";
        return Err(ConfigError::new(
            format!("metrics.label.{name}"),
            value,
            reason,
        ));
    }
    Ok(())
}

/// Whether Prometheus takes it as the name of a label, and so as the beginning of the name of a metric. A colon is left to
/// recording rules.
fn is_name(name: &str) -> bool {
    let fits = |one: u8| one.is_ascii_alphanumeric() || one == b'_';
    name.len() <= LONGEST
        && name.bytes().all(fits)
        && name
            .bytes()
            .next()
            .is_some_and(|first| !first.is_ascii_digit())
}
