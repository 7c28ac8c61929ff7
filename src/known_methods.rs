//! Lets a gRPC service show which methods it has.

use tower_layer::Layer;

use crate::{facts::marks::Mark, marked::Marked};

/// A layer directly around a generated gRPC service. It makes each method known that answers.
///
/// A client can ask for any path, so a method becomes a label only if it is known. Without descriptors
/// ([`grpc_descriptors`](crate::vitals::VitalsBuilder)) and without this layer, that is once it has answered with a message
/// or with success. Until then, its failures count as `_OTHER`. With this layer, a method is known once it has answered with
/// any status but UNIMPLEMENTED, which generated code gives for a method that it does not have.
///
/// There must be nothing between this layer and the service that answers in its place.
///
/// ```
/// use tower_layer::Layer;
/// use tower_vitals::KnownMethodsLayer;
///
/// # let orders_server = ();
/// let service = KnownMethodsLayer::new().layer(orders_server);
/// // tonic::transport::Server::builder().layer(vitals.layer()).add_service(service)
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct KnownMethodsLayer;

// === impl KnownMethodsLayer ===

impl KnownMethodsLayer {
    /// The layer. It has no settings.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl<S> Layer<S> for KnownMethodsLayer {
    type Service = Marked<S>;

    fn layer(&self, inner: S) -> Marked<S> {
        Marked::new(inner, Mark::GrpcService)
    }
}
