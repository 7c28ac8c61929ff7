//! Recognises errors by their type, and failing that by their words.

use std::{
    any::{Any, TypeId, type_name},
    error::Error,
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::chain;
use crate::{
    category::{ErrorCategory, Evidence, Wanted},
    config::ConfigError,
};

/// What is known of error types, beside the ready-made rules.
///
/// A rule is asked for each error of its type in the chain of causes, outermost first; `None` is no opinion, and the next is
/// asked. Where none of yours has one, the ready-made rules are asked in the same way:
///
/// - `std::io::Error`: timed out is `timeout`; refused, reset, aborted, unreachable, broken pipe and the like are `external_service`.
/// - Tokio's `Elapsed`: `timeout`.
/// - Feature `sqlx`: a missing row is `not_found`, a unique violation `conflict`, an exhausted pool `timeout`, the rest `database`.
/// - Feature `redis`: `database`. Features `reqwest` and `hyper`: `timeout` where it is one, else `external_service`.
/// - Feature `tower`: its elapsed timeout is `timeout`, shed load `rate_limit`.
///
/// A rule that panics has no opinion and counts in `vitals_hook_failures_total`.
#[derive(Clone, Debug)]
pub struct Rules {
    own: Vec<Rule>,
    words: Vec<(String, ErrorCategory)>,
}

type Judge = dyn Fn(&(dyn Error + 'static)) -> Option<ErrorCategory> + Send + Sync;

#[derive(Clone)]
struct Rule {
    of: TypeId,
    name: &'static str,
    as_error: fn(&dyn Any) -> Option<&(dyn Error + 'static)>,
    judge: Arc<Judge>,
}

// === impl Rules ===

impl Rules {
    /// No rules of your own, and a few words: `timed out`, `timeout` and `deadline` for `timeout`; `too many requests` and `rate
    /// limit` for `rate_limit`; `database` and `sql` for `database`; `connection refused` and `connection reset` for
    /// `external_service`.
    #[must_use]
    pub fn new() -> Self {
        use ErrorCategory::{Database, ExternalService, RateLimit, Timeout};
        let words = [
            ("timed out", Timeout),
            ("timeout", Timeout),
            ("deadline", Timeout),
            ("too many requests", RateLimit),
            ("rate limit", RateLimit),
            ("database", Database),
            ("sql", Database),
            ("connection refused", ExternalService),
            ("connection reset", ExternalService),
        ];
        Self {
            own: Vec::new(),
            words: words.map(|(word, category)| (word.into(), category)).into(),
        }
    }

    /// Judges errors of type `E`.
    ///
    /// The rule also lets a service's own `E` be looked into, where it is not boxed.
    #[must_use]
    pub fn on<E: Error + 'static>(
        mut self,
        judge: impl Fn(&E) -> Option<ErrorCategory> + Send + Sync + 'static,
    ) -> Self {
        self.own.push(Rule {
            of: TypeId::of::<E>(),
            name: type_name::<E>(),
            as_error: concrete::<E>,
            judge: Arc::new(move |error| judge(error.downcast_ref()?)),
        });
        self
    }

    /// Takes errors whose text has `word`, in whatever case, for `category`, where no type is known and the status is vague.
    /// Asked before those that are there.
    #[must_use]
    pub fn word(mut self, word: &str, category: ErrorCategory) -> Self {
        self.words.insert(0, (word.to_lowercase(), category));
        self
    }

    /// Forgets all words.
    #[must_use]
    pub fn no_words(mut self) -> Self {
        self.words.clear();
        self
    }

    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        for (index, rule) in self.own.iter().enumerate() {
            if self.own[..index].iter().any(|other| other.of == rule.of) {
                let reason = "a rule about this type is there already";
                return Err(ConfigError::new(
                    format!("rules[{index}]"),
                    rule.name,
                    reason,
                ));
            }
        }
        for (word, category) in &self.words {
            if word.trim().is_empty() {
                let reason = format!("every text has it; no word for {}", category.as_str());
                return Err(ConfigError::new("rules.word", word, reason));
            }
        }
        Ok(self)
    }

    /// An error of a type that somebody knows, or one in a box.
    pub(crate) fn as_error<'e>(&self, error: &'e dyn Any) -> Option<&'e (dyn Error + 'static)> {
        let own = || self.own.iter().find_map(|rule| (rule.as_error)(error));
        let ready = || READY.iter().find_map(|as_error| as_error(error));
        boxed(error).or_else(own).or_else(ready)
    }

    /// What the error and its causes say, with the number of rules (or errors) that panicked.
    ///
    /// Words are what a vague status asks for.
    pub(crate) fn examine(
        &self,
        error: &(dyn Error + 'static),
        wanted: Wanted,
    ) -> (Evidence, usize) {
        let mut failures = 0;
        let mut guarded = |ask: &mut dyn FnMut()| {
            // Rules are others' code, and so are `source` and `Display` of an error.
            failures += usize::from(catch_unwind(AssertUnwindSafe(ask)).is_err());
        };
        let mut causes = Vec::new();
        guarded(&mut || causes.extend(chain::causes(error)));
        let mut by_type = None;
        for cause in &causes {
            for rule in &self.own {
                guarded(&mut || by_type = by_type.or_else(|| (rule.judge)(*cause)));
            }
        }
        let ready = || causes.iter().find_map(|cause| ready_made(*cause));
        let mut evidence = Evidence {
            by_type: by_type.or_else(ready),
            ..Evidence::default()
        };
        let words = wanted.words && evidence.by_type.is_none() && !self.words.is_empty();
        if words || wanted.text {
            guarded(&mut || evidence.text = Some(chain::text(error)));
        }
        #[cfg(feature = "sentry")]
        if wanted.chain {
            guarded(&mut || evidence.chain = chain::links(error));
        }
        if let Some(text) = evidence.text.as_deref().filter(|_| words) {
            let text = text.to_lowercase();
            let found = self.words.iter().find(|(word, _)| text.contains(word));
            evidence.by_words = found.map(|(_, category)| *category);
        }
        (evidence, failures)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Rule ===

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rule").field(&self.name).finish()
    }
}

fn concrete<E: Error + 'static>(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    error.downcast_ref::<E>().map(|error| error as _)
}

/// The boxes in which errors usually come.
fn boxed(error: &dyn Any) -> Option<&(dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send + Sync>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error + Send>>() {
        return Some(&**error);
    }
    if let Some(error) = error.downcast_ref::<Box<dyn Error>>() {
        return Some(&**error);
    }
    let shared = error.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    Some(&**shared)
}

type AsError = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// Types that are looked into where a service has them for its error, or a body for its.
static READY: &[AsError] = &[
    concrete::<io::Error>,
    concrete::<tokio::time::error::Elapsed>,
    #[cfg(feature = "axum")]
    concrete::<axum::Error>,
    #[cfg(feature = "tonic")]
    concrete::<tonic::Status>,
    #[cfg(feature = "sqlx")]
    concrete::<sqlx_core::Error>,
    #[cfg(feature = "redis")]
    concrete::<redis::RedisError>,
    #[cfg(feature = "reqwest")]
    concrete::<reqwest::Error>,
    #[cfg(feature = "hyper")]
    concrete::<hyper::Error>,
    #[cfg(feature = "tower")]
    concrete::<tower::timeout::error::Elapsed>,
    #[cfg(feature = "tower")]
    concrete::<tower::load_shed::error::Overloaded>,
];

/// What is known of one error of the chain without asking the application.
fn ready_made(error: &(dyn Error + 'static)) -> Option<ErrorCategory> {
    if error.is::<tokio::time::error::Elapsed>() {
        return Some(ErrorCategory::Timeout);
    }
    #[cfg(feature = "sqlx")]
    if let Some(error) = error.downcast_ref::<sqlx_core::Error>() {
        return Some(of_sqlx(error));
    }
    #[cfg(feature = "redis")]
    if error.is::<redis::RedisError>() {
        return Some(ErrorCategory::Database);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return Some(external(error.is_timeout()));
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return Some(external(error.is_timeout()));
    }
    #[cfg(feature = "tower")]
    if error.is::<tower::timeout::error::Elapsed>() {
        return Some(ErrorCategory::Timeout);
    }
    #[cfg(feature = "tower")]
    if error.is::<tower::load_shed::error::Overloaded>() {
        return Some(ErrorCategory::RateLimit);
    }
    of_io(error.downcast_ref::<io::Error>()?.kind())
}

#[cfg(any(feature = "reqwest", feature = "hyper"))]
const fn external(timeout: bool) -> ErrorCategory {
    if timeout {
        ErrorCategory::Timeout
    } else {
        ErrorCategory::ExternalService
    }
}

#[cfg(feature = "sqlx")]
fn of_sqlx(error: &sqlx_core::Error) -> ErrorCategory {
    match error {
        sqlx_core::Error::RowNotFound => ErrorCategory::NotFound,
        sqlx_core::Error::PoolTimedOut => ErrorCategory::Timeout,
        sqlx_core::Error::Database(error) if error.is_unique_violation() => ErrorCategory::Conflict,
        _ => ErrorCategory::Database,
    }
}

/// Of files and pipes nothing is known; of connections, that they are to somebody else.
const fn of_io(kind: io::ErrorKind) -> Option<ErrorCategory> {
    use io::ErrorKind::{
        AddrNotAvailable, BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset,
        HostUnreachable, NetworkDown, NetworkUnreachable, NotConnected, TimedOut,
    };
    match kind {
        TimedOut => Some(ErrorCategory::Timeout),
        AddrNotAvailable | BrokenPipe | ConnectionAborted | ConnectionRefused | ConnectionReset
        | HostUnreachable | NetworkDown | NetworkUnreachable | NotConnected => {
            Some(ErrorCategory::ExternalService)
        }
        _ => None,
    }
}
