//! Says what is right or wrong, and which setting changes it.

use serde::{Serialize, Serializer};

use super::setting::Setting;

/// What was found in a service. See the [module](super).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The name of the service.
    pub service: Option<String>,
    /// Its version, if it is known.
    pub version: Option<String>,
    /// Its environment.
    pub environment: String,
    /// The settings in effect. A secret is only said to be set.
    pub settings: Vec<Setting>,
    /// What is right and what is wrong.
    pub findings: Vec<Finding>,
    /// The paths of the probes.
    pub probes: Vec<String>,
    /// Whether this crate serves `/metrics`.
    pub serves_metrics: bool,
    /// How many requests began since the start, without those on excluded paths.
    pub requests_started: u64,
    /// How many requests were on excluded paths.
    pub requests_excluded: u64,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, in a word, such as `sentry`.
    pub check: &'static str,
    /// How bad it is.
    pub grade: Grade,
    /// What is so, in a sentence.
    pub what: String,
    /// Which setting changes it: an environment variable or a method. `None` if all is well.
    pub change: Option<String>,
    /// The sentence for those who may not read settings, if the other one tells a value of one.
    #[serde(skip)]
    without_settings: Option<String>,
    /// Its grade tells a value of a setting, too.
    #[serde(skip)]
    is_of_settings_alone: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// All is well.
    Ok,
    /// Something is missing or unusual. The service works.
    Warning,
    /// Something does not work.
    Problem,
}

// === impl Diagnosis ===

impl Diagnosis {
    /// The worst of all findings.
    #[must_use]
    pub fn worst(&self) -> Grade {
        let grades = self.findings.iter().map(|finding| finding.grade);
        grades.max().unwrap_or(Grade::Ok)
    }

    /// Keeps the values of settings from those who may not read them.
    #[cfg(feature = "health")]
    pub(crate) fn withhold_settings(&mut self) {
        self.settings.clear();
        for finding in &mut self.findings {
            if let Some(what) = finding.without_settings.take() {
                finding.what = what;
            }
            if finding.is_of_settings_alone {
                finding.grade = Grade::Ok;
                finding.change = None;
            }
        }
    }
}

// === impl Finding ===

impl Finding {
    pub(crate) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Ok,
            what: what.into(),
            change: None,
            without_settings: None,
            is_of_settings_alone: false,
        }
    }

    /// The same, with another sentence for those who may not read settings.
    pub(crate) fn without_settings(self, what: impl Into<String>) -> Self {
        Self {
            without_settings: Some(what.into()),
            ..self
        }
    }

    /// The same. Those who may not read settings get this sentence, and neither its grade nor what changes it.
    pub(crate) fn of_settings_alone(self, what: impl Into<String>) -> Self {
        Self {
            is_of_settings_alone: true,
            ..self.without_settings(what)
        }
    }

    pub(crate) fn warning(
        check: &'static str,
        what: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Warning,
            change: Some(change.into()),
            ..Self::ok(check, what)
        }
    }

    pub(crate) fn problem(
        check: &'static str,
        what: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Problem,
            ..Self::warning(check, what, change)
        }
    }
}

// === impl Grade ===

impl Grade {
    /// `ok`, `warning` or `problem`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
