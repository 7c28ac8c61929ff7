//! Answers probes, on any server, from what is known already.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use subtle::ConstantTimeEq;
use tower_service::Service;

use super::{
    Health, Status,
    report::{Format, Report},
};
use crate::config::ConfigError;

/// Aliases that everybody has.
const ALIASES: [&str; 3] = ["/v1/health", "/api/health", "/api/v1/health"];

/// The probes, as a service for any server and any request body; in axum, [`Vitals`](crate::Vitals) mounts it.
///
/// | path | |
/// | --- | --- |
/// | `/livez` | 200 for as long as the process can answer; looks at nothing else |
/// | `/readyz`, `/health` | 200 if healthy or degraded, else 503; `/readyz` in the words of Kubernetes, `/health` in JSON |
/// | `/startupz` | 503 until every check has answered once with no critical one failing, and then 200 for ever |
/// | `/health/{check}` | one check by itself; 404 where there is none of that name |
///
/// GET and HEAD; a slash at the end changes nothing; `/v1/health`, `/api/health` and `/api/v1/health` are `/health`, too.
/// `?verbose` lists the checks, `?exclude=NAME` leaves one out, `?format=json|text|health+json` or `Accept:
/// application/health+json` chooses the words. Never cached.
#[derive(Clone)]
pub struct HealthService {
    health: Health,
    details: Details,
    degraded: StatusCode,
    aliases: Arc<BTreeMap<String, String>>,
}

/// Who may read latencies, times and error texts, which may hold addresses and worse.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Details {
    /// Nobody: they are in the log.
    #[default]
    Never,
    /// Whoever sends `Authorization: Bearer` with this token, once; anybody else is answered as without one.
    Token(String),
    /// Everybody, on purpose.
    Public,
}

/// What a path asks for.
enum Asked<'a> {
    Live,
    Startup,
    /// Readiness, with the probe's name.
    Ready(&'static str),
    One(&'a str),
}

// === impl HealthService ===

impl HealthService {
    pub(super) fn new(health: Health) -> Self {
        let aliases = ALIASES.map(|alias| (alias.to_owned(), "/health".to_owned()));
        Self {
            health,
            details: Details::Never,
            degraded: StatusCode::OK,
            aliases: Arc::new(aliases.into()),
        }
    }

    pub(crate) const fn handle(&self) -> &Health {
        &self.health
    }

    /// Who may read more than words. Defaults to [`Details::Never`].
    ///
    /// # Errors
    ///
    /// When the token is empty.
    pub fn details(mut self, details: Details) -> Result<Self, ConfigError> {
        if matches!(&details, Details::Token(token) if token.is_empty()) {
            let reason = "an empty token would let everybody in; say Details::Public for that";
            return Err(ConfigError::new("health.details", "", reason));
        }
        self.details = details;
        Ok(self)
    }

    /// The status of `/readyz` and `/health` while degraded. Defaults to 200.
    #[must_use]
    pub fn degraded_status(mut self, status: StatusCode) -> Self {
        self.degraded = status;
        self
    }

    /// Another path for one of the above, as `/health/db` for `/health/database`; answered, not redirected.
    ///
    /// # Errors
    ///
    /// When a path does not begin with `/`, or `path` is one of the above.
    pub fn alias(mut self, path: &str, of: &str) -> Result<Self, ConfigError> {
        let refuse = |value, reason| Err(ConfigError::new("health.alias", value, reason));
        let plain = path.len() > 1 && path.starts_with('/') && !path.ends_with('/');
        if !plain || path.contains(['{', '}', '?', '*', '%']) {
            return refuse(
                path,
                "a path begins with /, ends without, and is written out",
            );
        }
        if !matches!(
            parse(of),
            Some(Asked::Live | Asked::Startup | Asked::Ready(_) | Asked::One(_))
        ) {
            return refuse(of, "not one of the probes");
        }
        if matches!(
            parse(path),
            Some(Asked::Live | Asked::Startup | Asked::Ready(_))
        ) {
            return refuse(path, "it is a probe already");
        }
        Arc::make_mut(&mut self.aliases).insert(path.to_owned(), of.to_owned());
        Ok(self)
    }

    /// Every path but those of single checks.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        let probes = ["/livez", "/readyz", "/startupz", "/health"];
        probes
            .into_iter()
            .chain(self.aliases.keys().map(String::as_str))
    }

    /// A router with every path, beside its own.
    #[cfg(feature = "axum")]
    pub(crate) fn add_to<S>(&self, mut router: axum::Router<S>) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        for path in self.paths() {
            router = router
                .route_service(path, self.clone())
                .route_service(&format!("{path}/"), self.clone());
        }
        router
            .route_service("/health/{check}", self.clone())
            .route_service("/health/{check}/", self.clone())
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let path = request.uri().path();
        let path = path
            .strip_suffix('/')
            .filter(|path| !path.is_empty())
            .unwrap_or(path);
        let path = self.aliases.get(path).map_or(path, String::as_str);
        let Some(asked) = parse(path) else {
            return text(StatusCode::NOT_FOUND, "no such probe\n");
        };
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let Ok(query) = query else {
            return text(
                StatusCode::BAD_REQUEST,
                "format: expected json, text or health+json\n",
            );
        };
        let reports = self.health.reports();
        let draining = self.health.is_draining();
        let mut checks = Vec::new();
        let (probe, status) = match asked {
            Asked::Live => ("livez", Status::Healthy),
            Asked::Startup if self.health.is_started() => ("startupz", Status::Healthy),
            Asked::Startup => ("startupz", Status::Unhealthy),
            Asked::Ready(probe) => {
                let counted = |name: &str| !query.exclude.contains(&name);
                checks.extend(reports.into_iter().filter(|report| counted(&report.name)));
                (probe, self.health.status_without(&query.exclude))
            }
            Asked::One(name) => match reports.into_iter().find(|report| *report.name == *name) {
                Some(report) => {
                    let status = report.status;
                    checks.push(report);
                    ("health", status)
                }
                None => return text(StatusCode::NOT_FOUND, "no such check\n"),
            },
        };
        let format = query.format.unwrap_or_else(|| accepted(request, probe));
        let report = Report {
            probe,
            status,
            checks: &checks,
            draining: draining && probe != "livez",
            verbose: query.verbose,
            details: self.may_read(request),
        };
        let code = match status {
            Status::Healthy => StatusCode::OK,
            Status::Degraded => self.degraded,
            Status::Unknown | Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = respond(code, report.write(format), format.content_type());
        if request.method() == Method::HEAD {
            // A server that does not know better would send it; the length is told all the same.
            let length = http_body::Body::size_hint(response.body())
                .exact()
                .unwrap_or(0);
            *response.body_mut() = Full::default();
            let length = HeaderValue::from(length);
            response
                .headers_mut()
                .insert(header::CONTENT_LENGTH, length);
        }
        response
    }

    fn may_read<B>(&self, request: &Request<B>) -> bool {
        match &self.details {
            Details::Never => false,
            Details::Public => true,
            Details::Token(token) => {
                let mut sent = request.headers().get_all(header::AUTHORIZATION).iter();
                let only = sent.next().filter(|_| sent.next().is_none());
                let sent = only.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
                sent.is_some_and(|sent| bool::from(sent.ct_eq(token.as_bytes())))
            }
        }
    }
}

impl<B> Service<Request<B>> for HealthService {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl fmt::Debug for HealthService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthService")
            .field("health", &self.health)
            .field("details", &self.details)
            .field("aliases", &self.aliases)
            .finish_non_exhaustive()
    }
}

// === impl Details ===

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Never => "Never",
            Self::Token(_) => "Token(…)",
            Self::Public => "Public",
        })
    }
}

/// What stands behind the question mark.
#[derive(Default)]
struct Query<'a> {
    verbose: bool,
    exclude: Vec<&'a str>,
    format: Option<Format>,
}

impl<'a> Query<'a> {
    /// Names are plain, so nothing needs decoding; what is not known is left alone.
    fn parse(text: &'a str) -> Result<Self, ()> {
        let mut query = Self::default();
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "verbose" => query.verbose = !matches!(value, "0" | "false"),
                "exclude" => query.exclude.push(value),
                "format" => query.format = Some(Format::named(value).ok_or(())?),
                _ => {}
            }
        }
        Ok(query)
    }
}

fn parse(path: &str) -> Option<Asked<'_>> {
    Some(match path {
        "/livez" => Asked::Live,
        "/startupz" => Asked::Startup,
        "/readyz" => Asked::Ready("readyz"),
        "/health" => Asked::Ready("health"),
        _ => Asked::One(
            path.strip_prefix("/health/")
                .filter(|name| !name.contains('/'))?,
        ),
    })
}

/// What the reader prefers; `/health` is for programs, the others are for Kubernetes.
fn accepted<B>(request: &Request<B>, probe: &str) -> Format {
    let accept = request.headers().get(header::ACCEPT);
    let accept = accept
        .and_then(|accept| accept.to_str().ok())
        .unwrap_or_default();
    if accept.contains("application/health+json") {
        Format::HealthJson
    } else if accept.contains("application/json")
        || (probe == "health" && !accept.starts_with("text/plain"))
    {
        Format::Json
    } else {
        Format::Text
    }
}

fn text(code: StatusCode, text: &str) -> Response<Full<Bytes>> {
    respond(code, text.into(), Format::Text.content_type())
}

fn respond(code: StatusCode, body: String, kind: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
