//! Turns incidents and notices into Sentry's events.

use std::mem;

use sentry::{
    Level,
    protocol::{Context, Event, Exception, Mechanism, ResponseContext},
};

use crate::{
    facts::{
        Facts, category::ErrorCategory, evidence::Evidence, exchange::Outcome, grpc, judge,
        labels::StatusLabel, links::Link, severity::Severity,
    },
    report::{
        incident::{Incident, IncidentKind},
        notice::{self, Detail, Notice},
    },
    text::{end_at_word, millis},
};

/// The longest key of a tag, in characters. Sentry refuses a longer one.
const LONGEST_KEY: usize = 32;

/// The longest value of a tag, in characters. Sentry refuses a longer one.
const LONGEST_VALUE: usize = 200;

/// The longest text of an error, in characters. Sentry cuts a longer one.
const LONGEST_TEXT: usize = 8_192;

/// The longest value of a tag before it is scrubbed, in characters.
const LONGEST_RAW: usize = 1_024;

/// An event about a request or a run of a job that ended, and words for it if there is no error to show.
pub(super) fn of_incident(facts: &Facts, incident: &Incident<'_>) -> (Event<'static>, String) {
    let mut event = Event {
        level: level(incident.kind),
        transaction: Some(incident.endpoint.into()),
        ..Event::default()
    };
    let failed = incident.kind == IncidentKind::Failed;
    let panicked = incident.kind == IncidentKind::Panicked;
    let shown = |evidence: &&Evidence| failed || (panicked && evidence.of_panic);
    let evidence = facts.evidence.as_deref().filter(shown);
    let links = evidence
        .into_iter()
        .flat_map(|evidence| evidence.links.innermost_first());
    event.exception = links.map(exception).collect::<Vec<_>>().into();
    let severity = judge::severity(facts).map(Severity::as_str);
    let category = incident.category.map(ErrorCategory::as_str);
    let job = facts.job();
    if job.is_some() {
        tag(&mut event, "job", job);
    } else {
        tag(&mut event, "endpoint", Some(incident.endpoint));
        tag(&mut event, "severity", severity);
    }
    tag(&mut event, "error_category", category);
    tag(&mut event, "external_service", incident.reason.service);
    let extra = &mut event.extra;
    extra.insert("outcome".into(), facts.outcome.as_str().into());
    if job.is_none() {
        extra.insert("head_ms".into(), millis(facts.head).into());
    }
    if !facts.wait.is_zero() {
        extra.insert("wait_ms".into(), millis(facts.wait).into());
    }
    extra.insert("total_ms".into(), millis(facts.total).into());
    if let Some(status) = facts.status {
        let response = ResponseContext {
            status_code: Some(status.as_u16().into()),
            ..ResponseContext::default()
        };
        event
            .contexts
            .insert("response".into(), Context::Response(Box::new(response)));
    }
    if let Some(status) = &facts.grpc {
        add_grpc(&mut event, facts, status, failed);
    }
    let words = match facts.outcome {
        _ if facts.missed_deadline() => "missed its deadline".into(),
        Outcome::Completed | Outcome::Aborted => match &facts.grpc {
            Some(status) => format!("answered {}", status.code.canonical()),
            None => format!("answered {}", StatusLabel::of(facts)),
        },
        outcome => outcome.as_str().replace('_', " "),
    };
    (event, words)
}

/// Adds how a gRPC call ended. The text of the status is the error, if no other is known.
fn add_grpc(event: &mut Event<'static>, facts: &Facts, status: &grpc::Status, failed: bool) {
    let code = status.code.canonical();
    tag(event, "grpc.status_code", Some(code));
    tag(event, "grpc.method", status.method.as_deref());
    let message = || facts.handler.as_ref()?.grpc_message.as_deref();
    if let Some(message) = message().filter(|_| failed && event.exception.is_empty()) {
        event.exception = vec![of_chain(code, message)].into();
    }
}

/// An event about the service.
pub(super) fn of_notice(notice: &Notice) -> Event<'static> {
    let mut event = Event {
        level: match notice.level {
            notice::Level::Info => Level::Info,
            notice::Level::Warning => Level::Warning,
            notice::Level::Error => Level::Error,
        },
        message: Some(notice.message.clone()),
        release: notice.version.clone().map(Into::into),
        environment: notice.environment.clone().map(Into::into),
        ..Event::default()
    };
    let key: Vec<_> = notice.key.iter().map(String::as_str).collect();
    set_fingerprint(&mut event, &key, 0);
    for (key, value) in &notice.tags {
        tag(&mut event, key, Some(value));
    }
    for (key, value) in &notice.details {
        let value = match value {
            Detail::Text(text) => text.as_str().into(),
            Detail::Number(number) => (*number).into(),
        };
        event.extra.insert((*key).into(), value);
    }
    event
}

/// Sets what makes events one issue, and notes how many were suppressed since the last one.
pub(super) fn set_fingerprint(event: &mut Event<'static>, fingerprint: &[&str], suppressed: u64) {
    let parts = fingerprint.iter().map(|part| (*part).to_owned().into());
    event.fingerprint = parts.collect::<Vec<_>>().into();
    if suppressed > 0 {
        event.extra.insert("held_back".into(), suppressed.into());
    }
}

/// Sets a tag if the event does not have it, in the characters and the length that Sentry accepts.
pub(super) fn tag(event: &mut Event<'static>, key: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        let entry = event.tags.entry(clean_key(key));
        entry.or_insert_with(|| clean_value(value));
    }
}

/// Brings all tags into the characters and the lengths that Sentry accepts. If two keys become the same, one tag is lost.
pub(super) fn clean_tags(event: &mut Event<'static>) {
    let fits = |(key, value): (&String, &String)| {
        key.len() <= LONGEST_KEY
            && key.chars().all(is_of_key)
            && value.len() <= LONGEST_RAW
            && !value.is_empty()
    };
    if event.tags.iter().all(fits) {
        return;
    }
    let tags = mem::take(&mut event.tags).into_iter();
    event.tags = tags
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| (clean_key(&key), clean_value(&value)))
        .collect();
}

const fn is_of_key(one: char) -> bool {
    one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | ':' | '-')
}

fn clean_key(key: &str) -> String {
    let allowed = |one| if is_of_key(one) { one } else { '_' };
    key.chars().map(allowed).take(LONGEST_KEY).collect()
}

/// Its lines stay until it is scrubbed: a private key has several.
fn clean_value(value: &str) -> String {
    let mut kept: String = value.chars().take(LONGEST_RAW).collect();
    if kept.len() < value.len() {
        end_at_word(&mut kept);
    }
    kept
}

/// Cuts a tag to the length that Sentry accepts, and makes one line of it, because Sentry refuses several. Only what is scrubbed
/// may be cut: the rest of a secret is none.
pub(super) fn cut(value: &mut String) {
    cut_after(value, LONGEST_VALUE);
    if value.contains(char::is_control) {
        *value = value.replace(char::is_control, " ");
    }
}

/// As [`cut`], the text of an error.
pub(super) fn cut_text(text: &mut String) {
    cut_after(text, LONGEST_TEXT);
}

fn cut_after(text: &mut String, most: usize) {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
    }
}

const fn level(kind: IncidentKind) -> Level {
    match kind {
        IncidentKind::Slow | IncidentKind::Stuck => Level::Warning,
        IncidentKind::Failed | IncidentKind::Panicked | IncidentKind::VerySlow => Level::Error,
    }
}

fn exception(link: &Link) -> Exception {
    of_chain(&link.kind, &link.text)
}

fn of_chain(kind: &str, text: &str) -> Exception {
    Exception {
        ty: kind.into(),
        value: Some(text.into()),
        mechanism: Some(Mechanism {
            ty: "tower-vitals".into(),
            handled: Some(true),
            ..Mechanism::default()
        }),
        ..Exception::default()
    }
}
