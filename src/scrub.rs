//! Takes secrets out of what is sent or written, by the names of fields and by the form of the secret.

mod assigned;
mod beside;
mod bound;
mod calls;
mod cards;
mod coded;
mod commands;
mod cookies;
mod counts;
mod fields;
mod form_parts;
pub(crate) mod health_data;
mod inserted;
mod json;
mod judged;
mod line;
mod lists;
mod names;
mod no_value;
mod objects;
pub(crate) mod of_process;
mod options;
mod own_names;
mod pairs;
mod path_tokens;
mod patterns;
mod plain;
mod prefixes;
mod query;
mod replace;
mod said;
mod schemes;
mod sentence;
mod statements;
mod steps;
mod tuples;
pub(crate) mod urls;
mod value;

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use regex::Regex;
use serde_json::Value;

use self::{
    own_names::OwnNames,
    patterns::PATTERNS,
    plain::{escaped, plain},
    replace::step,
};
use crate::config::ConfigError;

/// The text that replaces a secret.
const FILTERED: &str = "[Filtered]";

/// The most passes over a text. A text that still changes after them is filtered as a whole.
const MOST_PASSES: usize = 8;

/// What is filtered as a secret.
///
/// Always filtered are:
///
/// - every value whose name contains a word such as `password`, `token`, `auth` or `session` in any case, or ends with `key` and is
///   no `sort_key`, `cache_key` or the like;
/// - headers that are not on a short list of harmless ones, cookies, bodies, and the environment;
/// - user, password and query values of a URL;
/// - in any text: bearer and basic credentials, JWTs, private keys, keys of AWS, GitHub, GitLab, Slack and Stripe, card numbers,
///   e-mail addresses, and assignments such as `password=...`.
///
/// Rules can be added. The built-in rules cannot be removed.
///
/// The names and the forms have limits:
///
/// - A secret leaves that has neither a telling name nor a known form, such as a password that is a word: `password swordfish`.
///   Without a mark between them, a word after a telling name is filtered only if it has letters and digits: six at least after
///   `password`, eight after `api key` and the like, and after `token` or `secret` if they change three times, as in `a1b2c3d4`.
///   What is spelled as `user17`, `sha256`, `order-17` and `30days` are stays, and so does the UUID or ULID of a session.
/// - Values stay that stand apart from their names: in a list of three or in the columns of a table, in a message and the data of
///   its breadcrumb, more than 512 bytes away in their object, or in the query of a path that does not begin with `/`.
/// - What stands where secrets do is filtered, also if it is none: the value of `{"name": "auth_failures", "value": 17}`, all
///   values of a statement of SQL that names a secret, each argument of `Login("a", "b")`, the last word of a line such as
///   `PASS a`, what stands in marks after `invalid token` with six letters or more, and a word made at random, a UUID or a ULID
///   in a path after `/reset/`, `/verify/`, `/invite/`, `/share/` and the like.
/// - Any value after a telling name is filtered, also a harmless one: `session_timeout: 30`, `secretary=Anna`, and a type in a
///   line of code such as `session: &Session`. A number with up to nine digits before its point stays after names such as
///   `max_tokens` and `promptTokenCount`, and so do objects of such numbers, unless [`key`](Self::key) names them.
/// - After a telling name stay placeholders such as `$1`, `?`, `%s` and `:token`, what stands for no value such as `None`, the
///   words with which errors go on, as in `token: expired`, and the first word of a message that a log gives a module, as in
///   `shop::auth: refreshed`. A secret that is spelled like one of these leaves. What an error calls `invalid`, `expired`,
///   `unknown` and the like is filtered if it stands in the next two words and has letters and digits, twelve at least.
///
/// ```
/// use tower_vitals::scrub::Scrubbing;
///
/// let scrubbing = Scrubbing::new()
///     .key("tax_number")
///     .value(r"\bcustomer-\d+\b")?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Scrubbing {
    /// The letters of names.
    keys: Vec<String>,
    /// The same names as the application gave them.
    names: Vec<String>,
    /// How texts say them. All clones share it. It is compiled with the first text, since each further name changes it.
    own_names: Arc<OnceLock<Option<OwnNames>>>,
    values: Vec<Regex>,
    rules: Vec<Arc<Rule>>,
    free_text: bool,
    /// Addresses of clients stay, where a field holds one and nothing else.
    addresses: bool,
}

type Rule = dyn Fn(&str) -> Option<String> + Send + Sync;

// === impl Scrubbing ===

impl Scrubbing {
    /// Filters what is always filtered.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keys: Vec::new(),
            names: Vec::new(),
            own_names: Arc::default(),
            values: Vec::new(),
            rules: Vec::new(),
            free_text: true,
            addresses: false,
        }
    }

    /// For data about people's health: only what is on a list is kept, and the application can write none of it as a sentence.
    /// Kept are ids, times, levels, the release and the environment; the types of errors, and stack traces without variables
    /// and source; the route, the method, the status, and the other tags of this crate's own but the tenant; the machine. Spans
    /// keep ids, times and status. All else is left out, also whole logs, metrics and attachments, which are counted as dropped.
    #[must_use]
    pub fn health_data() -> Self {
        Self {
            free_text: false,
            ..Self::new()
        }
    }

    /// Filters every value whose name contains `key`, whatever the case and punctuation: of a field, and in a text where the
    /// value follows its name, as in `tax_number=17`, `{"taxNumber": 17}`, `--tax-number 17` and columns of SQL.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        self.keys.push(letters(key));
        self.names.push(key.to_owned());
        self.own_names = Arc::default();
        self
    }

    /// Filters what `pattern` matches in any text. It is a regular expression of the crate `regex`. Of the classes of
    /// Unicode it can have those for letters, digits and scripts, such as `\p{L}`, `\p{Lu}`, `\p{N}` and `\p{Greek}`. An
    /// application that wants others, such as `\p{Alphabetic}`, turns on the feature `unicode` of `regex`.
    ///
    /// # Errors
    ///
    /// If the pattern is not valid, or matches the empty text.
    pub fn value(mut self, pattern: &str) -> Result<Self, ConfigError> {
        let refuse = |reason: String| ConfigError::new("scrubbing.value", pattern, reason);
        let regex = Regex::new(pattern).map_err(|error| refuse(error.to_string()))?;
        if regex.is_match("") {
            return Err(refuse("matches the empty text".into()));
        }
        self.values.push(regex);
        Ok(self)
    }

    /// Calls `rule` for each text, and replaces the text by what it returns. If it panics, the whole item is dropped and
    /// counted.
    #[must_use]
    pub fn rule(mut self, rule: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// The text without secrets, as every text is treated. Use it to test rules of your own.
    ///
    /// ```
    /// use tower_vitals::scrub::Scrubbing;
    ///
    /// let text = Scrubbing::new().scrub("password=hunter2 for 17");
    /// assert_eq!(text, "password=[Filtered] for 17");
    /// ```
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.text(text).into_owned()
    }

    /// Keeps the addresses of clients, unless this is for health data.
    #[cfg(feature = "sentry")]
    pub(crate) const fn keep_addresses(&mut self) {
        self.addresses = self.free_text;
    }

    /// Whether the value of a field for addresses is kept.
    fn keeps_address(&self, value: &Value) -> bool {
        let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
        self.addresses && value.as_str().is_some_and(is_address)
    }

    /// Whether free text is kept.
    pub(crate) const fn keeps_free_text(&self) -> bool {
        self.free_text
    }

    /// Refuses an empty key, which would filter everything.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        if self.keys.iter().any(String::is_empty) {
            let reason = "every name contains it";
            return Err(ConfigError::new("scrubbing.key", "", reason));
        }
        Ok(self)
    }

    /// The text without secrets. It is borrowed if it has none.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut kept = Cow::Borrowed(text);
        for rule in &self.rules {
            if let Some(changed) = rule(&kept) {
                kept = Cow::Owned(changed);
            }
        }
        // A replacement can uncover another secret, so it goes on until nothing changes. Nearly always that is the first pass.
        for _ in 0..MOST_PASSES {
            // First as it stands: in a URL a coded space is part of a value, and a decoded one would end it.
            let changed = self.pass(&kept);
            match changed.or_else(|| self.decoded(&kept)) {
                Some(changed) => kept = Cow::Owned(changed),
                None => return kept,
            }
        }
        Cow::Owned(FILTERED.to_owned())
    }

    /// The text without what it is encoded with, if it holds a secret. If the encodings have no end, it is filtered as a whole.
    fn decoded(&self, text: &str) -> Option<String> {
        let mut decoded = plain(text)?;
        for _ in 0..MOST_PASSES {
            if let Some(kept) = self.pass(&decoded) {
                return Some(escaped(kept, text));
            }
            decoded = plain(&decoded)?;
        }
        Some(FILTERED.to_owned())
    }

    /// The text after all patterns, if they change it.
    fn pass(&self, text: &str) -> Option<String> {
        let mut kept = PATTERNS.filter(text, &self.keys, !self.free_text);
        let own_names = || OwnNames::new(&self.names);
        if let Some(names) = self.own_names.get_or_init(own_names) {
            step(&mut kept, |text| names.without(text, &self.keys));
        }
        for value in &self.values {
            step(&mut kept, |text| value.replace_all(text, FILTERED));
        }
        match kept {
            Cow::Owned(kept) if kept != text => Some(kept),
            _ => None,
        }
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

/// The letters and digits of a name in lower case: `X-Api_Key` and `xApiKey` are the same.
fn letters(name: &str) -> String {
    let kept = name.chars().filter(|character| character.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}
