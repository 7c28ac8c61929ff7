//! Keeps the error behind a safe answer.

use std::{error::Error, fmt, sync::Arc};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::category::ErrorCategory;

/// An error with the answer that a client may see of it.
///
/// A handler that returns `Result<_, Failure>` turns any error into one with `?`. The client sees `500` and "internal server
/// error", or what [`answer`](Self::answer) says; category and log see the error and its causes.
///
/// ```
/// use axum::http::StatusCode;
/// use tower_vitals::Failure;
///
/// async fn show_config() -> Result<String, Failure> {
///     let text = std::fs::read_to_string("/etc/shop.toml")?;
///     let port: u16 = text.parse().map_err(|error| Failure::new(error).answer((StatusCode::CONFLICT, "no port yet")))?;
///     Ok(port.to_string())
/// }
/// ```
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
pub struct Failure {
    cause: Cause,
    answer: Response,
}

/// The key under which the error travels with the response.
#[derive(Clone)]
pub(crate) struct Cause {
    pub(crate) error: Arc<dyn Error + Send + Sync>,
    pub(crate) category: Option<ErrorCategory>,
}

// === impl Failure ===

impl Failure {
    /// A failure that answers `500`.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Cause {
                error: Arc::from(cause.into()),
                category: None,
            },
            answer: (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response(),
        }
    }

    /// What the client sees instead.
    #[must_use]
    pub fn answer(mut self, answer: impl IntoResponse) -> Self {
        self.answer = answer.into_response();
        self
    }

    /// What kind of failure it is: overrules all other evidence.
    #[must_use]
    pub fn category(mut self, category: ErrorCategory) -> Self {
        self.cause.category = Some(category);
        self
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::new(cause)
    }
}

impl IntoResponse for Failure {
    fn into_response(mut self) -> Response {
        self.answer.extensions_mut().insert(self.cause);
        self.answer
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error", &self.cause.error)
            .field("status", &self.answer.status())
            .finish_non_exhaustive()
    }
}
