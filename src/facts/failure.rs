//! Keeps the error behind a safe response.

use std::{error::Error, fmt};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{boxes, category::ErrorCategory, cause::Cause, exchange::Exchange};

/// An error, and the response that the client gets in its place.
///
/// A handler that returns `Result<_, Failure>` turns any error into a `Failure` with `?`. The client gets `500` and
/// "internal server error", or the response of [`answer`](Self::answer), or else the status that the
/// [rules](crate::category::Rules) of the layers give: by [`answer_client_errors`](crate::category::Rules::answer_client_errors)
/// or [`on_with_status`](crate::category::Rules::on_with_status). Category, log and Sentry get the error and its causes. With features `anyhow` and `eyre`, an error of these crates keeps its type; one that was converted before, as into
/// a `Box<dyn Error>`, has lost it.
///
/// ```
/// use axum::http::StatusCode;
/// use tower_vitals::Failure;
///
/// async fn show_config() -> Result<String, Failure> {
///     let text = std::fs::read_to_string("/etc/shop.toml")?;
///     let port: u16 = text.parse().map_err(|error| {
///         Failure::new(error).answer((StatusCode::CONFLICT, "no port yet"))
///     })?;
///     Ok(port.to_string())
/// }
/// ```
///
/// # An enum of the application
///
/// An error enum can make its answers itself. Then handlers return `Result<_, OrderError>`, `?` uses the enum's own `From`
/// impls, and `Failure` hands the error to category, log and Sentry:
///
/// ```
/// use axum::{http::StatusCode, response::{IntoResponse, Response}};
/// use tower_vitals::Failure;
/// # use std::fmt;
///
/// #[derive(Debug)]
/// enum OrderError {
///     Unknown,
///     Disk(std::io::Error),
/// }
/// # impl fmt::Display for OrderError {
/// #     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
/// #         f.write_str("an order error")
/// #     }
/// # }
///
/// impl std::error::Error for OrderError {
///     // The type of the source gives the category, as far as there is a rule for it.
///     fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
///         match self {
///             Self::Unknown => None,
///             Self::Disk(error) => Some(error),
///         }
///     }
/// }
///
/// impl From<std::io::Error> for OrderError {
///     fn from(error: std::io::Error) -> Self {
///         Self::Disk(error)
///     }
/// }
///
/// impl IntoResponse for OrderError {
///     fn into_response(self) -> Response {
///         let answer = match &self {
///             Self::Unknown => (StatusCode::NOT_FOUND, "no such order"),
///             Self::Disk(_) => (StatusCode::INTERNAL_SERVER_ERROR, "try again later"),
///         };
///         Failure::new(self).answer(answer).into_response()
///     }
/// }
///
/// async fn print_order() -> Result<String, OrderError> {
///     Ok(std::fs::read_to_string("/orders/17")?)
/// }
/// ```
///
/// Or handlers return `Result<_, Failure>`, and a [rule](crate::category::Rules::on_with_status) gives category and status.
/// An `impl From<OrderError> for Failure` is not needed in either way, and would clash with the one for all errors.
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
pub struct Failure {
    cause: Cause,
    /// The answer that the rules choose if `None`.
    answer: Option<Response>,
}

// === impl Failure ===

impl Failure {
    /// A failure whose response is `500`, unless the rules of a layer say otherwise.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>> + 'static) -> Self {
        Self {
            cause: Cause {
                error: boxes::keep(cause),
                category: None,
            },
            answer: None,
        }
    }

    /// The response that the client gets.
    #[must_use]
    pub fn answer(mut self, answer: impl IntoResponse) -> Self {
        self.answer = Some(answer.into_response());
        self
    }

    /// The category of the failure. It overrides all other evidence.
    #[must_use]
    pub fn category(mut self, category: ErrorCategory) -> Self {
        self.cause.category = Some(category);
        self
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>> + 'static> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::new(cause)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { cause, answer } = self;
        let mut answer = answer.unwrap_or_else(|| answer_by_rules(&cause));
        answer.extensions_mut().insert(cause);
        answer
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error", &self.cause.error)
            .field("status", &self.answer.as_ref().map(Response::status))
            .finish_non_exhaustive()
    }
}

/// The answer of a failure that has none of its own. It shows nothing of the error.
fn answer_by_rules(cause: &Cause) -> Response {
    let status = Exchange::current()
        .and_then(|exchange| exchange.status_of_failure(&*cause.error, cause.category))
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = status.canonical_reason().unwrap_or("failed");
    (status, text.to_ascii_lowercase()).into_response()
}
