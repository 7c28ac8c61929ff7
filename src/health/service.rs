//! Answers probes on any server, from the last answers of the checks.

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

#[cfg(feature = "generate")]
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use tower_service::Service;

#[cfg(feature = "generate")]
use super::check::Role;
use super::{
    accept::accepted,
    handle::Health,
    paths::Paths,
    query::{Probe, Query},
    response::{Format, Report},
    shape::Shape,
    state::Status,
};
use crate::{
    bearer,
    config::ConfigError,
    facts::{marks::Mark, shared::Shared},
    metrics::Metrics,
    report::notice::NoticeSink,
};

/// The probes, as a service for any server and any request body; in axum, [`Vitals`](crate::Vitals) mounts it.
///
/// | path | |
/// | --- | --- |
/// | `/livez` | 200 as long as the process can answer; no check counts |
/// | `/readyz`, `/health` | 200 if healthy or degraded, else 503; `/readyz` as Kubernetes writes it, `/health` as JSON |
/// | `/startupz` | 503 until every critical check has answered and none is unhealthy; then always 200 |
/// | `/health/{check}` | one check; 404 if there is none with that name |
///
/// The methods are GET and HEAD. A slash at the end of a path is ignored. `/v1/health`, `/api/health` and `/api/v1/health`
/// are aliases of `/health`. `?verbose` lists the checks, `?exclude=NAME` leaves one out, and `?format=json|text|health+json`
/// chooses the format. Without it the header `Accept` does, by `application/json`, `text/plain` and
/// `application/health+json`. Responses are never cached.
///
/// ```
/// use axum::http::StatusCode;
/// use tower_vitals::health::{Check, Details, Health};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let database = Check::tcp("database", "127.0.0.1:5432");
/// let health = Health::builder().check(database).start()?;
/// let probes = health
///     .service()
///     .alias("/ping", "/livez")?
///     .degraded_status(StatusCode::SERVICE_UNAVAILABLE)?
///     .details(Details::Token("a-long-secret".into()))?;
/// // Alone, or by `VitalsBuilder::health` beside `/metrics`.
/// let app: axum::Router = axum::Router::new().fallback_service(probes);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct HealthService {
    health: Health,
    details: Details,
    degraded: StatusCode,
    paths: Arc<Paths>,
}

/// Who may read latencies, times and texts of errors. Errors can contain addresses and worse.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Details {
    /// Nobody. They are in the log.
    #[default]
    Never,
    /// A reader who sends `Authorization: Bearer` with this token, once. Others get the response without details. The token
    /// has no white space around it.
    Token(String),
    /// Everybody.
    Public,
}

// === impl Health ===

impl Health {
    /// The probes of these checks.
    #[must_use]
    pub fn service(&self) -> HealthService {
        HealthService {
            health: self.clone(),
            details: Details::Never,
            degraded: StatusCode::OK,
            paths: Arc::new(Paths::new()),
        }
    }
}

// === impl HealthService ===

impl HealthService {
    /// Whether everybody may read texts of errors.
    #[cfg(feature = "statistics")]
    pub(crate) const fn shows_errors_to_all(&self) -> bool {
        matches!(self.details, Details::Public)
    }

    pub(crate) const fn handle(&self) -> &Health {
        &self.health
    }

    /// The names of the checks that the application has.
    #[cfg(feature = "statistics")]
    pub(crate) fn check_names(&self) -> impl Iterator<Item = &str> {
        let entries = self.health.registry.entries.iter();
        entries.map(|entry| &*entry.check.name)
    }

    /// Shows one more check while it is unhealthy, which `limit` says. Readiness does not depend on it.
    #[cfg(feature = "statistics")]
    pub(crate) fn add_informational(
        &self,
        name: &str,
        limit: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) {
        self.health.registry.computed.add(name, limit);
    }

    /// Counts the answers of the checks in `metrics`, and gives notices to `sink`.
    pub(crate) fn connect(&self, metrics: &Metrics, sink: Arc<dyn NoticeSink>) {
        self.health.connect(metrics, sink);
    }

    /// Who may read details. Defaults to [`Details::Never`].
    ///
    /// # Errors
    ///
    /// If the token is empty, begins or ends with white space, or has control characters.
    pub fn details(mut self, details: Details) -> Result<Self, ConfigError> {
        if let Details::Token(token) = &details {
            let refuse = |reason| Err(ConfigError::new("health.details", "", reason));
            if token.is_empty() {
                return refuse(
                    "an empty token would let everybody in; use Details::Public for that",
                );
            }
            if !bearer::can_be_sent(token) {
                return refuse(bearer::SENDABLE);
            }
        }
        self.details = details;
        Ok(self)
    }

    /// The status while degraded of all probes that checks decide: `/readyz`, `/health`, `/health/{check}` and their aliases.
    /// Defaults to 200.
    ///
    /// # Errors
    ///
    /// If it is neither a success with a body nor a failure: from 200 to 299, but not 204 and 205, and from 400 to 599.
    pub fn degraded_status(mut self, status: StatusCode) -> Result<Self, ConfigError> {
        let fits = match status.as_u16() {
            204 | 205 => false,
            code => matches!(code, 200..=299 | 400..=599),
        };
        if !fits {
            let reason = "expected 200 to 299 without 204 and 205, or 400 to 599";
            return Err(ConfigError::new(
                "health.degraded_status",
                status.as_str(),
                reason,
            ));
        }
        self.degraded = status;
        Ok(self)
    }

    /// Adds another path for a probe, such as `/health/db` for `/health/database`. It is answered and not redirected.
    ///
    /// `of` is always the path that the probe has by default, wherever [`base`](Self::base) moves it.
    ///
    /// # Errors
    ///
    /// If a path does not begin with `/` or is not written out, `of` is not a probe, or a probe is at `path` already. The
    /// stack fails at `build` if the metrics are there.
    pub fn alias(self, path: &str, of: &str) -> Result<Self, ConfigError> {
        self.with_paths(|paths| paths.add(path, of, None))
    }

    /// As [`alias`](Self::alias), with words and JSON of your choice.
    ///
    /// # Errors
    ///
    /// As `alias`, and if the [`Shape`] has an empty word or key, a status below 400, or one word for healthy and unhealthy.
    pub fn alias_as(self, path: &str, of: &str, shape: Shape) -> Result<Self, ConfigError> {
        shape.check()?;
        self.with_paths(|paths| paths.add(path, of, Some(shape)))
    }

    /// Serves no probe at `path`: one of the paths in the table above, an alias, or `/health/{check}` for all single checks.
    ///
    /// # Errors
    ///
    /// If there is no probe at `path`.
    pub fn without(self, path: &str) -> Result<Self, ConfigError> {
        self.with_paths(|paths| paths.remove(path))
    }

    /// Moves the probes below a path: `/internal` makes `/internal/livez`, `/internal/health/{check}` and so on. Aliases that
    /// you added stay where they are, and those that are there by default go.
    ///
    /// # Errors
    ///
    /// If `base` does not begin with `/`, ends with it or is not written out, an alias is at one of the new paths, or the probes
    /// were moved before.
    pub fn base(self, base: &str) -> Result<Self, ConfigError> {
        self.with_paths(|paths| paths.move_below(base))
    }

    /// Answers at the paths and in the shapes that five guides for monitoring have, so that their scripts and alerts work.
    ///
    /// | path | healthy | unhealthy |
    /// | --- | --- | --- |
    /// | `/v1/health`, `/api/v1/health` | `{"status":"healthy","timestamp":…,"checks":{"database":"connected"}}` | `unhealthy` |
    /// | `/health/` | `{"status":"ok","checks":{"database":"ok"}}` | `degraded`, and `error` for a check |
    /// | `/health` | `{"status":"ok"}` | `error` |
    /// | `/health/db` | `{"status":"ok","database":"connected"}` | `error` |
    /// | `/api/health` | `{"status":"healthy","services":{"database":{"status":"healthy","timestamp":…}}}` | `critical` |
    /// | `/ping` | as `/livez` | |
    ///
    /// The code is 503 while unhealthy, also where a guide has 500; an [`alias_as`](Self::alias_as) can choose it. Call it
    /// before `without`, `base` and own aliases: it replaces what is at its paths.
    #[must_use]
    pub fn guides(mut self) -> Self {
        Arc::make_mut(&mut self.paths).add_guides();
        self
    }

    fn with_paths(
        mut self,
        change: impl FnOnce(&mut Paths) -> Result<(), ConfigError>,
    ) -> Result<Self, ConfigError> {
        change(Arc::make_mut(&mut self.paths))?;
        Ok(self)
    }

    /// All paths except those of single checks.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.all()
    }

    /// Where a probe answers, which is at `probe` by default.
    #[cfg(feature = "generate")]
    pub(crate) fn path_of(&self, probe: &str) -> Option<&str> {
        self.paths.of(probe)
    }

    /// The interval, the timeout, and the failures in a row of each critical check that is asked.
    #[cfg(feature = "generate")]
    pub(crate) fn critical_times(&self) -> impl Iterator<Item = (Duration, Duration, u32)> {
        let entries = self.health.registry.entries.iter();
        let checks = entries.map(|entry| &entry.check);
        let asked = checks.filter(|check| check.role == Role::Critical && check.is_asked());
        asked.map(|check| (check.interval, check.timeout, check.failures))
    }

    /// Whether a probe is at this path.
    pub(crate) fn answers_at(&self, path: &str) -> bool {
        self.paths.find(path).is_some()
    }

    /// Adds all paths to a router.
    #[cfg(feature = "axum")]
    pub(crate) fn add_to<S>(&self, mut router: axum::Router<S>) -> axum::Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        for path in self.paths.for_router() {
            router = router.route_service(&path, self.clone());
        }
        router
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let Some((asked, shape)) = self.paths.find(request.uri().path()) else {
            return text(StatusCode::NOT_FOUND, "no such probe\n");
        };
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let Ok(query) = query else {
            return text(
                StatusCode::BAD_REQUEST,
                "format: expected json, text or health+json\n",
            );
        };
        let exclude = query.exclude();
        let mut snapshot = self.health.registry.snapshot();
        let (name, status) = match &asked {
            Probe::Live => ("livez", Status::Healthy),
            Probe::Startup => match self.health.registry.update_started(&snapshot.checks) {
                true => ("startupz", Status::Healthy),
                false => ("startupz", Status::Unhealthy),
            },
            Probe::Ready(name) => (*name, snapshot.status_without(&exclude)),
            Probe::One(name) => {
                let mut checks = snapshot.checks.iter();
                match checks.find(|check| *check.name == **name) {
                    Some(check) => ("health", check.status),
                    None => return text(StatusCode::NOT_FOUND, "no such check\n"),
                }
            }
        };
        snapshot.checks.retain(|check| match &asked {
            Probe::Live | Probe::Startup => false,
            Probe::Ready(_) => !exclude.contains(&&*check.name),
            Probe::One(name) => *check.name == **name,
        });
        // `/health` is for programs, and the others are for Kubernetes.
        let default = match name {
            "health" => Format::Json,
            _ => Format::Text,
        };
        let format = query.format;
        let format = format.unwrap_or_else(|| accepted(request.headers(), default));
        let report = Report {
            probe: name,
            status,
            checks: &snapshot.checks,
            draining: snapshot.draining && name != "livez",
            verbose: query.verbose,
            details: self.may_read(request),
        };
        let code = match status {
            Status::Healthy => StatusCode::OK,
            Status::Degraded => self.degraded,
            Status::Unknown | Status::Unhealthy => {
                shape.map_or(StatusCode::SERVICE_UNAVAILABLE, Shape::failing)
            }
        };
        let mut response = match shape.filter(|_| query.format.is_none()) {
            Some(shape) => respond(code, shape.json(&report), Format::Json.content_type()),
            None => respond(code, report.write(format), format.content_type()),
        };
        if request.method() == Method::HEAD {
            // A server may send the body of a response to HEAD. So the body is dropped, and its length is kept.
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
            Details::Token(token) => bearer::carries(request.headers(), token),
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
        Shared::mark(request.extensions(), Mark::Unobserved);
        ready(Ok(self.answer(&request)))
    }
}

impl fmt::Debug for HealthService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthService")
            .field("health", &self.health)
            .field("details", &self.details)
            .field("paths", &self.paths)
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

#[cfg(test)]
mod tests;
