//! Decides which requests are incidents, and which incidents are the same.

use super::notice::FINGERPRINT;
use crate::facts::{
    Facts,
    category::ErrorCategory,
    exchange::{Exchange, Outcome},
    judge,
    report_policy::ReportPolicy,
    route::Endpoint,
};

/// One request to report. Incidents with the same fingerprint are one issue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Incident<'a> {
    pub(crate) method: &'static str,
    pub(crate) endpoint: &'a str,
    pub(crate) kind: IncidentKind,
    pub(crate) category: Option<ErrorCategory>,
    /// How many reports of this incident are sent in a minute.
    pub(crate) per_minute: u32,
}

/// Why a request is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IncidentKind {
    Failed,
    Panicked,
    /// Slow enough for a warning.
    Slow,
    /// Slow enough for an error.
    VerySlow,
    /// Still without a response.
    Stuck,
}

// === impl Incident ===

impl<'a> Incident<'a> {
    pub(crate) fn of(
        exchange: &Exchange,
        facts: &'a Facts,
        kind: IncidentKind,
        policy: &ReportPolicy,
    ) -> Self {
        Self {
            method: exchange.method(),
            endpoint: Endpoint::name(facts.endpoint.as_ref()),
            kind,
            category: judge::category(facts),
            per_minute: policy.per_minute,
        }
    }

    pub(crate) fn fingerprint(&self) -> [&'a str; 5] {
        let category = self.category.map_or("none", ErrorCategory::as_str);
        let kind = self.kind.as_str();
        [FINGERPRINT, self.method, self.endpoint, category, kind]
    }
}

// === impl IncidentKind ===

impl IncidentKind {
    /// Why a request is reported under `policy`, if it is.
    pub(crate) fn of(facts: &Facts, policy: &ReportPolicy) -> Option<Self> {
        let failed = match (facts.outcome, &facts.grpc, facts.status) {
            (Outcome::Panicked, ..) => return Some(Self::Panicked),
            (Outcome::Completed | Outcome::Aborted, None, Some(status)) => {
                (policy.statuses)(status)
            }
            _ => judge::is_server_failure(facts),
        };
        match facts.judged {
            _ if failed => Some(Self::Failed),
            _ if facts.outcome == Outcome::Cancelled => None,
            judged if judged >= policy.error => Some(Self::VerySlow),
            judged if judged >= policy.warning => Some(Self::Slow),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Slow | Self::VerySlow => "slow",
            Self::Stuck => "stuck",
        }
    }
}
