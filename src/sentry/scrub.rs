//! Takes secrets out of what leaves the process, by the names they stand under and by what they look like.

mod patterns;

use std::{borrow::Cow, fmt, sync::Arc};

use regex::Regex;
use serde_json::{Map, Value};

pub(super) use self::patterns::without_secrets;
use self::patterns::{FILTERED, PATTERNS, decoded, query, step};
use crate::config::ConfigError;

/// A text that still changes after so many passes is filtered as a whole.
const MOST_PASSES: usize = 8;

/// What lies deeper is not looked into but filtered.
const DEEPEST: usize = 64;

/// A name that has one of these in it, whatever its case and punctuation, names a secret.
const SECRET: &[&str] = &[
    "apikey",
    "auth",
    "bearer",
    "cardnumber",
    "cfaccess",
    "cookie",
    "credential",
    "creditcard",
    "csrf",
    "cvc",
    "cvv",
    "forwarded",
    "iban",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "saml",
    "secret",
    "session",
    "signature",
    "token",
    "xamz",
    "xgoog",
    "xsrf",
];

/// A name that begins or ends so names a secret; inside other words these mean nothing.
const SECRET_AT_AN_END: &[&str] = &[
    "key",
    "sso",
    "sid",
    "pin",
    "ssn",
    "clientip",
    "connectingip",
    "realip",
    "remoteaddr",
];

/// What our own events and the protocol say under names that only look secret.
const HARMLESS: &[&str] = &["error_category", "author", "keyboard"];

/// The headers whose values leave; of all others only the name does.
const HEADERS: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-request-id",
];

/// What the application set at start, and the SDK's own: a version may look like an e-mail address.
const TRUSTED: &[&str] = &[
    "release",
    "environment",
    "dist",
    "sdk",
    "platform",
    "event_id",
    "debug_meta",
    "modules",
];

/// Where the preset for health data lets no text through at all.
const FREE_TEXT: &[&str] = &[
    "body",
    "data",
    "description",
    "env",
    "extra",
    "formatted",
    "message",
    "params",
    "server_name",
    "user",
    "value",
    "vars",
];

/// SeriesKey texts are secrets, beside those that always are.
///
/// Always filtered: every value under a name that says secret (`password`, `token`, `auth`, `key`, `session`, …, in any
/// case, anywhere in the name), headers that are not on a short list of harmless ones, cookies, bodies, the environment,
/// values of a query and a URL's user and password; and wherever they stand in a text: bearer and basic credentials, JWTs,
/// private keys, keys of AWS, GitHub, GitLab, Slack and Stripe, card numbers, e-mail addresses, and `password=…` and the like.
///
/// Rules can be added and none taken away.
///
/// ```
/// use tower_vitals::sentry::Scrubbing;
///
/// let scrubbing = Scrubbing::new().key("tax_number").value(r"\bcustomer-\d+\b")?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Scrubbing {
    keys: Vec<String>,
    values: Vec<Regex>,
    rules: Vec<Arc<Rule>>,
    free_text: bool,
}

type Rule = dyn Fn(&str) -> Option<String> + Send + Sync;

// === impl Scrubbing ===

impl Scrubbing {
    /// What is always filtered.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
            rules: Vec::new(),
            free_text: true,
        }
    }

    /// For data about people's health: no free text leaves. Messages, the texts of errors, breadcrumbs, extras, users and URLs
    /// are filtered as a whole, and dates, IP addresses and telephone numbers wherever they stand; types of errors, stack
    /// traces, routes and tags stay.
    #[must_use]
    pub fn health_data() -> Self {
        Self {
            free_text: false,
            ..Self::new()
        }
    }

    /// Filters every value under a name that has `key` in it, whatever its case and punctuation.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.keys.push(letters(key));
        self
    }

    /// Filters what `pattern`, a regular expression of the crate `regex`, matches in any text.
    ///
    /// # Errors
    ///
    /// When the pattern is none, or matches the empty text and so everywhere.
    pub fn value(mut self, pattern: &str) -> Result<Self, ConfigError> {
        let refuse = |reason: String| ConfigError::new("scrubbing.value", pattern, reason);
        let regex = Regex::new(pattern).map_err(|error| refuse(error.to_string()))?;
        if regex.is_match("") {
            return Err(refuse("matches the empty text".into()));
        }
        self.values.push(regex);
        Ok(self)
    }

    /// Asks `rule` for each text; what it returns goes in its place. If it panics, the whole item is dropped and counted.
    #[must_use]
    pub fn rule(mut self, rule: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// A text without what looks like a secret: what happens to each that leaves, for a test of one's own rules.
    ///
    /// ```
    /// use tower_vitals::sentry::Scrubbing;
    ///
    /// assert_eq!(Scrubbing::new().scrub("password=hunter2 for 17"), "password=[Filtered] for 17");
    /// ```
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.text(text).into_owned()
    }

    pub(crate) const fn lets_text_through(&self) -> bool {
        self.free_text
    }

    /// Refuses keys that would filter everything.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        if self.keys.iter().any(String::is_empty) {
            let reason = "every name has it";
            return Err(ConfigError::new("scrubbing.key", "", reason));
        }
        Ok(self)
    }

    /// A text without what looks like a secret.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut kept = Cow::Borrowed(text);
        for rule in &self.rules {
            if let Some(changed) = rule(&kept) {
                kept = Cow::Owned(changed);
            }
        }
        // What goes may leave behind what is a secret only now: until nothing changes, which is nearly always at once.
        for _ in 0..MOST_PASSES {
            let decoded = decoded(&kept).filter(|decoded| self.pass(decoded).is_some());
            match self.pass(decoded.as_deref().unwrap_or(&kept)) {
                Some(changed) => kept = Cow::Owned(changed),
                None => return kept,
            }
        }
        Cow::Borrowed(FILTERED)
    }

    /// What the patterns, ours and the application's, make of a text, if that is anything else.
    fn pass(&self, text: &str) -> Option<String> {
        let mut kept = PATTERNS.filter(text, !self.free_text);
        for value in &self.values {
            step(&mut kept, |text| value.replace_all(text, FILTERED));
        }
        match kept {
            Cow::Owned(kept) if kept != text => Some(kept),
            _ => None,
        }
    }

    /// What stands before the items: the SDK's own numbers, and the name of a transaction.
    pub(crate) fn header(&self, header: &mut Value) {
        if let Some(name) = header.pointer_mut("/trace/transaction") {
            self.value_of(name, 0);
        }
    }

    /// One item of an envelope, in place.
    pub(crate) fn item(&self, item: &mut Value) {
        match item {
            Value::Object(fields) => {
                for (name, value) in fields.iter_mut() {
                    if !TRUSTED.contains(&name.as_str()) {
                        self.field(name, value, 1);
                    }
                }
            }
            other => self.value_of(other, 0),
        }
    }

    fn value_of(&self, value: &mut Value, depth: usize) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(kept) = self.text(text) {
                    *text = kept;
                }
            }
            Value::Array(_) | Value::Object(_) if depth >= DEEPEST => *value = FILTERED.into(),
            Value::Array(values) => {
                for value in values {
                    self.value_of(value, depth + 1);
                }
            }
            Value::Object(fields) => self.fields(fields, depth + 1),
            _ => {}
        }
    }

    fn fields(&self, fields: &mut Map<String, Value>, depth: usize) {
        self.names(fields);
        for (name, value) in fields.iter_mut() {
            self.field(name, value, depth);
        }
    }

    /// A secret may stand where a name should.
    fn names(&self, fields: &mut Map<String, Value>) {
        let renamed = fields.keys().filter_map(|name| match self.text(name) {
            Cow::Owned(kept) => Some((name.clone(), kept)),
            Cow::Borrowed(_) => None,
        });
        for (name, kept) in renamed.collect::<Vec<_>>() {
            if let Some(value) = fields.remove(&name) {
                fields.insert(kept, value);
            }
        }
    }

    fn field(&self, name: &str, value: &mut Value, depth: usize) {
        match name {
            "headers" => self.headers(value, depth),
            "query_string" => match value.as_str().map(query) {
                Some(kept) => *value = kept.into(),
                None => self.filter(value, depth),
            },
            "env" => self.filter(value, depth),
            // Typed in the protocol: there is no other way to say nothing.
            "ip_address" => *value = Value::Null,
            "url" if !self.free_text => *value = Value::Null,
            "trace_id" | "span_id" | "parent_span_id" | "sid" | "check_in_id" if is_id(value) => {}
            "request" => {
                if let Some(body) = value.get_mut("data") {
                    self.filter(body, depth);
                }
                self.value_of(value, depth);
            }
            // A measurement's value is a number, and no text.
            "value" if value.is_number() => {}
            _ if !self.free_text && FREE_TEXT.contains(&name) => self.filter(value, depth),
            _ if self.is_secret(name) => self.filter(value, depth),
            _ => self.value_of(value, depth),
        }
    }

    fn headers(&self, headers: &mut Value, depth: usize) {
        match headers {
            Value::Object(headers) => {
                for (name, value) in headers.iter_mut() {
                    if HEADERS.contains(&name.to_lowercase().as_str()) {
                        self.value_of(value, depth);
                    } else {
                        self.filter(value, depth);
                    }
                }
            }
            other => self.filter(other, depth),
        }
    }

    /// Filters all that says something, and keeps the shape.
    fn filter(&self, value: &mut Value, depth: usize) {
        match value {
            _ if depth >= DEEPEST => *value = FILTERED.into(),
            Value::Null | Value::Bool(_) => {}
            Value::String(_) | Value::Number(_) => *value = FILTERED.into(),
            Value::Array(values) => values
                .iter_mut()
                .for_each(|value| self.filter(value, depth + 1)),
            Value::Object(fields) => {
                self.names(fields);
                // An attribute of a log names its value's type.
                let is_attribute = fields.len() == 2
                    && fields.contains_key("value")
                    && fields.contains_key("type");
                for (name, value) in fields.iter_mut() {
                    match name.as_str() {
                        "ip_address" => *value = Value::Null,
                        "type" if is_attribute => *value = "string".into(),
                        "value" if is_attribute => *value = FILTERED.into(),
                        _ => self.filter(value, depth + 1),
                    }
                }
            }
        }
    }

    fn is_secret(&self, name: &str) -> bool {
        if HARMLESS.contains(&name) {
            return false;
        }
        let name = letters(name);
        let at_an_end = |part: &&str| name.starts_with(*part) || name.ends_with(*part);
        SECRET.iter().any(|part| name.contains(part))
            || SECRET_AT_AN_END.iter().any(at_an_end)
            || self.keys.iter().any(|part| name.contains(part))
    }
}

impl Default for Scrubbing {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scrubbing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubbing")
            .field("keys", &self.keys)
            .field("values", &self.values)
            .field("rules", &self.rules.len())
            .field("free_text", &self.free_text)
            .finish_non_exhaustive()
    }
}

/// Random digits, and hyphens at most.
fn is_id(value: &Value) -> bool {
    let digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    value
        .as_str()
        .is_some_and(|text| text.len() <= 36 && text.bytes().all(digit))
}

/// A name's letters and digits, in lower case: `X-Api_Key` and `xApiKey` are one.
fn letters(name: &str) -> String {
    let kept = name.chars().filter(|character| character.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
