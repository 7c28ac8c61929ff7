//! One finding, as a service says it or as the command finds it.

use serde_json::{Value, json};

use crate::text::printable;

/// The most bytes of a part of a finding that are shown.
const LONGEST: usize = 1_000;

/// One thing that was looked at. Nothing in it can be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    check: String,
    pub(super) grade: Grade,
    what: String,
    /// Which setting changes it.
    change: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grade {
    Ok,
    Warning,
    Problem,
}

// === impl Finding ===

impl Finding {
    pub(super) fn ok(check: &str, what: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            grade: Grade::Ok,
            what: what.into(),
            change: None,
        }
    }

    pub(super) fn warning(check: &str, what: impl Into<String>, change: &str) -> Self {
        Self {
            grade: Grade::Warning,
            change: Some(change.to_owned()),
            ..Self::ok(check, what)
        }
    }

    pub(super) fn problem(check: &str, what: impl Into<String>, change: &str) -> Self {
        Self {
            grade: Grade::Problem,
            ..Self::warning(check, what, change)
        }
    }

    /// One that a service says. `None` if it is none.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let grade = value["grade"].as_str()?;
        let grades = [Grade::Ok, Grade::Warning, Grade::Problem];
        Some(Self {
            check: value["check"].as_str()?.to_owned(),
            grade: grades.into_iter().find(|one| one.as_str() == grade)?,
            what: value["what"].as_str()?.to_owned(),
            change: value["change"].as_str().map(str::to_owned),
        })
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "check": self.check,
            "grade": self.grade.as_str(),
            "what": self.what,
            "change": self.change,
        })
    }

    /// As a terminal shows it.
    pub(super) fn line(&self) -> String {
        let sign = match self.grade {
            Grade::Ok => '✓',
            Grade::Warning => '!',
            Grade::Problem => '✗',
        };
        let (check, what) = (
            printable(&self.check, LONGEST),
            printable(&self.what, LONGEST),
        );
        match &self.change {
            None => format!("{sign} {check}: {what}\n"),
            Some(change) => {
                let change = printable(change, LONGEST);
                format!("{sign} {check}: {what}\n  change {change}\n")
            }
        }
    }
}

// === impl Grade ===

impl Grade {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}
