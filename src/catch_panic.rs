//! Answers `500` where the service panics.
//!
//! Without this layer a panic passes through: hyper closes the connection, and the client has no response, no status and no
//! request id. Over HTTP/2 only the stream of the request ends.
//!
//! # When it acts
//!
//! When the inner service panics in `call` or while its future is polled. The client gets `500` and "internal server error",
//! or what [`answer_with`](CatchPanicLayer::answer_with) makes. A gRPC call gets `grpc-status: 13` in a response of trailers
//! only. Nothing of the panic is shown. All layers of this crate around it count the outcome `panicked`, and log and Sentry
//! have the text of the panic.
//!
//! - A panic in the body of a response passes through: its head is already sent.
//! - A panic in `poll_ready` passes through, and so does one of a program that is built with `panic = "abort"`.
//! - A panic on an excluded path is answered as well.
//! - The text of the body needs a body whose data is [`Bytes`], as that of axum and tonic is. With any other data the body is
//!   empty.
//!
//! If layers of this kind nest, the outermost acts. In the ready-made stack,
//! [`catch_panics`](crate::vitals::VitalsBuilder::catch_panics) does the same in the right place: around the application and within
//! the layers that report. A route's own `CatchPanicLayer` then answers for its route.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;

pub use crate::observe::PanicInfo;
use crate::{
    facts::layer_kinds::LayerKinds,
    observe::{Engine, PanicAnswer, layer_methods},
};

/// Answers `500` where the service panics.
///
/// See the [module docs](self) for what is caught.
///
/// ```
/// use http::Response;
/// use tower_vitals::CatchPanicLayer;
///
/// let layer = CatchPanicLayer::new().answer_with(|panic| {
///     let id = panic.request_id().unwrap_or_default();
///     let body = format!(r#"{{"error":"internal","request_id":"{id}"}}"#);
///     let mut answer = Response::new(body);
///     let json = http::HeaderValue::from_static("application/json");
///     answer.headers_mut().insert("content-type", json);
///     answer
/// });
/// ```
#[derive(Clone, Debug)]
pub struct CatchPanicLayer {
    engine: Arc<Engine<()>>,
}

// === impl CatchPanicLayer ===

impl CatchPanicLayer {
    /// A layer that answers "internal server error".
    #[must_use]
    pub fn new() -> Self {
        let engine = Engine {
            own: LayerKinds::CATCH_PANIC,
            panics: Some(PanicAnswer::default()),
            ..Engine::default()
        };
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Makes the answer. Defaults to the text "internal server error".
    ///
    /// A status that is no 5xx becomes 500. If `maker` panics, the default is answered and `vitals_hook_failures_total` is
    /// incremented. For gRPC calls it is not asked.
    #[must_use]
    pub fn answer_with<B: Into<Bytes>>(
        mut self,
        maker: impl Fn(&PanicInfo<'_>) -> Response<B> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.engine).panics = Some(PanicAnswer::made_by(maker));
        self
    }
}

layer_methods!(CatchPanicLayer, Unexamined);
