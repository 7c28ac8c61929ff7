//! Excludes requests by more than their path: by method and header.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::Patterns;
use crate::config::ConfigError;

/// One rule about requests that are not observed. Everything that it names must hold.
///
/// ```
/// use http::Method;
/// use tower_vitals::{Vitals, exclude::Rule};
///
/// let vitals = Vitals::builder()
///     .exclude(["/ping"])
///     .exclude_rules([
///         Rule::method(Method::OPTIONS),
///         Rule::header_prefix("user-agent", "kube-probe/"),
///         Rule::path("/static/").and(Rule::method(Method::GET)),
///     ])
///     .build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
///
/// The path is compared as [`Patterns`] compare it, and the method as received. Names of headers have no case, and values
/// have. A header that comes twice matches nothing.
///
/// # What a client decides
///
/// A client chooses its headers and its method. So any client can write `kube-probe/` and have no id, no event and no
/// timing. It cannot hide that it was there, or that it failed: each excluded request is counted in
/// `http_requests_excluded_total`, and each failure of the server in `errors_total` at the endpoint `excluded`. A panic, an
/// `Err` and a broken body are logged and reported as well. An answer of 5xx has no line, and is reported only with
/// [`include_excluded`](crate::report::ReportPolicy::include_excluded). Combine a header with a path to keep what a client can
/// choose small.
#[derive(Clone, Debug)]
#[must_use = "a rule does nothing before a layer has it"]
pub struct Rule {
    path: Option<(String, Patterns)>,
    method: Option<Method>,
    headers: Vec<Header>,
    /// The first error, with the value that it is about. It waits for a layer.
    error: Option<(String, String)>,
}

/// What one header must be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    name: HeaderName,
    value: HeaderValue,
    /// The value of the request can go on.
    prefix: bool,
}

/// Checked rules. A request is excluded if one of them matches.
///
/// ```
/// use http::Method;
/// use tower_vitals::{TimingLayer, exclude::{Rule, Rules}};
///
/// let quiet = Rules::new([Rule::method(Method::OPTIONS)])?;
/// let layer = TimingLayer::new().exclude_rules(quiet);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<CheckedRule>);

#[derive(Clone, Debug)]
struct CheckedRule {
    rule: Rule,
    text: Box<str>,
    used: Arc<AtomicBool>,
}

/// All that a layer excludes: paths, and what rules say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exclusion {
    pub(crate) patterns: Patterns,
    pub(crate) rules: Rules,
}

// === impl Rule ===

impl Rule {
    const EMPTY: Self = Self {
        path: None,
        method: None,
        headers: Vec::new(),
        error: None,
    };

    /// Requests on a path, by the grammar of [`Patterns`].
    pub fn path(pattern: &str) -> Self {
        match Patterns::new([pattern]) {
            Ok(patterns) => Self {
                path: Some((pattern.to_owned(), patterns)),
                ..Self::EMPTY
            },
            Err(error) => Self::wrong(pattern, error.reason()),
        }
    }

    /// Requests with this method.
    pub fn method(method: Method) -> Self {
        Self {
            method: Some(method),
            ..Self::EMPTY
        }
    }

    /// Requests with this header, once, and with exactly this value.
    pub fn header(name: &str, value: &str) -> Self {
        Self::of_header(name, value, false)
    }

    /// Requests with this header, once, whose value begins so.
    pub fn header_prefix(name: &str, beginning: &str) -> Self {
        Self::of_header(name, beginning, true)
    }

    fn of_header(name: &str, value: &str, prefix: bool) -> Self {
        let Ok(parsed) = HeaderName::try_from(name) else {
            return Self::wrong(name, "no name of a header");
        };
        // The value is not shown: it can be a secret.
        if value.is_empty() {
            return Self::wrong(name, "an empty value would match what nobody sent");
        }
        let value = match HeaderValue::try_from(value) {
            Ok(fits) if value.trim() == value || prefix && value.trim_start() == value => fits,
            _ => return Self::wrong(name, "no header can have the value"),
        };
        let header = Header {
            name: parsed,
            value,
            prefix,
        };
        Self {
            headers: vec![header],
            ..Self::EMPTY
        }
    }

    fn wrong(value: &str, reason: &str) -> Self {
        Self {
            error: Some((value.to_owned(), reason.to_owned())),
            ..Self::EMPTY
        }
    }

    /// Requests that both rules match.
    pub fn and(mut self, other: Self) -> Self {
        let twice = |thing: String| {
            let reason = "it is in both rules; two rules in a list match either";
            Some((thing, reason.to_owned()))
        };
        let mut error = self.error.take().or(other.error);
        match (&self.path, other.path) {
            (Some(_), Some((path, _))) => error = error.or_else(|| twice(path)),
            (None, Some(path)) => self.path = Some(path),
            (_, None) => {}
        }
        match (&self.method, other.method) {
            (Some(_), Some(method)) => error = error.or_else(|| twice(method.to_string())),
            (None, Some(method)) => self.method = Some(method),
            (_, None) => {}
        }
        for header in other.headers {
            if self.headers.iter().any(|known| known.name == header.name) {
                error = error.or_else(|| twice(header.name.to_string()));
            }
            self.headers.push(header);
        }
        self.error = error;
        self
    }

    fn matches(&self, path: &str, asked: &Method, headers: &HeaderMap) -> bool {
        let method = self.method.as_ref();
        method.is_none_or(|method| method == asked)
            && self.headers.iter().all(|header| header.matches(headers))
            && self
                .path
                .as_ref()
                .is_none_or(|(_, only)| only.matches(path))
    }

    fn is_same(&self, other: &Self) -> bool {
        let path = |rule: &Self| rule.path.as_ref().map(|(path, _)| path.clone());
        let headers = self.headers.len() == other.headers.len()
            && self.headers.iter().all(|one| other.headers.contains(one));
        path(self) == path(other) && self.method == other.method && headers
    }
}

/// What it names, in one word each. Of values only the user agent's are shown: others can be secrets.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.iter().map(Method::to_string);
        let path = self.path.iter().map(|(path, _)| path.clone());
        let headers = self.headers.iter().map(Header::to_string);
        let words: Vec<_> = method.chain(path).chain(headers).collect();
        f.write_str(&words.join(" "))
    }
}

// === impl Header ===

impl Header {
    fn matches(&self, headers: &HeaderMap) -> bool {
        let mut sent = headers.get_all(&self.name).iter();
        let only = sent.next().filter(|_| sent.next().is_none());
        only.is_some_and(|sent| match self.prefix {
            true => sent.as_bytes().starts_with(self.value.as_bytes()),
            false => *sent == self.value,
        })
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = match self.value.to_str() {
            Ok(value) if self.name == header::USER_AGENT => value,
            _ => "…",
        };
        let more = if self.prefix { "*" } else { "" };
        write!(f, "{}={value}{more}", self.name)
    }
}

// === impl Rules ===

impl Rules {
    /// Checks and collects rules.
    ///
    /// # Errors
    ///
    /// If a rule can match nothing or everything, or is there twice. The error has the index of the rule, as
    /// `exclude_rules[2]`, and what is wrong in it; of a header only the name.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Result<Self, ConfigError> {
        let mut all: Vec<CheckedRule> = Vec::new();
        for (index, mut rule) in rules.into_iter().enumerate() {
            let refuse = |(value, reason): (String, String)| {
                ConfigError::new(format!("exclude_rules[{index}]"), value, reason)
            };
            if let Some(error) = rule.error.take() {
                return Err(refuse(error));
            }
            let text = rule.to_string();
            if all.iter().any(|earlier| earlier.rule.is_same(&rule)) {
                return Err(refuse((text, "an earlier rule is the same".into())));
            }
            all.push(CheckedRule {
                rule,
                text: text.into(),
                used: Arc::default(),
            });
        }
        Ok(Self(all))
    }

    fn matches(&self, path: &str, method: &Method, headers: &HeaderMap) -> bool {
        let mut all = self.0.iter();
        let Some(found) = all.find(|checked| checked.rule.matches(path, method, headers)) else {
            return false;
        };
        // It is written only once. So processors do not take the cache line from each other.
        if !found.used.load(Ordering::Relaxed) {
            found.used.store(true, Ordering::Relaxed);
        }
        true
    }
}

// === impl Exclusion ===

impl Exclusion {
    /// Without rules, nothing but the path is looked at.
    #[inline]
    pub(crate) fn matches(&self, path: &str, method: &Method, headers: &HeaderMap) -> bool {
        self.patterns.matches(path)
            || (!self.rules.0.is_empty() && self.rules.matches(path, method, headers))
    }

    /// The name of the preset that is among the patterns.
    pub(crate) fn preset(&self) -> Option<&'static str> {
        self.patterns.preset()
    }

    /// The patterns and rules that no request has matched yet.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.0.iter();
        let unused = rules.filter(|rule| !rule.used.load(Ordering::Relaxed));
        self.patterns.unused().chain(unused.map(|rule| &*rule.text))
    }
}

/// The patterns and the rules, separated by commas.
impl fmt::Display for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = self.patterns.to_string();
        f.write_str(&patterns)?;
        for (index, rule) in self.rules.0.iter().enumerate() {
            let first = index == 0 && patterns.is_empty();
            write!(f, "{}{}", if first { "" } else { "," }, rule.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_matches_nothing_or_everything_fails_with_its_index_and_no_secret() {
        let method = || Rule::method(Method::GET);
        for (rule, value) in [
            (Rule::path(""), ""),
            (Rule::path("/a*"), "/a*"),
            (Rule::header("", "a"), ""),
            (Rule::header("user agent", "a"), "user agent"),
            (Rule::header("x-key", ""), "x-key"),
            (Rule::header_prefix("x-key", ""), "x-key"),
            (Rule::header("x-key", "s3cret\n"), "x-key"),
            (Rule::header("x-key", "s3cret "), "x-key"),
            (Rule::header_prefix("x-key", " s3cret"), "x-key"),
            (method().and(Rule::method(Method::POST)), "POST"),
            (Rule::path("/a").and(method()).and(Rule::path("/b")), "/b"),
            (
                Rule::header("x-key", "s3cret").and(Rule::header("X-Key", "s3cret2")),
                "x-key",
            ),
            (method().and(Rule::path("b")), "b"),
            (
                Rule::header("x-key", "s3cret").and(Rule::method(Method::PUT)),
                "PUT x-key=…",
            ),
        ] {
            let earlier = Rule::method(Method::PUT).and(Rule::header("X-KEY", "s3cret"));
            let error = Rules::new([earlier, rule]).unwrap_err();
            assert_eq!((error.field(), error.value()), ("exclude_rules[1]", value));
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_is_excluded_is_named_without_secrets() {
        let rules = [
            Rule::header("x-key", "s3cret"),
            Rule::header_prefix("User-Agent", "kube-probe/"),
            Rule::path("/static/").and(Rule::method(Method::GET)),
        ];
        let mut exclusion = Exclusion {
            patterns: Patterns::new(["/ping"]).unwrap(),
            rules: Rules::new(rules).unwrap(),
        };
        let named = "x-key=…,user-agent=kube-probe/*,GET /static/";
        assert_eq!(exclusion.to_string(), format!("/ping,{named}"));
        exclusion.patterns = Patterns::default();
        assert_eq!(exclusion.to_string(), named);
        assert_eq!(exclusion.unused().count(), 3);
    }
}
