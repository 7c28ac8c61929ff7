//! Says what a rule found.

use super::fingerprint::Labels;

/// What a rule found at one evaluation, for one set of labels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// The index of the rule.
    pub(crate) rule: usize,
    pub(crate) labels: Labels,
    pub(crate) verdict: Verdict,
}

/// Whether a rule is broken, with the value of its signal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    Broken(f64),
    Fine(f64),
    /// There is a value, and too little behind it to judge by. Nothing begins by it, and nothing has recovered.
    Unjudged(f64),
    NoData,
    /// The rule could not be judged.
    Error(String),
}

/// What all rules found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Readings {
    pub(crate) all: Vec<Reading>,
    /// How many more there were that broke a rule. So many at once are one incident.
    pub(crate) left_out: u64,
}

// === impl Verdict ===

impl Verdict {
    /// What the rule found, if it found a number.
    pub(crate) const fn value(&self) -> Option<f64> {
        match self {
            Self::Broken(value) | Self::Fine(value) | Self::Unjudged(value) => Some(*value),
            Self::NoData | Self::Error(_) => None,
        }
    }
}
