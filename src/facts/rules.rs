//! Recognises errors by their type, and otherwise by keywords in their text.

mod answers;

use std::{
    any::{Any, TypeId, type_name},
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use http::StatusCode;

use self::answers::Answers;
use super::{
    boxes,
    category::ErrorCategory,
    chain,
    evidence::{Evidence, Needs},
    known_errors::{self, concrete},
    links::Links,
    type_name::of_error as type_of_error,
};
use crate::config::ConfigError;

/// The keywords that [`Rules::new`] knows.
const KEYWORDS: [(&str, ErrorCategory); 9] = [
    ("timed out", ErrorCategory::Timeout),
    ("timeout", ErrorCategory::Timeout),
    ("deadline", ErrorCategory::Timeout),
    ("too many requests", ErrorCategory::RateLimit),
    ("rate limit", ErrorCategory::RateLimit),
    ("database", ErrorCategory::Database),
    ("sql", ErrorCategory::Database),
    ("connection refused", ErrorCategory::ExternalService),
    ("connection reset", ErrorCategory::ExternalService),
];

/// Rules that give an error its category.
///
/// A rule is asked for each error of its type in the chain of causes, outermost first. If it returns `None`, the next rule
/// is asked. If no rule of the application has an answer, the built-in rules are asked in the same way:
///
/// - `std::io::Error`: `timeout` if it timed out; `external_service` if a connection was refused, reset, aborted or
///   unreachable, for a broken pipe, and the like.
/// - Tokio's `Elapsed`: `timeout`. Feature `tonic`: its `TimeoutExpired`, and a `Status` of `DEADLINE_EXCEEDED`: `timeout`.
/// - Feature `sqlx`: a missing row is `not_found`, a unique violation `conflict`, an exhausted pool `timeout`, the rest
///   `database`.
/// - Hyper's `Error`: `validation` if the client sent bytes that are no body, `timeout` if it is one, else `external_service`.
///   Feature `reqwest`: the last two for its error.
/// - Feature `redis`: `database`.
/// - Feature `tower`: its elapsed timeout is `timeout`, shed load is `rate_limit`.
///
/// A rule that panics counts in `vitals_hook_failures_total`, and the next rule is asked.
///
/// ```
/// use std::{io, num::ParseIntError};
/// use tower_vitals::category::{ErrorCategory, Rules};
///
/// let rules = Rules::new()
///     .on::<ParseIntError>(|_| Some(ErrorCategory::Validation))
///     // `None` leaves the decision to the next rule.
///     .on::<io::Error>(|error| match error.kind() {
///         io::ErrorKind::NotFound => Some(ErrorCategory::NotFound),
///         _ => None,
///     })
///     .keyword("out of stock", ErrorCategory::Conflict);
/// ```
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    keywords: Vec<(String, ErrorCategory)>,
    answers: Answers,
}

type Judge = dyn Fn(&(dyn Error + 'static)) -> Option<Verdict> + Send + Sync;

/// What a rule says of an error.
#[derive(Clone, Copy)]
struct Verdict {
    category: ErrorCategory,
    /// The status of a failure without an answer of its own.
    status: Option<StatusCode>,
}

#[derive(Clone)]
struct Rule {
    type_id: TypeId,
    name: &'static str,
    as_error: fn(&dyn Any) -> Option<&(dyn Error + 'static)>,
    judge: Arc<Judge>,
}

// === impl Rules ===

impl Rules {
    /// No rules for types, and these keywords: `timed out`, `timeout` and `deadline` for `timeout`; `too many requests` and
    /// `rate limit` for `rate_limit`; `database` and `sql` for `database`; `connection refused` and `connection reset` for
    /// `external_service`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rules: Vec::new(),
            keywords: KEYWORDS
                .map(|(keyword, category)| (keyword.into(), category))
                .into(),
            answers: Answers::default(),
        }
    }

    /// The rules of an application that has set none.
    pub(crate) fn built_in() -> &'static Self {
        static BUILT_IN: LazyLock<Rules> = LazyLock::new(Rules::new);
        &BUILT_IN
    }

    /// Adds a rule for errors of type `E`. [`on_with_status`](Self::on_with_status) also gives a status.
    ///
    /// A service whose error type is `E` itself, not a box, is examined only if there is a rule for `E`.
    #[must_use]
    pub fn on<E: Error + 'static>(
        mut self,
        judge: impl Fn(&E) -> Option<ErrorCategory> + Send + Sync + 'static,
    ) -> Self {
        self.rules.push(Rule {
            type_id: TypeId::of::<E>(),
            name: type_name::<E>(),
            as_error: concrete::<E>,
            judge: Arc::new(move |error| {
                let category = judge(boxes::downcast(error)?)?;
                let status = None;
                Some(Verdict { category, status })
            }),
        });
        self
    }

    /// Gives `category` to errors whose text contains `keyword`, in upper or lower case. Keywords are read only if no type
    /// is known and the status is generic. The newest keyword is tried first.
    #[must_use]
    pub fn keyword(mut self, keyword: &str, category: ErrorCategory) -> Self {
        self.keywords.insert(0, (keyword.to_lowercase(), category));
        self
    }

    /// Removes all keywords.
    #[must_use]
    pub fn without_keywords(mut self) -> Self {
        self.keywords.clear();
        self
    }

    /// Refuses two rules for one type, an empty keyword, and an answer that is no failure.
    pub(crate) fn checked(self) -> Result<Self, ConfigError> {
        for (index, rule) in self.rules.iter().enumerate() {
            let earlier = &self.rules[..index];
            if earlier.iter().any(|other| other.type_id == rule.type_id) {
                let field = format!("rules[{index}]");
                let reason = "there is already a rule for this type";
                return Err(ConfigError::new(field, rule.name, reason));
            }
        }
        for (keyword, category) in &self.keywords {
            if keyword.trim().is_empty() {
                let reason = format!("every text contains it; category {}", category.as_str());
                return Err(ConfigError::new("rules.keyword", keyword, reason));
            }
        }
        self.answers.check()?;
        Ok(self)
    }

    /// The error behind a service's error value: one in a box, or one of a type that a rule knows.
    pub(crate) fn as_error<'e>(&self, error: &'e dyn Any) -> Option<&'e (dyn Error + 'static)> {
        let by_rule = || self.rules.iter().find_map(|rule| (rule.as_error)(error));
        boxes::open(error)
            .or_else(by_rule)
            .or_else(|| known_errors::as_error(error))
    }

    /// The evidence in an error and its causes, and how many times foreign code panicked.
    ///
    /// Keywords are read only if the status is `generic`. `is_malformed` says that the client sent what is no body.
    pub(crate) fn examine(
        &self,
        error: &(dyn Error + 'static),
        generic: bool,
        is_malformed: bool,
        needs: Needs,
    ) -> (Evidence, usize) {
        let mut panics = 0;
        let mut guarded = |ask: &mut dyn FnMut()| {
            // Rules belong to the application, and so do `source` and `Display` of an error.
            panics += usize::from(catch_unwind(AssertUnwindSafe(ask)).is_err());
        };
        let mut causes = Vec::new();
        guarded(&mut || causes.extend(chain::causes(error)));
        let mut by_type = None;
        for cause in &causes {
            for rule in &self.rules {
                let judge = || (rule.judge)(*cause).map(|verdict| verdict.category);
                guarded(&mut || by_type = by_type.or_else(judge));
            }
        }
        let built_in = || known_errors::category(&causes, is_malformed);
        let mut evidence = Evidence {
            by_type: by_type.or_else(built_in),
            of_panic: causes.iter().any(|cause| known_errors::is_panic(*cause)),
            ..Evidence::default()
        };
        guarded(&mut || {
            // Drivers of databases and pools of the application are asked.
            evidence.of_timeout = causes.iter().any(|cause| known_errors::is_timeout(*cause));
        });
        let keywords = generic && evidence.by_type.is_none() && !self.keywords.is_empty();
        if keywords || needs.contains(Needs::TEXT) {
            guarded(&mut || evidence.text = Some(chain::text(error)));
        }
        if needs.contains(Needs::TYPE) {
            guarded(&mut || evidence.error_type = type_of_error(error));
        }
        if needs.contains(Needs::LINKS) {
            guarded(&mut || evidence.links = Links::of(error));
        }
        if let Some(text) = evidence.text.as_deref().filter(|_| keywords) {
            evidence.by_keyword = self.by_keyword(&text.to_lowercase());
        }
        (evidence, panics)
    }

    fn by_keyword(&self, text: &str) -> Option<ErrorCategory> {
        let mut found = self.keywords.iter();
        let (_, category) = found.find(|(keyword, _)| text.contains(keyword))?;
        Some(*category)
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
