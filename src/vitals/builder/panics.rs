//! Sets what clients get when the application panics.

use bytes::Bytes;
use http::Response;

use super::VitalsBuilder;
use crate::{catch_panic::PanicInfo, observe::PanicAnswer};

// === impl VitalsBuilder ===

impl VitalsBuilder {
    /// Answers `500` with the request's id where the application panics, and a gRPC call with `grpc-status: 13`. Defaults to off:
    /// the panic passes through, hyper closes the connection, and the client has no response.
    ///
    /// It is counted with outcome `panicked` in either case. See [`catch_panic`](crate::catch_panic) for what is caught. Layers of
    /// the application further out, such as CORS, see the response.
    ///
    /// ```
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder().isolated().catch_panics().build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn catch_panics(mut self) -> Self {
        self.panics = Some(PanicAnswer::default());
        self
    }

    /// As [`catch_panics`](Self::catch_panics), with an answer of the application. It is as that of
    /// [`CatchPanicLayer::answer_with`](crate::CatchPanicLayer::answer_with).
    ///
    /// ```
    /// use http::{Response, StatusCode};
    /// use tower_vitals::Vitals;
    ///
    /// let vitals = Vitals::builder()
    ///     .isolated()
    ///     .catch_panics_with(|panic| {
    ///         let id = panic.request_id().unwrap_or_default();
    ///         let mut answer = Response::new(format!("our fault; tell us {id}"));
    ///         *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    ///         answer
    ///     })
    ///     .build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    pub fn catch_panics_with<B: Into<Bytes>>(
        mut self,
        maker: impl Fn(&PanicInfo<'_>) -> Response<B> + Send + Sync + 'static,
    ) -> Self {
        self.panics = Some(PanicAnswer::made_by(maker));
        self
    }
}
