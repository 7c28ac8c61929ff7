//! Reads what a request asks of the probes.

use http::{Request, header};

use super::response::Format;

/// The probe at a path.
pub(super) enum Probe<'a> {
    Live,
    Startup,
    /// Readiness, with the name of the probe.
    Ready(&'static str),
    /// One check, by its name.
    One(&'a str),
}

/// The query of a request.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub(super) verbose: bool,
    pub(super) exclude: Vec<&'a str>,
    pub(super) format: Option<Format>,
}

// === impl Query ===

impl<'a> Query<'a> {
    /// Names are plain, so nothing is decoded. Unknown keys are ignored.
    pub(super) fn parse(text: &'a str) -> Result<Self, ()> {
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

/// The probe at `path`, if there is one.
pub(super) fn probe(path: &str) -> Option<Probe<'_>> {
    Some(match path {
        "/livez" => Probe::Live,
        "/startupz" => Probe::Startup,
        "/readyz" => Probe::Ready("readyz"),
        "/health" => Probe::Ready("health"),
        _ => Probe::One(
            path.strip_prefix("/health/")
                .filter(|name| !name.contains('/'))?,
        ),
    })
}

/// The format that the reader prefers. By default `/health` is for programs, and the others are for Kubernetes.
pub(super) fn accepted<B>(request: &Request<B>, probe: &str) -> Format {
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
