//! Decides which requests are incidents, and which incidents are the same.

use super::{error_types::ErrorTypes, notice::FINGERPRINT};
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
    /// The method of the request, or `job`.
    pub(crate) method: &'static str,
    /// The endpoint, or the name of the job.
    pub(crate) endpoint: &'a str,
    pub(crate) kind: IncidentKind,
    pub(crate) category: Option<ErrorCategory>,
    /// What tells one failure of a category from another. The code bounds it: no text is part of it.
    pub(crate) reason: Reason<'a>,
    /// How many reports of this incident are sent in a minute.
    pub(crate) per_minute: u32,
}

/// What tells one failure of a category from another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reason<'a> {
    /// The name of a gRPC status.
    pub(crate) grpc: Option<&'static str>,
    /// The other service that failed.
    pub(crate) service: Option<&'static str>,
    /// The names of the types of the error and of its root, as their `Debug` shows them.
    pub(crate) types: Option<(&'a str, &'a str)>,
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
            method: facts.job().map_or(exchange.method(), |_| "job"),
            endpoint: Endpoint::name(facts.endpoint.as_ref()),
            kind,
            category: judge::category(facts),
            reason: match kind {
                IncidentKind::Failed => Reason::of(facts),
                _ => Reason::default(),
            },
            per_minute: policy.per_minute,
        }
    }

    /// What is the same for the same incident. `types` bounds the names of types.
    pub(crate) fn fingerprint(&self, types: &ErrorTypes) -> Vec<&'a str> {
        let category = self.category.map_or("none", ErrorCategory::as_str);
        let kind = self.kind.as_str();
        let mut parts = vec![FINGERPRINT, self.method, self.endpoint, category, kind];
        parts.extend(self.reason.grpc);
        parts.extend(self.reason.service);
        if let Some((outer, root)) = self.reason.types {
            let inner = Some(root).filter(|root| *root != outer);
            let named = |kind| types.bounded(self.method, self.endpoint, kind);
            parts.extend([Some(outer), inner].into_iter().flatten().filter_map(named));
        }
        parts
    }
}

// === impl Reason ===

impl<'a> Reason<'a> {
    fn of(facts: &'a Facts) -> Self {
        let evidence = facts.evidence.as_ref();
        Self {
            grpc: facts.grpc.as_ref().map(|grpc| grpc.code.canonical()),
            service: judge::external_service(facts),
            types: evidence.and_then(|evidence| evidence.links.types()),
        }
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
