//! Writes notifications as a message of Slack's incoming webhooks.
//!
//! What the application or a client wrote is in plain text, or in `mrkdwn` that is `verbatim`. `&`, `<` and `>` are escaped in
//! both, so nothing in it is a mention or a link.

use serde_json::{Value, json};

use super::super::{
    notification::{Notification, NotificationKind},
    plain,
    wording::{self, Fact, Link},
};
use crate::alerts::AlertSeverity;

/// The longest header, in characters.
const LONGEST_HEADER: usize = 150;

/// The longest text of a section, in characters.
const LONGEST_SECTION: usize = 3_000;

/// The longest value of a field, in characters. Slack takes 2,000, but no more than about 13,000 in all blocks.
const LONGEST_VALUE: usize = 250;

/// The longest summary, in characters. It is also what a phone shows.
const LONGEST_SUMMARY: usize = 500;

/// The longest address of a link, in characters.
const LONGEST_LINK: usize = 1_000;

/// The most characters of several notifications in one message.
const LONGEST_JOINED: usize = 9_000;

/// For what is neither good nor bad.
const GREY: &str = "#808080";

/// The message. The text above the attachment is the summary and nothing more.
pub(super) fn message(notifications: &[Notification]) -> Value {
    let worst = wording::worst(notifications);
    let headline = worst.map(wording::headline).unwrap_or_default();
    let (blocks, rest) = match notifications {
        [one] => (blocks(one), String::new()),
        several => (joined(several), others(several.len())),
    };
    let summary = format!("{}{rest}", escaped(&headline, LONGEST_SUMMARY));
    json!({
        "text": summary,
        "mrkdwn": false,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
        "attachments": [{
            "color": worst.map_or(GREY, colour),
            "fallback": summary,
            "blocks": blocks,
        }],
    })
}

/// Guide G0's colours, and green for what has ended.
fn colour(notification: &Notification) -> &'static str {
    match (notification.kind, notification.severity) {
        (NotificationKind::Resolved, _) => "#2EB886",
        (NotificationKind::Test, _) => GREY,
        (_, AlertSeverity::Critical) => "#FF0000",
        (_, AlertSeverity::Warning) => "#FFA500",
        (_, AlertSeverity::Info) => "#0000FF",
    }
}

/// The blocks of a message about one thing.
fn blocks(notification: &Notification) -> Vec<Value> {
    let header = escaped(&wording::title(notification), LONGEST_HEADER);
    let headline = escaped(&wording::headline(notification), LONGEST_SUMMARY);
    let mut blocks = vec![
        json!({ "type": "header", "text": plain_text(&header) }),
        json!({ "type": "section", "text": plain_text(&headline) }),
    ];
    let text = plain::fit(plain::lines(&notification.text), LONGEST_SECTION, size);
    let text = escape(&text);
    if !text.is_empty() {
        blocks.push(json!({ "type": "section", "text": plain_text(&text) }));
    }
    let fields = wording::facts(notification);
    let fields: Vec<_> = fields.iter().map(field).collect();
    blocks.push(json!({ "type": "section", "fields": fields }));
    let links = links(notification);
    if !links.is_empty() {
        blocks.push(json!({ "type": "section", "text": mrkdwn(&links) }));
    }
    let service = wording::service(&notification.origin);
    let footer = format!("{service} Monitoring, {}", wording::clock(notification.at));
    let footer = plain_text(&escaped(&footer, LONGEST_VALUE));
    blocks.push(json!({ "type": "context", "elements": [footer] }));
    blocks
}

/// The blocks of a message about several things: one section for each, and as much of it as fits.
fn joined(notifications: &[Notification]) -> Vec<Value> {
    let room = (LONGEST_JOINED / notifications.len().max(1)).min(LONGEST_SECTION);
    let section = |one: &Notification| {
        let urgency = wording::urgency(one);
        // The mark-up takes the rest.
        let headline = escaped(
            &wording::headline(one),
            room.saturating_sub(urgency.len() + 4),
        );
        let mut text = format!("*{urgency}* {headline}");
        let facts = wording::facts(one).into_iter();
        let facts = facts.map(|fact| {
            let value = escaped(&fact.value, LONGEST_VALUE);
            format!("{}: {value}", fact.name)
        });
        for more in [links(one)].into_iter().chain(facts) {
            let length = text.encode_utf16().count() + more.encode_utf16().count();
            if !more.is_empty() && length < room {
                text = format!("{text}\n{more}");
            }
        }
        json!({ "type": "section", "text": mrkdwn(&text) })
    };
    let header = format!("{} notifications", notifications.len());
    let header = json!({ "type": "header", "text": plain_text(&header) });
    let sections = notifications.iter().map(section);
    [header].into_iter().chain(sections).collect()
}

/// What the summary says of the others that are in the same message.
fn others(count: usize) -> String {
    match count.saturating_sub(1) {
        0 => String::new(),
        1 => " (and 1 other)".to_owned(),
        others => format!(" (and {others} others)"),
    }
}

fn field(fact: &Fact) -> Value {
    mrkdwn(&format!(
        "*{}*\n{}",
        fact.name,
        escaped(&fact.value, LONGEST_VALUE)
    ))
}

/// The only links of a message.
fn links(notification: &Notification) -> String {
    let links = wording::links(notification, LONGEST_LINK).into_iter();
    let links = links.map(|Link { name, address }| format!("<{}|{name}>", escape(address)));
    links.collect::<Vec<_>>().join("   ")
}

fn plain_text(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// Text with mark-up. In what is verbatim, Slack makes no links of addresses, and no mentions of names.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// The text in one line, escaped. It is not longer than `limit` when it is escaped, and no escape is cut.
fn escaped(text: &str, limit: usize) -> String {
    escape(&plain::fit(plain::one_line(text), limit, size))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The length of the character when it is escaped.
fn size(character: char) -> usize {
    match character {
        '&' => 5,
        '<' | '>' => 4,
        other => other.len_utf16(),
    }
}

#[cfg(test)]
mod tests;
