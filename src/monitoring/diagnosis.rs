//! Shows what was found in the service, and only that to a public which may not read settings.

use serde::Serialize;
use serde_json::{Value, json};

use super::settings::CheckedMonitoring;
use crate::doctor::{Diagnosis, Finding};

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct ShownDiagnosis<'s> {
    #[serde(flatten)]
    diagnosis: Diagnosis,
    /// There are settings that this reader may not see.
    settings_withheld: bool,
    path: &'s str,
    timestamp: String,
}

// === impl ShownDiagnosis ===

impl<'s> ShownDiagnosis<'s> {
    pub(super) fn of(
        mut diagnosis: Diagnosis,
        settings: &'s CheckedMonitoring,
        timestamp: String,
    ) -> Self {
        let settings_withheld = settings.is_public();
        if settings_withheld {
            diagnosis.withhold_settings();
        }
        Self {
            diagnosis,
            settings_withheld,
            path: settings.path(),
            timestamp,
        }
    }
}

/// What became of the tests.
pub(super) fn tested(findings: &[Finding], timestamp: &str) -> Value {
    json!({ "findings": findings, "timestamp": timestamp })
}
