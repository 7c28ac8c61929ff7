//! Names the endpoint of a request by its route, never by its path.

use std::sync::Arc;

use http::Extensions;

use super::{
    interned::interned,
    router::{self, MatchedPath},
};

/// The value of the label for a request that no route matched.
pub(crate) const UNMATCHED: &str = "unmatched";

/// The route that a request matched.
#[derive(Clone, Debug)]
pub(crate) enum Endpoint {
    /// The template of axum's route.
    Matched(&'static str),
    /// The same, of a route among too many. It keeps the text of the router, by whose address threads remember their counters.
    OneOfMany(MatchedPath),
    /// A gRPC method that the server is known to have.
    Method(Arc<str>),
    /// A name that the service gave itself.
    Named(&'static str),
    /// A background job, which is no request.
    Job(&'static str),
}

// === impl Endpoint ===

impl Endpoint {
    /// The name in metrics, log and Sentry.
    pub(crate) fn name(endpoint: Option<&Self>) -> &str {
        endpoint.map_or(UNMATCHED, Self::as_str)
    }

    /// The matched route, if the layer is inside the router.
    #[inline(always)]
    pub(crate) fn of(request: &Extensions) -> Option<Self> {
        let path = router::matched(request)?;
        Some(match interned(path.as_str()) {
            Some(kept) => Self::Matched(kept),
            None => Self::OneOfMany(path.clone()),
        })
    }

    /// The name of the job, if it is one.
    pub(crate) const fn job(&self) -> Option<&'static str> {
        match self {
            Self::Job(name) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Matched(name) | Self::Named(name) | Self::Job(name) => name,
            Self::OneOfMany(path) => path.as_str(),
            Self::Method(path) => path,
        }
    }
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use std::{convert::Infallible, sync::Mutex};

    use axum::{Router, body::Body, extract::Request, response::Response};
    use tower::{ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_route_has_one_address_also_if_its_name_is_not_kept() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let too_long = format!("/{}", "x".repeat(300));
        let paths = ["/orders", &*too_long];
        let handler = {
            let seen = Arc::clone(&seen);
            service_fn(move |request: Request| {
                // All are held, so that no address is used again.
                let endpoint = Endpoint::of(request.extensions()).unwrap();
                seen.lock().unwrap().push(endpoint);
                std::future::ready(Ok::<_, Infallible>(Response::new(Body::empty())))
            })
        };
        let add = |app: Router, path: &&str| app.route_service(path, handler.clone());
        let app = paths.iter().fold(Router::new(), add);
        for path in paths {
            for _ in 0..3 {
                let request = Request::builder().uri(path).body(Body::empty()).unwrap();
                app.clone().oneshot(request).await.unwrap();
            }
        }
        let seen = seen.lock().unwrap();
        for (path, endpoints) in paths.iter().zip(seen.chunks(3)) {
            let names: Vec<_> = endpoints.iter().map(Endpoint::as_str).collect();
            assert_eq!(names, [*path; 3]);
            assert!(
                names.iter().all(|name| std::ptr::eq(*name, names[0])),
                "{path}"
            );
        }
    }
}
