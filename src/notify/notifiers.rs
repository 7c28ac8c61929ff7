//! Collects the ways to tell people, and who is told of what.

use std::{fmt, sync::Arc};

use super::{
    environment,
    notifier::Notifier,
    plain,
    routes::{CheckedRoutes, Routes},
};
use crate::{
    alerts::AlertSeverity,
    config::{ConfigError, Environment, Variables},
    report::delivery_queue::contained,
};

/// The most notifiers of a service. Each has a thread.
const MOST: usize = 32;

/// The variable with the page where to look.
const URL: &str = "MONITORING_URL";

/// The longest name of a notifier, in bytes.
pub(super) const LONGEST_NAME: usize = 64;

/// The longest address of the page where to look, in bytes.
const LONGEST_URL: usize = 1_000;

/// The ways to tell people, and who is told of what. Defaults to nobody.
///
/// ```no_run
/// use tower_vitals::{Vitals, alerts::AlertSeverity};
/// use tower_vitals::notify::{Notifiers, Routes, Slack};
///
/// let routes = Routes::new()
///     .severity(AlertSeverity::Critical, ["slack"])
///     .severity(AlertSeverity::Warning, ["slack"])
///     .severity(AlertSeverity::Info, ["slack"]);
/// let notifiers = Notifiers::new()
///     .notifier(Slack::new("https://hooks.slack.com/services/T0/B0/secret")?)
///     .routes(routes)
///     .url("https://shop.example.com/monitoring");
/// let vitals = Vitals::builder().notifiers(notifiers).build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone, Default)]
pub struct Notifiers {
    all: Vec<Arc<dyn Notifier>>,
    routes: Routes,
    url: Option<String>,
    /// Which variables made notifiers.
    variables: Variables,
}

/// Notifiers that can work.
pub(crate) struct CheckedNotifiers {
    /// With their names.
    pub(super) all: Vec<(Arc<str>, Arc<dyn Notifier>)>,
    pub(crate) routes: Arc<CheckedRoutes>,
    pub(crate) url: Option<String>,
}

// === impl Notifiers ===

impl Notifiers {
    /// Nobody.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a notifier. No other one may have its name, and there can be 32.
    #[must_use]
    pub fn notifier(mut self, notifier: impl Notifier + 'static) -> Self {
        self.all.push(Arc::new(notifier));
        self
    }

    /// Who is told of which alert. Defaults to [`Routes::new`].
    #[must_use]
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = routes;
        self
    }

    /// Whether there is no notifier.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The page where to look, which stands in each message. It begins with `https://` or `http://`, and has up to 1,000 bytes.
    /// Defaults to none, and with [`from_env`](Self::from_env) to `MONITORING_URL`.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self.variables.forget(URL);
        self
    }

    /// The notifiers of the environment: those whose variables are set. See [the module](crate::notify).
    ///
    /// # Errors
    ///
    /// If a value is not valid, or one that a notifier needs is missing. The error names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(crate) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let (made, variables) = environment.noting(|environment| {
            let url = environment.get(URL);
            if let Some(url) = &url {
                check(URL, url)?;
            }
            Ok((environment::notifiers(environment)?, url))
        });
        let (all, url) = made?;
        Ok(Self {
            all,
            url,
            variables,
            ..Self::default()
        })
    }

    /// The names of all notifiers. One that panics has none.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let name = |one: &Arc<dyn Notifier>| contained(|| one.name().to_owned());
        self.all.iter().filter_map(name)
    }

    /// Which variables made notifiers.
    pub(crate) const fn variables(&self) -> &Variables {
        &self.variables
    }

    /// The page where to look.
    pub(crate) fn page(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The notifiers that can work, if each of the `rules` with its severity reaches one of them.
    pub(crate) fn checked<'r>(
        self,
        rules: impl Iterator<Item = (&'r str, AlertSeverity)>,
    ) -> Result<CheckedNotifiers, ConfigError> {
        if self.all.len() > MOST {
            let reason = "expected at most 32";
            let many = self.all.len().to_string();
            return Err(ConfigError::new("notifiers", many, reason));
        }
        let url = self.url.filter(|url| !url.is_empty());
        if let Some(url) = &url {
            check("notifiers.url", url)?;
        }
        let named = self.all.into_iter().map(named);
        let all = named.collect::<Result<Vec<_>, _>>()?;
        let names: Vec<&str> = all.iter().map(|(name, _)| &**name).collect();
        let routes = Arc::new(self.routes.checked(&names, rules)?);
        Ok(CheckedNotifiers { all, routes, url })
    }
}

impl fmt::Debug for Notifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.all.iter();
        let names: Vec<_> = names
            .map(|one| contained(|| one.name().to_owned()))
            .collect();
        let mut shown = f.debug_struct("Notifiers");
        shown.field("all", &names);
        shown.field("routes", &self.routes);
        shown.field("url", &self.url);
        shown.finish()
    }
}

// === impl CheckedNotifiers ===

impl CheckedNotifiers {
    pub(crate) fn are_any(&self) -> bool {
        !self.all.is_empty()
    }
}

impl fmt::Debug for CheckedNotifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CheckedNotifiers");
        shown.field("routes", &self.routes);
        shown.finish_non_exhaustive()
    }
}

/// Refuses an address that cannot be a link.
fn check(field: &str, url: &str) -> Result<(), ConfigError> {
    match plain::link(url, LONGEST_URL) {
        Some(_) => Ok(()),
        None => {
            let reason = "expected an address such as https://shop.example.com/monitoring";
            Err(ConfigError::new(field, url, reason))
        }
    }
}

/// The notifier with its name, if that can be one.
fn named(notifier: Arc<dyn Notifier>) -> Result<(Arc<str>, Arc<dyn Notifier>), ConfigError> {
    let name = contained(|| notifier.name().to_owned());
    let name = name.ok_or_else(|| ConfigError::new("notifiers.name", "", "it panicked"))?;
    let is_plain = |byte: u8| byte.is_ascii_graphic();
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
        return Ok((name.into(), notifier));
    }
    let reason = "expected 1 to 64 characters of ASCII, without white space";
    Err(ConfigError::new("notifiers.name", name, reason))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::notify::{Notification, NotifyError};

    struct Named(&'static str);

    impl Notifier for Named {
        fn name(&self) -> &str {
            assert_ne!(self.0, "panics");
            self.0
        }

        fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
            Ok(())
        }
    }

    fn error(notifiers: Notifiers) -> String {
        let rules = [("slow", AlertSeverity::Warning)];
        notifiers
            .checked(rules.into_iter())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_bad_notifier_fails_with_field_and_value() {
        let one = |name| Notifiers::new().notifier(Named(name));
        let long = "a".repeat(65).leak();
        let name = "expected 1 to 64 characters of ASCII, without white space";
        for (bad, message) in [
            (one(""), format!(r#"notifiers.name: invalid value "": {name}"#)),
            (one("a b"), format!(r#"notifiers.name: invalid value "a b": {name}"#)),
            (one(long), format!(r#"notifiers.name: invalid value "{long}": {name}"#)),
            (
                one("panics"),
                r#"notifiers.name: invalid value "": it panicked"#.to_owned(),
            ),
            (
                one("a").notifier(Named("a")),
                r#"notifiers: invalid value "a": expected a name that no other notifier has"#
                    .to_owned(),
            ),
            (
                one("a").url("javascript:alert(1)"),
                r#"notifiers.url: invalid value "javascript:alert(1)": expected an address such as https://shop.example.com/monitoring"#
                    .to_owned(),
            ),
            (
                one("a").routes(Routes::new().severity(AlertSeverity::Critical, ["a"])),
                r#"routes.slow: invalid value "slow": no route leads from it or from `warning` to a notifier"#
                    .to_owned(),
            ),
        ] {
            assert_eq!(error(bad), message);
        }
        let names = ["a"; 33].into_iter().enumerate();
        let names = names.map(|(index, name)| &*format!("{name}{index}").leak());
        let many = names.fold(Notifiers::new(), |all, name| all.notifier(Named(name)));
        assert_eq!(
            error(many),
            r#"notifiers: invalid value "33": expected at most 32"#
        );
    }
}
