//! Names the build of the application that runs, and its environment.

pub(crate) mod service;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use crate::config::{Environment, resource_attributes::attribute};

/// The build of a process, and the environment in which it runs.
///
/// It is shown in `app_build_info{version,revision,rustc}` and `target_info`, in each line of [`logging`](crate::logging) and
/// on each event for Sentry.
///
/// ```
/// use tower_vitals::Release;
///
/// let release = Release::new(env!("CARGO_PKG_VERSION"))
///     .environment("staging")
///     .revision("9f3c1ab");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Release {
    pub(crate) version: Option<String>,
    pub(crate) environment: String,
    pub(crate) revision: String,
    /// The service of which the process is a part. A stack sets it.
    pub(crate) service: Option<Arc<str>>,
}

/// The release of the process, for its log lines.
static CURRENT: OnceLock<Release> = OnceLock::new();

// === impl Release ===

impl Release {
    /// The compiler that built this crate, and so the application.
    pub(crate) const RUSTC: &str = env!("TOWER_VITALS_RUSTC");

    /// A build of this version, in `production`.
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: Some(version.into()).filter(|version| !version.is_empty()),
            ..Self::unknown()
        }
    }

    /// The environment it runs in. Defaults to `production`.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = environment.into();
        self
    }

    /// The revision it was built from, such as a commit. Defaults to none.
    #[must_use]
    pub fn revision(mut self, revision: impl Into<String>) -> Self {
        self.revision = revision.into();
        self
    }

    /// The release that environment variables name.
    ///
    /// | | the first variable that is set |
    /// | --- | --- |
    /// | version | `SENTRY_RELEASE`, `APP_VERSION`, `VERSION`, `service.version` in `OTEL_RESOURCE_ATTRIBUTES`, `CARGO_PKG_VERSION` (which `cargo run` sets) |
    /// | environment | `SENTRY_ENVIRONMENT`, `ENVIRONMENT`, `deployment.environment.name` or `deployment.environment` in `OTEL_RESOURCE_ATTRIBUTES`; `production` |
    ///
    /// A value is trimmed, and an empty one is as unset.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_environment(&Environment::process())
    }

    pub(crate) fn from_environment(environment: &Environment<'_>) -> Self {
        let attribute = |wanted| attribute(environment, wanted);
        let unknown = Self::unknown();
        Self {
            version: environment
                .first(&["SENTRY_RELEASE", "APP_VERSION", "VERSION"])
                .or_else(|| attribute("service.version"))
                .or_else(|| environment.get("CARGO_PKG_VERSION")),
            environment: environment
                .first(&["SENTRY_ENVIRONMENT", "ENVIRONMENT"])
                .or_else(|| attribute("deployment.environment.name"))
                .or_else(|| attribute("deployment.environment"))
                .unwrap_or(unknown.environment),
            ..unknown
        }
    }

    pub(crate) fn unknown() -> Self {
        Self {
            version: None,
            environment: "production".into(),
            revision: String::new(),
            service: None,
        }
    }

    /// Puts it on the log lines of the process. The first release stays.
    pub(crate) fn announce(self) {
        let _ = CURRENT.set(self);
    }

    pub(crate) fn current() -> Option<&'static Self> {
        CURRENT.get()
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Release")
            .field("version", &self.version)
            .field("environment", &self.environment)
            .field("revision", &self.revision)
            .field("service", &self.service)
            .field("rustc", &Self::RUSTC)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> (Option<String>, String) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let release = Release::from_environment(&Environment(&variable));
        (release.version, release.environment)
    }

    #[test]
    fn the_first_variable_that_is_set_counts() {
        let all = [
            ("SENTRY_RELEASE", "a"),
            ("APP_VERSION", "b"),
            ("VERSION", "c"),
            ("CARGO_PKG_VERSION", "d"),
        ];
        for (index, (_, value)) in all.iter().enumerate() {
            assert_eq!(of(&all[index..]).0.as_deref(), Some(*value));
        }
        assert_eq!(
            of(&[("SENTRY_RELEASE", " "), ("VERSION", " c ")])
                .0
                .as_deref(),
            Some("c")
        );
        assert_eq!(of(&[]), (None, "production".into()));
    }

    #[test]
    fn the_version_may_come_from_open_telemetry() {
        let otel = ("OTEL_RESOURCE_ATTRIBUTES", "service.version=1.4%2B7");
        let cargo = ("CARGO_PKG_VERSION", "d");
        assert_eq!(of(&[otel]).0.as_deref(), Some("1.4+7"));
        assert_eq!(of(&[cargo, otel]).0.as_deref(), Some("1.4+7"));
        assert_eq!(of(&[otel, cargo, ("VERSION", "c")]).0.as_deref(), Some("c"));
    }

    #[test]
    fn the_environment_may_come_from_open_telemetry() {
        let otel = (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=shop, deployment.environment.name=canary",
        );
        assert_eq!(of(&[otel]).1, "canary");
        let encoded = "deployment.environment.name=pre%2Dproduction%20%C3%BC";
        assert_eq!(
            of(&[("OTEL_RESOURCE_ATTRIBUTES", encoded)]).1,
            "pre-production ü"
        );
        assert_eq!(
            of(&[("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=old")]).1,
            "old"
        );
        assert_eq!(of(&[otel, ("ENVIRONMENT", "staging")]).1, "staging");
        assert_eq!(
            of(&[
                otel,
                ("ENVIRONMENT", "staging"),
                ("SENTRY_ENVIRONMENT", "qa")
            ])
            .1,
            "qa"
        );
    }
}
