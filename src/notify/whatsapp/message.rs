//! Writes notifications as a template message of the WhatsApp Cloud API.
//!
//! The template has three parameters: how urgent it is, what it is about, and what happened. As guide G2 has it, its body is
//! `🔔 *{{1}} ALERT*: {{2}}`, an empty line, and `{{3}}`.

use std::fmt;

use serde_json::{Value, json};

use super::super::{notification::Notification, plain, wording};
use crate::config::ConfigError;

/// The version of the API that is asked unless a setting says otherwise. Meta takes each version for at least two years.
pub(super) const API_VERSION: &str = "v25.0";

/// The most characters of all parameters. The body of a message has at most 1,024, of which the template's own text takes some.
const LONGEST: usize = 900;

/// The longest name, in characters.
const LONGEST_NAME: usize = 200;

/// The longest address of a link, in characters.
const LONGEST_LINK: usize = 200;

/// To whom a message goes: the digits of a telephone number with the code of its country. It never prints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Recipient(String);

/// A template that Meta has approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    name: String,
    language: String,
}

/// The path of the request: `/v25.0/1234/messages`.
///
/// # Errors
///
/// If the version is not as `v25.0`, or the id has other characters than digits.
pub(super) fn path(version: &str, phone_number_id: &str) -> Result<String, ConfigError> {
    let is_number = |text: &str| {
        (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let numbers = version
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'));
    if !numbers.is_some_and(|(major, minor)| is_number(major) && is_number(minor)) {
        let reason = "expected a version such as v25.0";
        return Err(ConfigError::new("api_version", version, reason));
    }
    if !is_number(phone_number_id) {
        let reason = "expected the digits of an id";
        return Err(ConfigError::new("phone_number_id", "…", reason));
    }
    Ok(format!("/{version}/{phone_number_id}/messages"))
}

/// The body of the request.
pub(super) fn message(
    notifications: &[Notification],
    recipient: &Recipient,
    template: &Template,
) -> Value {
    let parameters = parameters(notifications);
    let parameters = parameters.map(|text| json!({ "type": "text", "text": text }));
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": recipient.0,
        "type": "template",
        "template": {
            "name": template.name,
            "language": { "code": template.language },
            "components": [{ "type": "body", "parameters": parameters }],
        },
    })
}

/// The three parameters: each is one line, and none is empty.
fn parameters(notifications: &[Notification]) -> [String; 3] {
    let worst = wording::worst(notifications);
    let urgency = worst.map_or_else(|| "INFO".to_owned(), wording::urgency);
    let name = match notifications {
        [one] => plain::line(&one.name, LONGEST_NAME),
        several => format!("{} notifications", several.len()),
    };
    let room = LONGEST.saturating_sub(urgency.len() + name.encode_utf16().count());
    let text = match notifications {
        [one] => text(one, room),
        several => {
            let lines = several.iter().map(|one| {
                let line = wording::headline(one);
                plain::line(&line, LONGEST / several.len())
            });
            plain::line(&lines.collect::<Vec<_>>().join(" | "), room)
        }
    };
    let or_dash = |text: String| match text.is_empty() {
        true => "-".to_owned(),
        false => text,
    };
    [urgency, or_dash(name), or_dash(text)]
}

/// What happened, and as much of what is known as fits, in one line. The links come before what can be missed, and none is cut.
fn text(notification: &Notification, room: usize) -> String {
    let mut line = plain::line(&wording::headline(notification), room / 2);
    let text = plain::line(&notification.text, room / 3);
    let links = wording::links(notification, LONGEST_LINK).into_iter();
    let links = links.map(|link| format!("{}: {}", link.name, link.address));
    let facts = wording::facts(notification).into_iter();
    let facts = facts.map(|fact| format!("{}: {}", fact.name, fact.value));
    for part in [text].into_iter().chain(links).chain(facts) {
        let more = format!("{line} | {part}");
        if !part.is_empty() && more.encode_utf16().count() <= room {
            line = more;
        }
    }
    line
}

// === impl Recipient ===

impl Recipient {
    /// Takes a number such as `+49 171 1234567`.
    ///
    /// # Errors
    ///
    /// If it has not 7 to 15 digits, or other characters than digits, spaces, `+`, `-`, `.`, `(` and `)`. The error does not show
    /// it.
    pub(super) fn new(number: &str) -> Result<Self, ConfigError> {
        let is_filler = |one: char| " +-.()".contains(one);
        let digits: String = number.chars().filter(|one| !is_filler(*one)).collect();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && (7..=15).contains(&digits.len()) {
            return Ok(Self(digits));
        }
        let reason = "expected a telephone number with the code of its country, of 7 to 15 digits";
        Err(ConfigError::new("to", "…", reason))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

// === impl Template ===

impl Template {
    /// Takes the name of a template and its language, such as `en_US`.
    ///
    /// # Errors
    ///
    /// If the name has not 1 to 512 lowercase letters, digits and `_`, or the language is not as `en` or `en_US`.
    pub(super) fn new(name: &str, language: &str) -> Result<Self, ConfigError> {
        let is_in_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
        if !(1..=512).contains(&name.len()) || !name.bytes().all(is_in_name) {
            let reason = "expected lowercase letters, digits and _";
            return Err(ConfigError::new("template", "…", reason));
        }
        let named = Self {
            name: name.to_owned(),
            language: String::new(),
        };
        named.in_language(language)
    }

    /// The same template in another language.
    ///
    /// # Errors
    ///
    /// If the language is not as `en` or `en_US`.
    pub(super) fn in_language(&self, language: &str) -> Result<Self, ConfigError> {
        let is_in_language = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        if !(2..=10).contains(&language.len()) || !language.bytes().all(is_in_language) {
            let reason = "expected a language such as en_US";
            return Err(ConfigError::new("language", language, reason));
        }
        Ok(Self {
            name: self.name.clone(),
            language: language.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests;
