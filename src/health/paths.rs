//! Knows at which path which probe answers, and in which shape.

use std::collections::BTreeMap;

use super::{query::Probe, shape::Shape};
use crate::config::ConfigError;

/// The probes, at the paths where they are by default.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/startupz", "/health"];

/// Other paths of `/health` that are there by default.
const ALIASES: [&str; 3] = ["/v1/health", "/api/health", "/api/v1/health"];

/// The name for the paths of single checks.
const CHECKS: &str = "/health/{check}";

/// Which probe answers at which path.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    /// A path that ends with a slash is for that alone; another one is asked with a slash as well.
    at: BTreeMap<String, Place>,
    /// What stands before the name of a single check.
    checks: Option<String>,
    /// They stand below a path that the application chose.
    is_moved: bool,
}

#[derive(Clone, Debug)]
struct Place {
    /// The default path of the probe.
    probe: String,
    shape: Option<Shape>,
    /// An alias of the application may take its place.
    replaceable: bool,
}

// === impl Paths ===

impl Paths {
    pub(super) fn new() -> Self {
        let mut paths = Self {
            at: BTreeMap::new(),
            checks: Some("/health/".into()),
            is_moved: false,
        };
        for probe in PROBES {
            paths.put(probe, probe, None, false);
        }
        for alias in ALIASES {
            paths.put(alias, "/health", None, true);
        }
        paths
    }

    fn put(&mut self, path: &str, probe: &str, shape: Option<Shape>, replaceable: bool) {
        let place = Place {
            probe: probe.into(),
            shape,
            replaceable,
        };
        self.at.insert(path.into(), place);
    }

    /// The paths and shapes of five guides for monitoring.
    pub(super) fn add_guides(&mut self) {
        let errors = Shape::bare().words("ok", "degraded", "error");
        let database = Shape::flat().words("ok", "degraded", "error");
        let checks = Shape::below("checks")
            .words("ok", "degraded", "degraded")
            .check_words("ok", "degraded", "error");
        let services = Shape::objects("services").words("healthy", "degraded", "critical");
        self.put("/health", "/health", Some(errors), false);
        self.put("/health/", "/health", Some(checks), false);
        self.put("/health/db", "/health/database", Some(database), false);
        self.put("/api/health", "/health", Some(services), false);
        self.put("/v1/health", "/health", None, false);
        self.put("/api/v1/health", "/health", None, false);
        self.put("/ping", "/livez", None, false);
    }

    pub(super) fn add(
        &mut self,
        path: &str,
        of: &str,
        shape: Option<Shape>,
    ) -> Result<(), ConfigError> {
        let refuse = |value, reason| Err(ConfigError::new("health.alias", value, reason));
        if !is_plain(path) {
            return refuse(path, PLAIN);
        }
        if Probe::at(of).is_none() {
            return refuse(of, "not one of the probes");
        }
        if self.at.get(path).is_some_and(|place| !place.replaceable) {
            return refuse(path, "a probe is there already");
        }
        self.put(path, of, shape, false);
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> Result<(), ConfigError> {
        let found = match path {
            CHECKS => self.checks.take().is_some(),
            path => self.at.remove(path).is_some(),
        };
        if !found {
            let reason = "no probe is there";
            return Err(ConfigError::new("health.without", path, reason));
        }
        Ok(())
    }

    pub(super) fn move_below(&mut self, base: &str) -> Result<(), ConfigError> {
        let refuse = |value: &str, reason| Err(ConfigError::new("health.base", value, reason));
        if !is_plain(base) {
            return refuse(base, PLAIN);
        }
        if self.is_moved {
            return refuse(base, "the probes stand below another path already");
        }
        self.is_moved = true;
        self.at.retain(|_, place| !place.replaceable);
        for probe in PROBES {
            let Some(place) = self.at.remove(probe) else {
                continue;
            };
            let path = format!("{base}{probe}");
            if self.at.contains_key(&path) {
                return refuse(base, "an alias is at one of its paths");
            }
            self.at.insert(path, place);
        }
        self.checks = self.checks.take().map(|checks| format!("{base}{checks}"));
        Ok(())
    }

    /// The probe at `path`.
    pub(super) fn find<'a>(&'a self, path: &'a str) -> Option<(Probe<'a>, Option<&'a Shape>)> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        if let Some(place) = self.at.get(path).or_else(|| self.at.get(bare)) {
            return Some((Probe::at(&place.probe)?, place.shape.as_ref()));
        }
        let name = bare.strip_prefix(self.checks.as_deref()?)?;
        Some((Probe::one(name)?, None))
    }

    /// The path of a probe: that at the end of which its default one stands, if there is one, and otherwise an alias.
    #[cfg(feature = "generate")]
    pub(super) fn of(&self, probe: &str) -> Option<&str> {
        let places = self.at.iter().filter(|(_, place)| place.probe == probe);
        let paths = places.map(|(path, _)| path.as_str());
        paths.min_by_key(|path| (!path.ends_with(probe), path.len()))
    }

    /// All paths except those of single checks.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.at.keys().map(String::as_str)
    }

    /// The same for a router: each with and without a slash at its end, and those of single checks.
    #[cfg(feature = "axum")]
    pub(super) fn for_router(&self) -> std::collections::BTreeSet<String> {
        let checks = self
            .checks
            .iter()
            .map(|before| format!("{before}{{check}}"));
        let bare = self.all().map(str::to_owned).chain(checks);
        let both = bare.flat_map(|path| match path.ends_with('/') {
            true => [path.clone(), path],
            false => [format!("{path}/"), path],
        });
        both.collect()
    }
}

/// What `is_plain` expects.
pub(crate) const PLAIN: &str = "a path begins with /, ends without, and is written out";

/// Whether a path is one that a router takes as it stands.
pub(crate) fn is_plain(path: &str) -> bool {
    let bad = |c: char| "{}?#*%".contains(c) || c <= ' ' || c == '\x7f';
    let mut segments = path.split('/').skip(1);
    path.starts_with('/')
        && !path.contains(bad)
        && segments.all(|segment| !matches!(segment, "" | "." | ".."))
}
