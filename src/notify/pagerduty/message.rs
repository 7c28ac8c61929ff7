//! Writes a notification as an event of PagerDuty's Events API version 2.

use serde_json::{Map, Value, json};

use super::super::{
    notification::{Notification, NotificationKind},
    plain,
    secret::Secret,
    wording::{self, Link},
};
use crate::alerts::{Fingerprint, Labels};

/// Where events of alerts are posted to.
pub(super) const ENQUEUE: &str = "/v2/enqueue";

/// Where events of deployments are posted to.
pub(super) const CHANGE: &str = "/v2/change/enqueue";

/// One event is about one alert.
pub(super) const AT_ONCE: usize = 1;

/// The longest summary, in characters.
const LONGEST_SUMMARY: usize = 1_024;

/// The longest text of a detail, in bytes. With all other details and their escapes, an event stays below 512 KB.
const LONGEST_TEXT: usize = 131_072;

/// The longest other value, in characters.
const LONGEST_VALUE: usize = 1_000;

/// The longest address of a link, in bytes.
const LONGEST_LINK: usize = 2_000;

/// The most labels in the details.
const MOST_LABELS: usize = 40;

/// The longest part of a key, in bytes. A key has at most 255.
const LONGEST_PART: usize = 80;

/// An event, and the path to which it is posted. It has no key yet, so it can print.
#[derive(Debug, PartialEq)]
pub(super) struct Event {
    pub(super) path: &'static str,
    body: Value,
}

/// The event of a notification.
///
/// A deployment is a change, and nobody is called. Everything else opens an incident or belongs to one that is open: what has the
/// same key does. The end of an alert closes its incident.
pub(super) fn event(notification: &Notification) -> Event {
    let summary = plain::line(&wording::headline(notification), LONGEST_SUMMARY);
    let mut payload = json!({
        "summary": summary,
        "source": wording::service(&notification.origin),
        "timestamp": notification.fired_at.unwrap_or(notification.at),
        "custom_details": details(notification),
    });
    if notification.kind == NotificationKind::Deployed {
        let body = json!({ "payload": payload, "links": links(notification) });
        return Event { path: CHANGE, body };
    }
    payload["severity"] = notification.severity.as_str().into();
    let endpoint = notification.labels.get("endpoint");
    let class = notification.signal.as_ref().unwrap_or(&notification.name);
    for (name, value) in [
        ("component", endpoint),
        ("group", Some(&notification.origin.environment)),
        ("class", Some(class)),
    ] {
        let value = value.map(|value| plain::line(value, LONGEST_VALUE));
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            payload[name] = value.into();
        }
    }
    let action = match notification.kind {
        NotificationKind::Resolved => "resolve",
        _ => "trigger",
    };
    let mut body = json!({
        "event_action": action,
        "dedup_key": dedup_key(notification),
        "payload": payload,
        "links": links(notification),
        "client": format!("{} Monitoring", wording::service(&notification.origin)),
    });
    let url = notification.origin.url.as_deref();
    if let Some(url) = url.and_then(|url| plain::link(url, LONGEST_LINK)) {
        body["client_url"] = url.into();
    }
    Event {
        path: ENQUEUE,
        body,
    }
}

/// What joins the messages of one incident: the service, its environment, and the alert. Nothing in it changes with a process, an
/// instance or a release.
///
/// What the application says has no fingerprint, so its title and its labels take the place of one.
fn dedup_key(notification: &Notification) -> String {
    let origin = &notification.origin;
    let fingerprint = notification.fingerprint;
    let fingerprint =
        fingerprint.unwrap_or_else(|| Fingerprint::of(&notification.name, &notification.labels));
    let service = part(&wording::service(origin));
    let environment = part(&origin.environment);
    format!("{service}/{environment}/{fingerprint}")
}

/// The text, or as much of it as has room and the hash of all of it.
fn part(text: &str) -> String {
    let line = plain::line(text, usize::MAX);
    if line.len() <= LONGEST_PART {
        return line;
    }
    let hash = Fingerprint::of(&line, &Labels::new());
    let start = plain::bytes(&line, LONGEST_PART - 16);
    format!("{start}{hash}")
}

fn details(notification: &Notification) -> Map<String, Value> {
    let mut details = Map::new();
    let text = plain::bytes(&notification.text, LONGEST_TEXT);
    if !text.is_empty() {
        details.insert("description".to_owned(), text.into());
    }
    for fact in wording::facts(notification) {
        let name = fact.name.to_lowercase().replace(' ', "_");
        details.insert(name, fact.value.into());
    }
    for (name, number) in [
        ("value", notification.value),
        ("threshold", notification.threshold),
    ] {
        if let Some(number) = number {
            details.insert(name.to_owned(), number.into());
        }
    }
    let labels = notification.labels.iter().take(MOST_LABELS);
    let labels = labels.map(|(name, value)| {
        let name = plain::line(name, LONGEST_VALUE);
        (name, Value::from(plain::line(value, LONGEST_VALUE)))
    });
    let labels: Map<_, _> = labels.collect();
    // A fact of that name has the labels that are not the endpoint's.
    if !labels.is_empty() {
        details.insert("labels".to_owned(), labels.into());
    }
    details
}

fn links(notification: &Notification) -> Vec<Value> {
    let links = wording::links(notification, LONGEST_LINK).into_iter();
    let links = links.map(|Link { name, address }| json!({ "href": address, "text": name }));
    links.collect()
}

// === impl Event ===

impl Event {
    /// The body of the request, with the key of the integration.
    pub(super) fn body(mut self, routing_key: &Secret) -> String {
        self.body["routing_key"] = routing_key.reveal().into();
        self.body.to_string()
    }
}

#[cfg(test)]
mod tests;
