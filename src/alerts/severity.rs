//! Says how bad it is that a rule is broken.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad it is that a rule is broken.
///
/// There are three severities. A fourth would change every route that tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Somebody should look at it in the hours to come.
    Warning,
    /// Somebody must look at it now.
    Critical,
}

// === impl AlertSeverity ===

impl AlertSeverity {
    /// Every severity, mildest first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The word in JSON, in labels and in matchers of silences.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for AlertSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
