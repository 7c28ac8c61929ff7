//! Shows the health of the service and of each check.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    health::{CheckReport, Health, Role},
    text::millis,
    timestamp::rfc3339,
};

/// The health of the service.
#[derive(Debug, Serialize)]
pub(super) struct ShownHealth {
    /// `None` if the service has no checks.
    status: Option<&'static str>,
    draining: bool,
    timestamp: String,
    checks: BTreeMap<String, ShownCheck>,
}

#[derive(Debug, Serialize)]
struct ShownCheck {
    status: &'static str,
    role: &'static str,
    latency_ms: f64,
    age_ms: Option<f64>,
    last_success: Option<String>,
    runs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

// === impl ShownHealth ===

impl ShownHealth {
    /// With `errors`, the texts of the checks' errors are there.
    pub(super) fn of(health: Option<&Health>, errors: bool, timestamp: String) -> Self {
        let reports = health.map(Health::reports).unwrap_or_default();
        let checks = reports.into_iter();
        let checks = checks.map(|check| (check.name.to_string(), ShownCheck::of(check, errors)));
        Self {
            status: health.map(|health| health.status().as_str()),
            draining: health.is_some_and(Health::is_draining),
            timestamp,
            checks: checks.collect(),
        }
    }
}

// === impl ShownCheck ===

impl ShownCheck {
    fn of(check: CheckReport, errors: bool) -> Self {
        Self {
            status: check.status.as_str(),
            role: match check.role {
                Role::Critical => "critical",
                Role::Optional => "optional",
                Role::Informational => "informational",
            },
            latency_ms: millis(check.latency),
            age_ms: check.age.map(millis),
            last_success: check.last_success.map(|at| rfc3339::text(at).to_string()),
            runs: check.runs,
            error: check
                .error
                .filter(|_| errors)
                .map(|error| error.to_string()),
        }
    }
}
