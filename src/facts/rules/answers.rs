//! Chooses the status of a failure that has no answer of its own.

use std::{
    any::{TypeId, type_name},
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use http::StatusCode;

use super::{Rule, Rules, Verdict};
use crate::{
    config::ConfigError,
    facts::{
        boxes,
        category::ErrorCategory,
        chain,
        known_errors::{self, concrete},
    },
};

/// What [`Rules::answer_client_errors`] answers.
const OF_CLIENTS: [(ErrorCategory, StatusCode); 4] = [
    (ErrorCategory::NotFound, StatusCode::NOT_FOUND),
    (ErrorCategory::Conflict, StatusCode::CONFLICT),
    (ErrorCategory::Validation, StatusCode::BAD_REQUEST),
    (ErrorCategory::RateLimit, StatusCode::TOO_MANY_REQUESTS),
];

/// The statuses of failures without an answer of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    /// The newest counts.
    by_category: Vec<(ErrorCategory, StatusCode)>,
    /// There is a rule that gives a status.
    by_rule: bool,
}

// === impl Answers ===

impl Answers {
    fn of_category(&self, category: ErrorCategory) -> Option<StatusCode> {
        let mut newest_first = self.by_category.iter().rev();
        let (_, status) = newest_first.find(|(known, _)| *known == category)?;
        Some(*status)
    }

    /// Refuses a status that is no failure.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mut statuses = self.by_category.iter();
        match statuses.find(|(_, status)| !is_failure(*status)) {
            Some((category, status)) => {
                let field = format!("rules.answer[{}]", category.as_str());
                let reason = "expected a status from 400 to 599";
                Err(ConfigError::new(field, status.as_str(), reason))
            }
            None => Ok(()),
        }
    }
}

// === impl Rules ===

impl Rules {
    /// Adds a rule for errors of type `E`, which also gives a status: that of a [`Failure`](crate::Failure) without an
    /// [answer](crate::Failure::answer) of its own. So a handler can use a bare `?`.
    ///
    /// The body of the answer is the name of the status in lower case. It shows nothing of the error. A status below 400 is
    /// answered as `500`. In all else it is as [`on`](Self::on).
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use tower_vitals::{Failure, category::{ErrorCategory, Rules}};
    /// # use std::fmt;
    ///
    /// #[derive(Debug)]
    /// enum OrderError {
    ///     Unknown,
    ///     Closed,
    /// }
    /// # impl fmt::Display for OrderError {
    /// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    /// #         f.write_str("an order error")
    /// #     }
    /// # }
    ///
    /// impl std::error::Error for OrderError {}
    ///
    /// let rules = Rules::new().on_with_status::<OrderError>(|error| match error {
    ///     OrderError::Unknown => Some((ErrorCategory::NotFound, StatusCode::NOT_FOUND)),
    ///     OrderError::Closed => Some((ErrorCategory::Conflict, StatusCode::CONFLICT)),
    /// });
    ///
    /// async fn close_order() -> Result<(), Failure> {
    ///     Err(OrderError::Closed)? // 409 with the body "conflict"
    /// }
    /// ```
    #[must_use]
    pub fn on_with_status<E: Error + 'static>(
        mut self,
        judge: impl Fn(&E) -> Option<(ErrorCategory, StatusCode)> + Send + Sync + 'static,
    ) -> Self {
        self.answers.by_rule = true;
        self.rules.push(Rule {
            type_id: TypeId::of::<E>(),
            name: type_name::<E>(),
            as_error: concrete::<E>,
            judge: Arc::new(move |error| {
                let (category, status) = judge(boxes::downcast(error)?)?;
                Some(Verdict {
                    category,
                    status: Some(status),
                })
            }),
        });
        self
    }

    /// The status of a [`Failure`](crate::Failure) of this category without an [answer](crate::Failure::answer) of its own.
    /// Defaults to `500` for each category.
    ///
    /// It counts if the handler gave the category, or the type of the error did. Keywords change no status. The body is the
    /// name of the status in lower case, and shows nothing of the error. The status must be from 400 to 599.
    ///
    /// ```
    /// use axum::http::StatusCode;
    /// use tower_vitals::category::{ErrorCategory, Rules};
    ///
    /// let rules = Rules::new()
    ///     .answer_client_errors()
    ///     .answer(ErrorCategory::Validation, StatusCode::UNPROCESSABLE_ENTITY);
    /// ```
    #[must_use]
    pub fn answer(mut self, category: ErrorCategory, status: StatusCode) -> Self {
        self.answers.by_category.push((category, status));
        self
    }

    /// [Answers](Self::answer) failures that are the client's: `not_found` with `404`, `conflict` with `409`, `validation`
    /// with `400`, `rate_limit` with `429`.
    ///
    /// So a bare `?` on sqlx's `RowNotFound` answers `404`. Before you turn it on, think of errors whose category is no
    /// matter of the client: if another service limits *your* rate, `429` is a wrong answer.
    #[must_use]
    pub fn answer_client_errors(mut self) -> Self {
        self.answers.by_category.extend(OF_CLIENTS);
        self
    }

    /// Whether any failure can have another status than 500.
    pub(crate) const fn answers(&self) -> bool {
        self.answers.by_rule || !self.answers.by_category.is_empty()
    }

    /// The status of a failure without an answer of its own. `told` is the category that the handler gave. `is_malformed` says
    /// that the client sent what is no body.
    ///
    /// What panics here, panics again when the response is examined, and is counted there.
    pub(crate) fn status_of(
        &self,
        error: &(dyn Error + 'static),
        told: Option<ErrorCategory>,
        is_malformed: bool,
    ) -> Option<StatusCode> {
        if !self.answers() {
            return None;
        }
        let mut causes = Vec::new();
        let collect = || causes.extend(chain::causes(error));
        let _ = catch_unwind(AssertUnwindSafe(collect));
        let ask = |rule: &Rule, error| {
            let asked = catch_unwind(AssertUnwindSafe(|| (rule.judge)(error)));
            asked.ok().flatten()
        };
        let verdict = causes
            .iter()
            .find_map(|cause| self.rules.iter().find_map(|rule| ask(rule, *cause)));
        let by_rule = verdict.and_then(|verdict| verdict.status);
        let built_in = || known_errors::category(&causes, is_malformed);
        let by_category = || {
            let by_type = || verdict.map(|verdict| verdict.category).or_else(built_in);
            self.answers.of_category(told.or_else(by_type)?)
        };
        by_rule.or_else(by_category).filter(|it| is_failure(*it))
    }
}

fn is_failure(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}
