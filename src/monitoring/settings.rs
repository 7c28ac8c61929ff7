//! Chooses where the monitoring API is, and who may ask.

use std::fmt;

use super::{access::Access, guard::Guard, host::Host};
use crate::{
    bearer,
    config::ConfigError,
    health::{PLAIN, is_plain},
};

/// Where the API is by default.
pub(crate) const PATH: &str = "/api/v1/monitoring";

/// The longest path, in bytes.
const LONGEST_PATH: usize = 200;

/// How many failures are kept by default, and at most.
const FAILURES: usize = 50;
const MOST_FAILURES: usize = 200;

/// A token with fewer characters can be guessed.
const SHORT: usize = 16;

/// The monitoring API, and who may ask it. See the [module](super).
///
/// ```
/// use tower_vitals::{Vitals, monitoring::{Access, Monitoring}};
///
/// let token = std::env::var("OPS_TOKEN").unwrap_or("a-long-secret-of-ours".into());
/// let monitoring = Monitoring::new(Access::Token(token)).path("/internal/monitoring");
/// let vitals = Vitals::builder().isolated().monitoring(monitoring).build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "there is no API before the builder has it"]
pub struct Monitoring {
    access: Access,
    token: Option<String>,
    path: Option<String>,
    hosts: Vec<String>,
    check_errors: bool,
    failures: usize,
}

/// Settings that can work.
#[derive(Clone)]
pub(crate) struct CheckedMonitoring {
    /// Begins with a slash and ends without.
    pub(super) path: Box<str>,
    pub(super) guard: Guard,
    pub(super) check_errors: bool,
    failures: usize,
}

// === impl Monitoring ===

impl Monitoring {
    /// The API for those who have this access.
    pub const fn new(access: Access) -> Self {
        Self {
            access,
            token: None,
            path: None,
            hosts: Vec::new(),
            check_errors: false,
            failures: FAILURES,
        }
    }

    /// Where the API is. The path begins with `/`, is not `/` alone, ends without one and is written out. Defaults to
    /// `MONITORING_PATH` with [`Vitals::from_env`](crate::Vitals::from_env), else to `/api/v1/monitoring`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The token that each POST needs under [`Access::Loopback`] and [`Access::Public`]. Defaults to none: then a client on this
    /// machine can POST without one, but not from a browser, and nobody can if the API is public.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Further values of `Host` under [`Access::Loopback`], such as `vitals.test` or `vitals.test:8080`. Without a port, each port
    /// fits. They replace earlier ones. Defaults to none.
    pub fn hosts<I>(mut self, hosts: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.hosts = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Shows the texts of errors of health checks in `/health`. They can contain addresses and worse, so it cannot be combined with
    /// [`Access::Public`]. Defaults to off: the texts are in the log.
    pub const fn check_errors(mut self) -> Self {
        self.check_errors = true;
        self
    }

    /// Who may ask, in a word.
    pub(crate) const fn word(&self) -> &'static str {
        match self.access {
            Access::Token(_) => "token",
            Access::Loopback => "loopback",
            Access::Public => "public",
        }
    }

    /// The token, wherever it is given.
    pub(crate) fn secret(&self) -> Option<&str> {
        match &self.access {
            Access::Token(token) => Some(token),
            _ => self.token.as_deref(),
        }
    }

    /// The path that the application gives.
    pub(crate) fn own_path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether texts of errors are shown.
    pub(crate) const fn shows_errors(&self) -> bool {
        self.check_errors
    }

    /// How many of the last failed requests the [console](super#the-console) shows, from 0 to 200. With 0, none is kept. Defaults to 50.
    pub const fn failures(mut self, most: usize) -> Self {
        self.failures = most;
        self
    }

    /// Checks everything. `path` is the one of the environment.
    pub(crate) fn checked(self, path: Option<String>) -> Result<CheckedMonitoring, ConfigError> {
        let refuse =
            |field: &str, reason| Err(ConfigError::new(format!("monitoring.{field}"), "", reason));
        let path = self.path.or(path).unwrap_or_else(|| PATH.to_owned());
        check_path("monitoring.path", &path)?;
        let hosts = self.hosts.iter().enumerate().map(|(index, text)| {
            Host::parse(text).ok_or_else(|| {
                let field = format!("monitoring.hosts[{index}]");
                ConfigError::new(field, text, "expected a host, such as `vitals.test`")
            })
        });
        let hosts: Vec<_> = hosts.collect::<Result<_, _>>()?;
        if !hosts.is_empty() && !matches!(self.access, Access::Loopback) {
            return refuse("hosts", "only Access::Loopback looks at `Host`");
        }
        if self.failures > MOST_FAILURES {
            let value = self.failures.to_string();
            let reason = "expected 0 to 200";
            return Err(ConfigError::new("monitoring.failures", value, reason));
        }
        let token = self.token;
        if let Some(token) = &token {
            check_token("monitoring.token", token)?;
        }
        let guard = match self.access {
            Access::Token(_) if token.is_some() => {
                return refuse("token", "Access::Token has a token already");
            }
            Access::Token(token) => {
                check_token("monitoring.access", &token)?;
                Guard::Token(token)
            }
            Access::Loopback => Guard::Loopback { token, hosts },
            Access::Public if self.check_errors => {
                return refuse("check_errors", "everybody would read them");
            }
            Access::Public => Guard::Public { token },
        };
        Ok(CheckedMonitoring {
            path: path.into(),
            guard,
            check_errors: self.check_errors,
            failures: self.failures,
        })
    }
}

impl fmt::Debug for Monitoring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitoring")
            .field("access", &self.access)
            .field("path", &self.path)
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

// === impl CheckedMonitoring ===

impl CheckedMonitoring {
    /// Where the API is.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// How many failures are kept.
    pub(crate) const fn failures(&self) -> usize {
        self.failures
    }

    /// Whether the token can be guessed.
    pub(crate) fn has_short_token(&self) -> bool {
        let token = self.guard.token();
        token.is_some_and(|token| token.chars().count() < SHORT)
    }

    /// Whether everybody may read.
    pub(super) const fn is_public(&self) -> bool {
        matches!(self.guard, Guard::Public { .. })
    }

    /// Who may ask, in a word.
    pub(crate) const fn access(&self) -> &'static str {
        match self.guard {
            Guard::Token(_) => "token",
            Guard::Loopback { .. } => "loopback",
            Guard::Public { .. } => "public",
        }
    }
}

/// Whether the API can be at this path.
pub(crate) fn check_path(field: &str, path: &str) -> Result<(), ConfigError> {
    match is_plain(path) && path.is_ascii() && path.len() <= LONGEST_PATH {
        true => Ok(()),
        false => Err(ConfigError::new(field, path, PLAIN)),
    }
}

/// Whether somebody can send this token. The error does not show it.
pub(crate) fn check_token(field: &str, token: &str) -> Result<(), ConfigError> {
    let refuse = |reason| Err(ConfigError::new(field, "", reason));
    if token.is_empty() {
        return refuse("an empty token would let everybody in; use Access::Public for that");
    }
    match bearer::can_be_sent(token) {
        true => Ok(()),
        false => refuse(bearer::SENDABLE),
    }
}
