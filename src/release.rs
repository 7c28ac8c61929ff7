//! Says which build of the application runs, and where.

use std::{env, fmt, sync::OnceLock};

/// What a process is a build of, and the environment that it runs in.
///
/// It goes into `app_build_info{version,revision,rustc}`, into each line of [`logs`](crate::logs) and on each event that
/// Sentry gets.
///
/// ```
/// use tower_vitals::Release;
///
/// let release = Release::new(env!("CARGO_PKG_VERSION")).environment("staging").revision("9f3c1ab");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Release {
    pub(crate) version: Option<String>,
    pub(crate) environment: String,
    pub(crate) revision: String,
}

/// That of the process, for its log lines.
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

    /// What the environment says.
    ///
    /// | | the first that is set of |
    /// | --- | --- |
    /// | version | `SENTRY_RELEASE`, `APP_VERSION`, `VERSION`, `CARGO_PKG_VERSION` (which `cargo run` sets) |
    /// | environment | `SENTRY_ENVIRONMENT`, `ENVIRONMENT`, `deployment.environment.name` or `deployment.environment` in `OTEL_RESOURCE_ATTRIBUTES`; `production` |
    ///
    /// Empty is as unset; space around a value is ignored.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| {
            env::var_os(name).map(|value| value.to_string_lossy().into_owned())
        })
    }

    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&str]| {
            let set = names.iter().filter_map(|name| variable(name));
            set.map(|value| value.trim().to_owned())
                .find(|value| !value.is_empty())
        };
        let attributes = first(&["OTEL_RESOURCE_ATTRIBUTES"]).unwrap_or_default();
        let attribute = |wanted: &str| {
            let pairs = attributes
                .split(',')
                .filter_map(|pair| pair.split_once('='));
            let mut found = pairs.filter(|(name, _)| name.trim() == wanted);
            found
                .next()
                .map(|(_, value)| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let environment = first(&["SENTRY_ENVIRONMENT", "ENVIRONMENT"])
            .or_else(|| attribute("deployment.environment.name"))
            .or_else(|| attribute("deployment.environment"));
        let unknown = Self::unknown();
        Self {
            version: first(&[
                "SENTRY_RELEASE",
                "APP_VERSION",
                "VERSION",
                "CARGO_PKG_VERSION",
            ]),
            environment: environment.unwrap_or_else(|| unknown.environment.clone()),
            ..unknown
        }
    }

    pub(crate) fn unknown() -> Self {
        Self {
            version: None,
            environment: "production".into(),
            revision: String::new(),
        }
    }

    /// Puts it on the log lines of the process; the first that is said stays.
    pub(crate) fn announce(self) {
        let _ = CURRENT.set(self);
    }

    #[cfg(feature = "logs")]
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
            .field("rustc", &Self::RUSTC)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> (Option<String>, String) {
        let release = Release::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        (release.version, release.environment)
    }

    #[test]
    fn the_first_variable_that_says_something_counts() {
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
    fn the_environment_may_come_from_open_telemetry() {
        let otel = (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=shop, deployment.environment.name=canary",
        );
        assert_eq!(of(&[otel]).1, "canary");
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
