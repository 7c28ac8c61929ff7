//! Says in words what a notification is about.

use std::time::Duration;

use super::{
    notification::{Ended, Notification, NotificationKind, Origin},
    plain,
};
use crate::{alerts::ResolveReason, statistics::WallTime};

/// The longest value of a fact, in characters.
const LONGEST_FACT: usize = 500;

/// The longest name of an alert or a service in a line of several parts, in characters.
const LONGEST_NAME: usize = 200;

/// The longest line, in characters.
const LONGEST_LINE: usize = 2_000;

/// Something that is known of an alert: one line, with what it is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// A page that tells more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    pub(super) name: &'static str,
    pub(super) address: &'a str,
}

// === impl Notification ===

impl Notification {
    /// All of it in one line: that it begins, goes on or ends, how much against which threshold, or how long it lasted and why it
    /// ended.
    ///
    /// `Alert: slow - p95_ms is 2500.00 (threshold: 2000.00)`, or `Resolved: slow after 5m: the rule is not broken any more`.
    #[must_use]
    pub fn headline(&self) -> String {
        headline(self)
    }
}

/// The name of the service in one line, and never empty: some receivers refuse an event without a source.
pub(super) fn service(origin: &Origin) -> String {
    let name = plain::line(&origin.service, LONGEST_NAME);
    if name.is_empty() {
        return "unknown_service".to_owned();
    }
    name
}

/// What it is, in capitals: a severity, or that it has ended.
pub(super) fn urgency(notification: &Notification) -> String {
    match notification.kind {
        NotificationKind::Resolved => "RESOLVED".to_owned(),
        NotificationKind::Test => "TEST".to_owned(),
        _ => notification.severity.as_str().to_uppercase(),
    }
}

/// The title: `shop Alert - CRITICAL`.
pub(super) fn title(notification: &Notification) -> String {
    let service = service(&notification.origin);
    let urgency = urgency(notification);
    match notification.kind {
        NotificationKind::Repeated => format!("{service} Alert - {urgency} (still firing)"),
        NotificationKind::Escalated => format!("{service} Alert - {urgency} (escalated)"),
        NotificationKind::Deployed => format!("{service} Deployment"),
        _ => format!("{service} Alert - {urgency}"),
    }
}

/// All of it in one line. A firing alert has the summary that it has in logs.
pub(super) fn headline(notification: &Notification) -> String {
    let summary = plain::line(&notification.summary, LONGEST_LINE);
    let rest = summary.strip_prefix("Alert: ").unwrap_or(&summary);
    let rest = if rest.is_empty() { "alert" } else { rest };
    let line = match (notification.kind, notification.ended) {
        (NotificationKind::Repeated, _) => format!("Still firing: {rest}"),
        (NotificationKind::Escalated, _) => format!("Not acknowledged: {rest}"),
        (NotificationKind::Resolved, ended) => format!("Resolved: {}", end(notification, ended)),
        (NotificationKind::Test, _) => format!("Test: {rest}"),
        _ => summary,
    };
    match line.is_empty() {
        true => title(notification),
        false => line,
    }
}

/// What is known, in the order in which people ask for it. There are at most ten.
pub(super) fn facts(notification: &Notification) -> Vec<Fact> {
    let origin = &notification.origin;
    let mut facts = Vec::new();
    let mut add = |name, value: &str| {
        let value = plain::line(value, LONGEST_FACT);
        if !value.is_empty() {
            facts.push(Fact { name, value });
        }
    };
    let service = service(origin);
    match origin.environment.is_empty() {
        true => add("Service", &service),
        false => {
            let environment = plain::line(&origin.environment, LONGEST_NAME);
            add("Service", &format!("{service} ({environment})"));
        }
    }
    add("Measured", &measured(notification));
    add("Endpoint", &endpoint(notification));
    add("Labels", &other_labels(notification));
    if let Some(since) = notification.fired_at {
        let mut text = clock(since);
        let lasts = notification.at.since_1970();
        let lasts = lasts.saturating_sub(since.since_1970());
        if notification.ended.is_none() && lasts >= Duration::from_secs(1) {
            text = format!("{text}, for {}", lasting(lasts));
        }
        add("Since", &text);
    }
    if let Some(ended) = notification.ended {
        let lasted = lasting(ended.after);
        add("Ended", &format!("{}, after {lasted}", clock(ended.at)));
        add("Because", reason(ended.reason));
    }
    add("Release", origin.release.as_deref().unwrap_or_default());
    if let Some((version, at)) = &origin.deployed
        && notification.kind != NotificationKind::Deployed
    {
        let version = plain::line(version, LONGEST_NAME);
        let distance = distance(*at, notification);
        let text = format!("{version} at {}, {distance}", clock(*at));
        add("Last deployment", &text);
    }
    if let Some(runbook) = &notification.runbook
        && plain::link(runbook, usize::MAX).is_none()
    {
        add("Runbook", runbook);
    }
    facts
}

/// The runbook and where to look, if they are addresses that can be linked.
pub(super) fn links(notification: &Notification, longest: usize) -> Vec<Link<'_>> {
    let runbook = ("Runbook", notification.runbook.as_deref());
    let look = ("Where to look", notification.origin.url.as_deref());
    let found = [runbook, look].into_iter();
    let found = found.filter_map(|(name, address)| {
        let address = plain::link(address?, longest)?;
        Some(Link { name, address })
    });
    found.collect()
}

/// The facts as lines, and the links below them.
pub(super) fn fact_lines(notification: &Notification, longest_link: usize) -> String {
    let facts = facts(notification).into_iter();
    let facts = facts.map(|fact| format!("{}: {}\n", fact.name, fact.value));
    let links = links(notification, longest_link).into_iter();
    let links = links.map(|link| format!("{}: {}\n", link.name, link.address));
    let mut text: String = facts.chain(links).collect();
    text.truncate(text.trim_end().len());
    text
}

/// The most urgent of several: what fires before what has ended, then the worst, then the first.
pub(super) fn worst(notifications: &[Notification]) -> Option<&Notification> {
    let urgency = |one: &&Notification| {
        let has_ended = one.kind == NotificationKind::Resolved;
        (!has_ended, one.severity)
    };
    // Of equal ones, this is the first.
    notifications.iter().rev().max_by_key(urgency)
}

/// A time of day: `2027-01-15 08:00:00 UTC`.
pub(super) fn clock(at: WallTime) -> String {
    let text = at.to_string().replace('T', " ");
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{seconds} UTC")
}

/// A time in whole seconds: `1h 5s`.
fn lasting(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

fn reason(reason: ResolveReason) -> &'static str {
    match reason {
        ResolveReason::Recovered => "the rule is not broken any more",
        ResolveReason::NoData => {
            "the signal has no value any more, so nobody knows whether it is well"
        }
        ResolveReason::Error => "the rule cannot be judged any more",
        ResolveReason::RuleRemoved => "the service was started without the rule",
    }
}

/// `error_rate_percent 6.50, threshold 5.00`.
fn measured(notification: &Notification) -> String {
    let signal = notification.signal.as_deref().unwrap_or_default();
    let signal = plain::line(signal, LONGEST_NAME);
    let measured = match (notification.value, notification.threshold) {
        (Some(value), Some(threshold)) => {
            format!("{signal} {value:.2}, threshold {threshold:.2}")
        }
        (Some(value), None) => format!("{signal} {value:.2}"),
        (None, Some(threshold)) => format!("{signal}, threshold {threshold:.2}"),
        (None, None) => signal,
    };
    match notification.alone {
        true => format!("{measured} (one instance alone, without the fleet)"),
        false => measured,
    }
}

/// `POST /orders/{id}`.
fn endpoint(notification: &Notification) -> String {
    let label = |name| notification.labels.get(name).map_or("", String::as_str);
    let method = plain::line(label("method"), LONGEST_NAME);
    let endpoint = plain::line(label("endpoint"), LONGEST_FACT);
    plain::line(&format!("{method} {endpoint}"), LONGEST_FACT)
}

/// The labels but those of the endpoint: `job=mail, queue=in`.
fn other_labels(notification: &Notification) -> String {
    let labels = notification.labels.iter();
    let labels = labels.filter(|(name, _)| !matches!(name.as_str(), "endpoint" | "method"));
    // More would be cut.
    let labels = labels.take(50).map(|(name, value)| {
        let name = plain::line(name, LONGEST_NAME);
        format!("{name}={}", plain::line(value, LONGEST_FACT))
    });
    labels.collect::<Vec<_>>().join(", ")
}

/// What ended, how long it lasted and why it ended.
fn end(notification: &Notification, ended: Option<Ended>) -> String {
    let mut text = plain::line(&notification.name, LONGEST_NAME);
    if text.is_empty() {
        text.push_str("alert");
    }
    let endpoint = endpoint(notification);
    if !endpoint.is_empty() {
        text = format!("{text} of {}", plain::line(&endpoint, LONGEST_NAME));
    }
    match ended {
        Some(ended) => {
            let lasted = lasting(ended.after);
            format!("{text} after {lasted}: {}", reason(ended.reason))
        }
        None => text,
    }
}

/// How far a deployment is from what the notification is about.
fn distance(deployed: WallTime, notification: &Notification) -> String {
    let (what, moment) = match notification.fired_at {
        Some(fired_at) => ("it began", fired_at),
        None => ("this message", notification.at),
    };
    let (deployed, moment) = (deployed.since_1970(), moment.since_1970());
    match deployed <= moment {
        true => format!("{} before {what}", lasting(moment - deployed)),
        false => format!("{} after {what}", lasting(deployed - moment)),
    }
}

#[cfg(test)]
mod tests;
