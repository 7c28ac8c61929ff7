//! Keeps the error behind a safe response.

use std::{error::Error, fmt, sync::Arc};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::{boxes, category::ErrorCategory};

/// An error, and the response that the client gets in its place.
///
/// A handler that returns `Result<_, Failure>` turns any error into a `Failure` with `?`. The client gets `500` and
/// "internal server error", or the response of [`answer`](Self::answer). Category, log and Sentry get the error and its
/// causes. With features `anyhow` and `eyre`, an error of these crates keeps its type; one that was converted before, as into
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
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "axum")))]
pub struct Failure {
    cause: Cause,
    answer: Response,
}

/// The error as it travels in the extensions of its response.
#[derive(Clone)]
pub(crate) struct Cause {
    pub(crate) error: Arc<dyn Error + Send + Sync>,
    pub(crate) category: Option<ErrorCategory>,
}

// === impl Failure ===

impl Failure {
    /// A failure whose response is `500`.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>> + 'static) -> Self {
        Self {
            cause: Cause {
                error: boxes::keep(cause),
                category: None,
            },
            answer: (StatusCode::INTERNAL_SERVER_ERROR, "internal server error").into_response(),
        }
    }

    /// The response that the client gets.
    #[must_use]
    pub fn answer(mut self, answer: impl IntoResponse) -> Self {
        self.answer = answer.into_response();
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
