//! Describes one thing that went wrong, and what it has in common with others.

use sentry::{
    Level,
    protocol::{Context, Event, Exception, Mechanism, ResponseContext},
};

use super::{reports::Reports, scope};
use crate::{
    category::{self, ErrorCategory, Link},
    exchange::{Exchange, Outcome},
    facts::route::Endpoint,
    metrics::StatusLabel,
    observe::Facts,
    text::millis,
    timing::{self, Severity},
};

/// One thing that went wrong with one request, and what it has in common with others that are told as the same.
pub(super) struct Incident<'a> {
    pub(super) method: &'static str,
    pub(super) endpoint: &'a str,
    pub(super) kind: Kind,
    pub(super) category: Option<ErrorCategory>,
    pub(super) per_minute: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Failed,
    Panicked,
    Slow(Level),
    Stuck,
}

// === impl Incident ===

impl<'a> Incident<'a> {
    pub(super) fn of(exchange: &Exchange, facts: &'a Facts, kind: Kind, reports: &Reports) -> Self {
        Self {
            method: exchange.method(),
            endpoint: Endpoint::name(facts.endpoint.as_ref()),
            kind,
            category: category::judge(facts),
            per_minute: reports.per_minute,
        }
    }

    pub(super) fn fingerprint(&self) -> [&'a str; 5] {
        let category = self.category.map_or("none", ErrorCategory::as_str);
        [
            scope::OURS,
            self.method,
            self.endpoint,
            category,
            self.kind.as_str(),
        ]
    }
}

// === impl Kind ===

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Slow(_) => "slow",
            Self::Stuck => "stuck",
        }
    }
}

/// An event that says how a request ended, and the words for it where there is no error to show.
pub(super) fn described(facts: &Facts, incident: &Incident<'_>) -> (Event<'static>, String) {
    let mut event = Event {
        level: match incident.kind {
            Kind::Slow(level) => level,
            _ => Level::Error,
        },
        transaction: Some(incident.endpoint.into()),
        ..Event::default()
    };
    let evidence = facts
        .evidence
        .as_ref()
        .filter(|_| incident.kind == Kind::Failed);
    // The innermost first.
    let links = evidence
        .into_iter()
        .flat_map(|evidence| evidence.chain.iter().rev());
    event.exception = links.map(exception).collect::<Vec<_>>().into();
    scope::tag(&mut event, "endpoint", Some(incident.endpoint));
    scope::tag(
        &mut event,
        "severity",
        timing::severity(facts).map(Severity::as_str),
    );
    scope::tag(
        &mut event,
        "error_category",
        incident.category.map(ErrorCategory::as_str),
    );
    event
        .extra
        .insert("outcome".into(), facts.outcome.as_str().into());
    event
        .extra
        .insert("head_ms".into(), millis(facts.head).into());
    event
        .extra
        .insert("total_ms".into(), millis(facts.total).into());
    if let Some(status) = facts.status {
        let response = ResponseContext {
            status_code: Some(status.as_u16().into()),
            ..ResponseContext::default()
        };
        event
            .contexts
            .insert("response".into(), Context::Response(Box::new(response)));
    }
    let what = match facts.outcome {
        Outcome::Completed | Outcome::Aborted => format!("answered {}", StatusLabel::of(facts)),
        outcome => outcome.as_str().replace('_', " "),
    };
    (event, what)
}

fn exception(link: &Link) -> Exception {
    Exception {
        ty: link.kind.to_string(),
        value: Some(link.text.to_string()),
        mechanism: Some(Mechanism {
            ty: "tower-vitals".into(),
            handled: Some(true),
            ..Mechanism::default()
        }),
        ..Exception::default()
    }
}
