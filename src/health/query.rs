//! Reads what a request asks of the probes.

use std::borrow::Cow;

use super::response::Format;

/// The probe at a path.
pub(super) enum Probe<'a> {
    Live,
    Startup,
    /// Readiness, with the name of the probe.
    Ready(&'static str),
    /// One check, by its name.
    One(Cow<'a, str>),
}

/// The query of a request.
#[derive(Default)]
pub(super) struct Query<'a> {
    pub(super) verbose: bool,
    exclude: Vec<Cow<'a, str>>,
    pub(super) format: Option<Format>,
}

// === impl Query ===

impl<'a> Query<'a> {
    /// Unknown keys are ignored.
    pub(super) fn parse(text: &'a str) -> Result<Self, ()> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            match &*name {
                "verbose" => query.verbose = !is_no(&value),
                "exclude" => query.exclude.push(value),
                "format" => query.format = Some(Format::named(&value).ok_or(())?),
                _ => {}
            }
        }
        Ok(query)
    }

    /// The names of the checks that are left out.
    pub(super) fn exclude(&self) -> Vec<&str> {
        self.exclude.iter().map(|name| &**name).collect()
    }
}

// === impl Probe ===

impl<'a> Probe<'a> {
    /// The probe at `path`, if there is one.
    pub(super) fn at(path: &'a str) -> Option<Self> {
        Some(match path {
            "/livez" => Self::Live,
            "/startupz" => Self::Startup,
            "/readyz" => Self::Ready("readyz"),
            "/health" => Self::Ready("health"),
            _ => Self::one(path.strip_prefix("/health/")?)?,
        })
    }

    /// The check of this name, as a path has it.
    pub(super) fn one(name: &'a str) -> Option<Self> {
        let name = Some(name).filter(|name| !name.contains('/'))?;
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        Some(Self::One(name))
    }
}

fn is_no(value: &str) -> bool {
    ["0", "false", "no", "off"]
        .iter()
        .any(|no| value.eq_ignore_ascii_case(no))
}
