//! Takes secrets out of what leaves the process, by the names they stand under and by what they look like.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, LazyLock},
};

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};
use serde_json::{Map, Value};

use crate::config::ConfigError;

/// What stands in a secret's place.
pub(crate) const FILTERED: &str = "[Filtered]";

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

/// Which texts are secrets, beside those that always are.
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

/// What secrets look like.
struct Patterns {
    /// From the first line to the last, or to the end.
    private_key: Regex,
    url: Regex,
    /// Credentials by their own form.
    formed: Regex,
    /// `Cookie: …`, to the end of its line.
    cookie: Regex,
    /// `Bearer …`, and the same for the schemes that are also English words.
    scheme: Regex,
    /// `password=…`.
    assigned: Regex,
    email: Regex,
    /// What only the preset for health data filters: IP addresses, dates, telephone and social security numbers; and ids, which
    /// it leaves alone, whatever digits are in them.
    personal: Regex,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

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

    /// What every pattern makes of a text, if that is anything else.
    fn pass(&self, text: &str) -> Option<String> {
        let patterns = &*PATTERNS;
        let mut kept = Cow::Borrowed(text);
        step(&mut kept, |text| {
            patterns.private_key.replace_all(text, FILTERED)
        });
        step(&mut kept, |text| {
            patterns
                .url
                .replace_all(text, |url: &Captures<'_>| without_secrets(&url[0]))
        });
        step(&mut kept, |text| {
            patterns.formed.replace_all(text, FILTERED)
        });
        step(&mut kept, |text| {
            patterns.scheme.replace_all(text, credentials)
        });
        step(&mut kept, |text| {
            patterns.cookie.replace_all(text, "${1}[Filtered]")
        });
        step(&mut kept, |text| {
            patterns.assigned.replace_all(text, "${1}[Filtered]")
        });
        step(&mut kept, |text| patterns.email.replace_all(text, FILTERED));
        step(&mut kept, without_cards);
        if !self.free_text {
            step(&mut kept, |text| {
                patterns.personal.replace_all(text, |found: &Captures<'_>| {
                    match found.name("uuid") {
                        Some(uuid) => uuid.as_str().to_owned(),
                        None => FILTERED.to_owned(),
                    }
                })
            });
        }
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

// === impl Patterns ===

impl Patterns {
    #[expect(
        clippy::expect_used,
        reason = "the patterns stand here, and a test compiles them"
    )]
    fn new() -> Self {
        let regex = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
        Self {
            private_key: regex(
                r"(?i)-----BEGIN[A-Z0-9 +]*PRIVATE[ +]KEY[A-Z +]*-----(?s:.*?)(?:-----END[A-Z0-9 +]*-----|$)",
            ),
            url: regex(r#"(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>`]+"#),
            formed: regex(concat!(
                r"\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)*",
                r"|\b(?:AKIA|ASIA|AIDA|AROA|AGPA|ANPA|ANVA)[A-Z0-9]{16}\b",
                r"|\b(?:gh[pousr]_|github_pat_|glpat-|xox[a-z]-|[sr]k_(?:live|test)_|npm_|sk-(?:proj-|ant-)?)[\w-]{10,}",
                r"|\bAIza[\w-]{20,}|\bSG\.[\w-]{8,}\.[\w-]{8,}|\bbot\d{6,}:[\w-]{8,}|/api/webhooks/\d+/[\w-]+",
                r"|(?i:\bdigest\s+\w+=[^\r\n]*)",
            )),
            cookie: regex(r"(?i)\b((?:set-)?cookie2?\s*[:=]\s*)[^\r\n]+"),
            scheme: regex(
                r#"(?i)\b(bearer|basic|digest|token|apikey)(\s+\\*["']?)([\w.~+/:-]{6,}=*)"#,
            ),
            assigned: regex(concat!(
                r"(?i)((?:[\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|(?:access|private|secret)[_-]?key|credentials?",
                r"|authorization|session[_-]?id|jwt|cookie|signature)[\w-]*|(?:\b|_)(?:auth|session|bearer|pass|pin|otp|cvv2?|cvc2?|ssn|csrf|xsrf|sid))",
                // What stands between name and value, in JSON also when it is quoted once more.
                r#"(?:\\*["'])?\s*(?:=>|:=|[:=>])\s*|--[\w-]*(?:passw(?:or)?d|pwd|secret|token|key)[\w-]*\s+)"#,
                r#"(\[Filtered\]|\[[^\]\r\n]*\]?|(?:\w+\()+\\*"(?:[^"\\]|\\.)*"?"#,
                r#"|\\{4,}["'][^\r\n]*|\\{3}["'](?:[^"'\\]|\\+[^"'\\]|\\{7,}["'])*|\\["'](?:[^"'\\]|\\+[^"'\\]|\\{3,}["'])*"#,
                r#"|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s"'}\]]+)"#,
            )),
            email: regex(r#"(?:[\w.%+-]+|"[^"\r\n]{1,64}")@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"#),
            personal: regex(concat!(
                r"(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}\b|\b\d{3}-\d{2}-\d{4}\b",
                r"|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\+?\b\d[\d ().-]{6,}\d\b",
            )),
        }
    }
}

/// Puts what a pattern made of the text in its place.
fn step(kept: &mut Cow<'_, str>, pattern: impl for<'a> FnOnce(&'a str) -> Cow<'a, str>) {
    let changed = match pattern(kept) {
        Cow::Owned(changed) => changed,
        Cow::Borrowed(_) => return,
    };
    *kept = Cow::Owned(changed);
}

/// A name's letters and digits, in lower case: `X-Api_Key` and `xApiKey` are one.
fn letters(name: &str) -> String {
    let kept = name.chars().filter(|character| character.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// A scheme and what follows it, if that can be a credential and no English word.
fn credentials(found: &Captures<'_>) -> String {
    let (scheme, space, value) = (&found[1], &found[2], &found[3]);
    let coded = |byte: u8| byte.is_ascii_digit() || byte == b'=';
    if scheme.eq_ignore_ascii_case("bearer") || value.bytes().any(coded) || value.len() > 24 {
        return format!("{scheme}{space}{FILTERED}");
    }
    found[0].to_owned()
}

/// A URL without user, password, values of its query, and fragment.
pub(super) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What is no port after a colon is the beginning of a password that has such a character in it.
    let cut = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().any(|byte| !byte.is_ascii_digit()));
    if cut && let Some((_, rest)) = rest.rsplit_once('@') {
        return without_secrets(&format!("{scheme}://{rest}")).replacen("://", "://[Filtered]@", 1);
    }
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, _)) => (rest, "#[Filtered]"),
        None => (rest, ""),
    };
    let (rest, values) = match rest.split_once('?') {
        Some((rest, values)) => (rest, format!("?{}", query(values))),
        None => (rest, String::new()),
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{FILTERED}@{host}"),
        None => authority.to_owned(),
    };
    // Whoever knows this path may post there.
    let path = match host.as_str() {
        "hooks.slack.com" => "/[Filtered]",
        _ => path,
    };
    format!("{scheme}://{host}{path}{values}{fragment}")
}

/// A query without its values; where there is no `=`, all of it is one.
fn query(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) => format!("{name}={FILTERED}"),
        None => FILTERED.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// A text without percent-encoding, if it has any.
fn decoded(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    match decoded {
        Cow::Owned(decoded) if decoded != text => Some(decoded),
        _ => None,
    }
}

/// A text without card numbers: 13 to 19 digits, in one or in groups of three and more, of a network that exists, with the
/// right check digit.
fn without_cards(text: &str) -> Cow<'_, str> {
    const SHORTEST: usize = 13;
    const LONGEST: usize = 19;
    let bytes = text.as_bytes();
    let group = |at: usize| {
        bytes[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut kept = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(start) = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) {
        if let Some(end) = id_around(bytes, start) {
            at = end;
            continue;
        }
        let first = group(start);
        let (mut digits, mut end) = (first, start + first);
        at = end;
        let mut card = None;
        while digits <= LONGEST {
            if digits >= SHORTEST && is_card(&bytes[start..end]) {
                card = Some(end);
            }
            let next = end + separators(&bytes[end..]);
            let length = group(next);
            if next == end || length < 3 || first < 3 {
                break;
            }
            digits += length;
            end = next + length;
        }
        if let Some(end) = card {
            kept.push_str(&text[copied..start]);
            kept.push_str(FILTERED);
            copied = end;
            at = end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[copied..]);
    Cow::Owned(kept)
}

/// How many bytes stand between two groups of a number: one or two of what people write there.
fn separators(bytes: &[u8]) -> usize {
    let separator = |bytes: &[u8]| match bytes {
        [b' ' | b'-' | b'.' | b'/' | b'_' | b'+', ..] => 1,
        // A space that does not break.
        [0xC2, 0xA0, ..] => 2,
        _ => 0,
    };
    let first = separator(bytes);
    first
        + if first == 0 {
            0
        } else {
            separator(&bytes[first..])
        }
}

/// The end of a UUID or of an id of 16 or 32 hexadecimal digits, where a digit of it stands at `at`: its digits are no card's.
fn id_around(bytes: &[u8], at: usize) -> Option<usize> {
    let is_hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let start = (0..at)
        .rev()
        .take(36)
        .take_while(|at| is_hex(*at))
        .last()
        .unwrap_or(at);
    let run = (start..).take_while(|at| is_hex(*at)).take(36).count();
    let letters = bytes[start..start + run]
        .iter()
        .any(u8::is_ascii_alphabetic);
    if matches!(run, 16 | 32) && letters {
        return Some(start + run);
    }
    let uuid = bytes.get(start..start + 36)?;
    let shaped = |(place, byte): (usize, &u8)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    (uuid.iter().enumerate().all(shaped) && !is_hex(start + 36)).then_some(start + 36)
}

/// Luhn's check, over the digits of `text`.
fn is_card(text: &[u8]) -> bool {
    let digits = || text.iter().filter(|byte| byte.is_ascii_digit());
    let sum: u32 = digits()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let digit = u32::from(digit - b'0');
            match index % 2 {
                0 => digit,
                _ => digit * 2 % 10 + digit / 5,
            }
        })
        .sum();
    matches!(text.first(), Some(b'2'..=b'6')) && sum.is_multiple_of(10)
}

/// Random digits, and hyphens at most.
fn is_id(value: &Value) -> bool {
    let digit = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    value
        .as_str()
        .is_some_and(|text| text.len() <= 36 && text.bytes().all(digit))
}
