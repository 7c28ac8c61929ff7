//! Defines the order of the layers in the ready-made stack.

use std::sync::Arc;

use tower_layer::Layer;

use crate::{
    access_log::AccessLogObserver,
    category::CategoryObserver,
    failures::FailuresObserver,
    observe::{Engine, EngineHandle, Examined, Observed, WrapRequestBodyLayer},
    request_id::RequestIdObserver,
    sentry::SentryObserver,
    stuck::StuckObserver,
    timing::TimingObserver,
    trace_context::TraceContextObserver,
};

/// The layers of the ready-made stack in one: one clock, one guard, one wrapper around the body.
///
/// [`Vitals::layer`](crate::Vitals::layer) makes it. It goes around a router, a server of tonic, or any Tower service:
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use tower::ServiceBuilder;
/// use tower_vitals::Vitals;
///
/// let vitals = Vitals::builder().isolated().build()?;
/// let service = ServiceBuilder::new()
///     .layer(vitals.layer())
///     .service_fn(async |_: Request<String>| {
///         Ok::<_, Infallible>(Response::new("hello".to_owned()))
///     });
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct VitalsLayer {
    engine: EngineHandle,
}

/// From the outside in.
pub(super) type Stack = (
    // First, so that all others have the ids.
    (RequestIdObserver, TraceContextObserver),
    // Counters before the log: a fault of the subscriber cannot cost a number.
    (
        TimingObserver,
        (
            CategoryObserver,
            (
                AccessLogObserver,
                // Last, since nothing waits for them.
                (StuckObserver, (FailuresObserver, SentryObserver)),
            ),
        ),
    ),
);

// === impl VitalsLayer ===

impl VitalsLayer {
    /// `isolated`: the stack is one of many, and ends with its last service.
    pub(super) fn new(engine: Engine<Stack>, isolated: bool) -> Self {
        let engine = match isolated {
            true => EngineHandle::Counted(Arc::new(engine)),
            false => EngineHandle::of_process(engine),
        };
        Self { engine }
    }

    /// Follows the body of each request whatever its type, for servers such as bare hyper. The inner service gets a
    /// [`RequestBody`](crate::plumbing::RequestBody). Bodies of axum and tonic are followed without it.
    #[must_use]
    pub fn wrap_request_body(self) -> WrapRequestBodyLayer<Self> {
        WrapRequestBodyLayer::new(self)
    }

    pub(super) fn unused_patterns(&self) -> impl Iterator<Item = &str> {
        self.engine.exclude.unused()
    }
}

impl<S> Layer<S> for VitalsLayer {
    type Service = Observed<S, Examined>;

    fn layer(&self, inner: S) -> Observed<S, Examined> {
        Observed::new(inner, self.engine.clone())
    }
}
