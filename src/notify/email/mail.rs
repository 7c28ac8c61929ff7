//! Writes notifications as an e-mail: subject, text, HTML, and the headers that join the mails of one incident.

use super::super::{
    notification::{Notification, NotificationKind},
    plain, wording,
};
use crate::alerts::{Fingerprint, Labels};

/// The longest subject, in characters.
const LONGEST_SUBJECT: usize = 200;

/// The longest text of one notification, in bytes.
const LONGEST_TEXT: usize = 16_384;

/// The longest address of a link, in bytes.
const LONGEST_LINK: usize = 2_000;

/// What stands between two notifications.
const RULE: &str = "----------------------------------------";

/// A mail. None of its headers holds an end of a line.
///
/// The first mail about an alert begins a thread. Those that follow refer to it, and have the same subject with `Re:` before it:
/// some readers join by the one, some by the other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Email {
    pub(super) subject: String,
    /// `Message-ID`, with its angle brackets. The same for each attempt to send the mail.
    pub(super) message_id: String,
    /// `In-Reply-To`, for mails that follow.
    pub(super) in_reply_to: Option<String>,
    /// `References`. Empty for a mail that begins a thread.
    pub(super) references: Vec<String>,
    pub(super) text: String,
    pub(super) html: String,
}

/// The mail about these notifications. `domain` is that of the sender's address.
pub(super) fn email(notifications: &[Notification], domain: &str) -> Email {
    let worst = wording::worst(notifications);
    let mut roots: Vec<_> = notifications
        .iter()
        .filter_map(|one| root(one, domain))
        .collect();
    roots.dedup();
    let subject = match (worst, &roots[..]) {
        (Some(one), [_]) => subject(one),
        (Some(one), []) if notifications.len() == 1 => subject(one),
        (worst, _) => {
            let service = worst.map(|one| wording::service(&one.origin));
            let service = service.unwrap_or_default();
            format!("[{service}] {} notifications", notifications.len())
        }
    };
    let begins = notifications
        .iter()
        .any(|one| one.kind == NotificationKind::Firing);
    let (message_id, roots) = match &roots[..] {
        [root] if begins => (root.clone(), Vec::new()),
        _ => (own_id(notifications, domain), roots),
    };
    let subject = match &roots[..] {
        [_] => format!("Re: {subject}"),
        _ => subject,
    };
    Email {
        subject: plain::line(&subject, LONGEST_SUBJECT),
        message_id,
        in_reply_to: roots.last().cloned(),
        references: roots,
        text: text(notifications),
        html: html(notifications),
    }
}

/// The same for all mails of one alert.
fn subject(notification: &Notification) -> String {
    let service = wording::service(&notification.origin);
    let severity = notification.severity.as_str().to_uppercase();
    match notification.fingerprint {
        Some(_) => {
            let name = plain::line(&notification.name, LONGEST_SUBJECT / 2);
            let label = |name| notification.labels.get(name).map_or("", String::as_str);
            let endpoint = format!("{} {}", label("method"), label("endpoint"));
            format!("[{service}] {severity} {name} {endpoint}")
        }
        None => {
            let headline = wording::headline(notification);
            format!("[{service}] {severity} {headline}")
        }
    }
}

/// The id of the mail with which the thread of an alert begins.
fn root(notification: &Notification, domain: &str) -> Option<String> {
    let fingerprint = notification.fingerprint?;
    let fired_at = notification.fired_at?.since_1970().as_millis();
    let origin = origin(notification);
    Some(id(&format!("{fingerprint}.{fired_at}.{origin}"), domain))
}

/// An id for a mail that begins no thread of an alert.
fn own_id(notifications: &[Notification], domain: &str) -> String {
    let ids = notifications.iter().map(|one| {
        let alert = root(one, "").unwrap_or_else(|| one.name.clone());
        let (kind, at) = (one.kind.as_str(), one.at.since_1970().as_millis());
        format!("{alert}.{kind}.{at}.{}", origin(one))
    });
    let all: String = ids.collect::<Vec<_>>().join("\n");
    let first = notifications.first().map(|one| one.at.since_1970());
    let at = first.unwrap_or_default().as_millis();
    let hash = Fingerprint::of(&all, &Labels::new());
    id(&format!("{hash}.{at}"), domain)
}

/// Tells services apart that send from the same domain.
fn origin(notification: &Notification) -> Fingerprint {
    let origin = &notification.origin;
    let environment = ("environment".to_owned(), origin.environment.clone());
    Fingerprint::of(&origin.service, &Labels::from([environment]))
}

fn id(left: &str, domain: &str) -> String {
    let is_in_domain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let is_domain = (1..=253).contains(&domain.len()) && domain.bytes().all(is_in_domain);
    let domain = if is_domain { domain } else { "localhost" };
    format!("<{left}@{domain}>")
}

fn text(notifications: &[Notification]) -> String {
    let parts = notifications.iter().map(|one| {
        let title = wording::title(one);
        let headline = wording::headline(one);
        let text = plain::bytes(&one.text, LONGEST_TEXT);
        let facts = wording::fact_lines(one, LONGEST_LINK);
        let parts = [title, headline, text, facts];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        parts.collect::<Vec<_>>().join("\n\n")
    });
    let parts: Vec<_> = parts.collect();
    let mut text = parts.join(&format!("\n\n{RULE}\n\n"));
    text.push('\n');
    text
}

/// One column, without images, scripts or fonts from elsewhere.
fn html(notifications: &[Notification]) -> String {
    let parts = notifications.iter().map(|one| {
        let title = plain::html(&wording::title(one));
        let headline = plain::html(&wording::headline(one));
        let text = plain::html(&plain::bytes(&one.text, LONGEST_TEXT));
        let text = text.replace('\n', "<br>\n");
        let facts = wording::facts(one).into_iter().map(|fact| {
            let (name, value) = (fact.name, plain::html(&fact.value));
            format!("<tr><th align=\"left\">{name}</th><td>{value}</td></tr>\n")
        });
        let facts: String = facts.collect();
        let links = wording::links(one, LONGEST_LINK).into_iter().map(|link| {
            let (name, address) = (link.name, plain::html(link.address));
            format!("<p><a href=\"{address}\">{name}</a></p>\n")
        });
        let links: String = links.collect();
        format!("<h2>{title}</h2>\n<p><b>{headline}</b></p>\n<p>{text}</p>\n<table>\n{facts}</table>\n{links}")
    });
    let parts: Vec<_> = parts.collect();
    let body = parts.join("<hr>\n");
    format!("<!DOCTYPE html>\n<html lang=\"en\">\n<body>\n{body}</body>\n</html>\n")
}

#[cfg(test)]
mod tests;
