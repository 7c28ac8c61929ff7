//! Gives each layer the methods that all layers of the crate have.

/// Implements the methods `metrics`, `exclude`, `exclude_rules` and `wrap_request_body`, `Default` and `tower_layer::Layer` for a layer with
/// an `engine`.
/// `$errors` is `Examined` if the layer examines errors, else `Unexamined`. A layer that does more with `metrics` writes
/// that method itself.
macro_rules! layer_methods {
    ($layer:ident, $errors:ident) => {
        impl $layer {
            /// Where the layer counts. Defaults to [`Metrics::global`](crate::metrics::Metrics::global).
            #[must_use]
            pub fn metrics(mut self, metrics: $crate::metrics::Metrics) -> Self {
                std::sync::Arc::make_mut(&mut self.engine).metrics = Some(metrics);
                self
            }
        }

        $crate::observe::layer_methods!($layer, $errors, without metrics);
    };
    ($layer:ident, $errors:ident, without metrics) => {
        impl $layer {
            /// The paths that this layer, and all layers of this crate further in, do not observe. Defaults to none.
            #[must_use]
            pub fn exclude(mut self, patterns: $crate::exclude::Patterns) -> Self {
                std::sync::Arc::make_mut(&mut self.engine).exclude.patterns = patterns;
                self
            }

            /// The rules by which this layer, and all layers of this crate further in, do not observe a request. Defaults to
            /// none.
            #[must_use]
            pub fn exclude_rules(mut self, rules: $crate::exclude::Rules) -> Self {
                std::sync::Arc::make_mut(&mut self.engine).exclude.rules = rules;
                self
            }

            /// Follows the body of each request whatever its type, for servers such as bare hyper. The inner service gets a
            /// [`RequestBody`](crate::plumbing::RequestBody). Bodies of axum and tonic are followed without it.
            #[must_use]
            pub fn wrap_request_body(self) -> $crate::observe::WrapRequestBodyLayer<Self> {
                $crate::observe::WrapRequestBodyLayer::new(self)
            }
        }

        impl Default for $layer {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<S> tower_layer::Layer<S> for $layer {
            type Service = $crate::observe::Observed<S, $crate::observe::$errors>;

            fn layer(&self, inner: S) -> Self::Service {
                let engine = std::sync::Arc::clone(&self.engine);
                $crate::observe::Observed::new(inner, $crate::observe::EngineHandle::Counted(engine))
            }
        }
    };
}

pub(crate) use layer_methods;
