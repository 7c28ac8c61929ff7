//! Defines a check: what it asks, how often, and what its failure means.

use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{remembered::Remembered, source::Source};
use crate::config::ConfigError;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;
type Asked = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;
type Ask = dyn Fn(&Arc<Remembered>, Duration) -> Asked + Send + Sync;

/// A check of one dependency. It runs again and again in the background.
///
/// ```
/// use std::{io, time::Duration};
/// use tower_vitals::health::{Check, Role};
///
/// async fn ping() -> io::Result<()> { Ok(()) }
///
/// let check = Check::new("cache", ping)
///     .role(Role::Optional)
///     .timeout(Duration::from_millis(300))
///     .failures(3);
/// ```
#[derive(Clone)]
pub struct Check {
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    pub(super) healthy_label: &'static str,
    pub(super) timeout: Duration,
    pub(super) interval: Duration,
    pub(super) failures: u32,
    pub(super) successes: u32,
    /// Asks, with the time limit for the answer. `None` if the application sets the status itself.
    ask: Option<Arc<Ask>>,
    /// What knows the status of a check that is not asked. The application sets it if `None`.
    pub(super) source: Option<Arc<dyn Source>>,
    expires_after: Option<Duration>,
    pub(super) remembered: Arc<Remembered>,
    /// A setting of a ready-made check that is not valid. The start refuses it, as every such setting.
    fault: Option<Fault>,
}

/// A setting that is not valid, its value, and the reason.
#[derive(Clone)]
struct Fault {
    setting: &'static str,
    value: String,
    reason: &'static str,
}

/// What the failure of a check means for the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The service is not ready without it.
    Critical,
    /// The service is degraded without it.
    Optional,
    /// It is only shown.
    Informational,
}

/// The answer of a dependency that works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It works.
    Healthy,
    /// It works with limits, which the text describes.
    Degraded(String),
}

// === impl Check ===

impl Check {
    /// A critical check. `ask` should not block its thread. A check that blocks has failed from its timeout until it ends, and
    /// is not asked again before. On a runtime of many threads it costs one thread, and no worker. It stops a runtime of one
    /// thread. The drop of a runtime waits for it.
    ///
    /// The name has 1 to 64 characters of `[a-z0-9_-]`. It is public: responses, paths, metrics and the log show it. The
    /// error is not public: the log shows it, the report to Sentry of a critical check, and a response to a reader with
    /// [`Details`](super::Details).
    pub fn new<F, T, E>(name: &str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Answer>,
        E: Into<BoxError>,
    {
        Self::within(name, move |_| ask())
    }

    /// As `new`. `ask` gets the time limit for its answer.
    pub(super) fn within<F, T, E>(
        name: &str,
        ask: impl Fn(Duration) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Answer>,
        E: Into<BoxError>,
    {
        Self::remembering(name, Remembered::default(), move |_, timeout| ask(timeout))
    }

    /// As `within`. `ask` also gets what the check remembers.
    pub(super) fn remembering<F, T, E>(
        name: &str,
        remembered: Remembered,
        ask: impl Fn(Arc<Remembered>, Duration) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Into<Answer>,
        E: Into<BoxError>,
    {
        Self {
            ask: Some(Arc::new(move |remembered, timeout| {
                let asked = ask(Arc::clone(remembered), timeout);
                Box::pin(async move { asked.await.map(Into::into).map_err(Into::into) })
            })),
            remembered: Arc::new(remembered),
            ..Self::manual(name)
        }
    }

    /// A critical check that the application sets itself with [`Health::set`](super::Health::set). Until then it is unknown.
    ///
    /// It is not asked, so it has no timeout, no interval and no latency, and counts no failures and successes in a row. The
    /// name is as that of [`new`](Self::new).
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_vitals::health::{Check, Health, Status};
    ///
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let worker = Check::manual("worker").expires_after(Duration::from_secs(30));
    /// let health = Health::builder().check(worker).start()?;
    /// // The worker says it after each job. If it dies, the check is unknown.
    /// health.set("worker", Status::Healthy, None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn manual(name: &str) -> Self {
        Self {
            name: name.into(),
            role: Role::Critical,
            healthy_label: "available",
            timeout: Duration::from_secs(2),
            interval: Duration::from_secs(10),
            failures: 1,
            successes: 1,
            ask: None,
            source: None,
            expires_after: None,
            remembered: Arc::default(),
            fault: None,
        }
    }

    /// A critical check that is not asked, because `source` knows its status at any time.
    pub(crate) fn of_source(name: &str, source: Arc<dyn Source>) -> Self {
        Self {
            source: Some(source),
            ..Self::manual(name)
        }
    }

    /// A check that the start refuses.
    pub(crate) fn refused(
        name: &str,
        setting: &'static str,
        value: String,
        reason: &'static str,
    ) -> Self {
        let fault = Fault {
            setting,
            value,
            reason,
        };
        Self {
            fault: Some(fault),
            ..Self::manual(name)
        }
    }

    /// The same check before its first question, with nothing that a clone remembers.
    pub(super) fn anew(self) -> Self {
        Self {
            remembered: Arc::new(self.remembered.anew()),
            ..self
        }
    }

    /// Whether it is asked. If not, the application or a source sets its status.
    pub(super) fn is_asked(&self) -> bool {
        self.ask.is_some()
    }

    /// Whether the application sets its status.
    pub(super) fn is_set_by_application(&self) -> bool {
        self.ask.is_none() && self.source.is_none()
    }

    /// What its failure means for the service. Defaults to [`Role::Critical`].
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The text of the healthy status in public responses, such as `connected`. Defaults to `available`.
    #[must_use]
    pub fn healthy_label(mut self, label: &'static str) -> Self {
        self.healthy_label = label;
        self
    }

    /// The time limit for an answer. Defaults to 2 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The time between an answer and the next run, give or take a tenth. Defaults to 10 s.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// How many failures in a row make it unhealthy. Defaults to 1.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// How many successes in a row make it healthy again. Defaults to 1.
    #[must_use]
    pub fn successes(mut self, successes: u32) -> Self {
        self.successes = successes;
        self
    }

    /// How long what the application has set counts. Then the check is unknown, until it is set again. Only for a
    /// [manual](Self::manual) check. Defaults to for ever.
    #[must_use]
    pub fn expires_after(mut self, expires_after: Duration) -> Self {
        self.expires_after = Some(expires_after);
        self
    }

    pub(super) fn ask(&self) -> Asked {
        match &self.ask {
            Some(ask) => ask(&self.remembered, self.timeout),
            None => Box::pin(std::future::ready(Ok(Answer::Healthy))),
        }
    }

    /// Whether what the application has set becomes too old.
    pub(super) fn expires(&self) -> bool {
        self.expires_after.is_some()
    }

    /// An answer is recent for three intervals and the timeout.
    pub(super) fn stale_after(&self) -> Duration {
        if !self.is_asked() {
            return self.expires_after.unwrap_or(Duration::MAX);
        }
        self.interval.saturating_mul(3).saturating_add(self.timeout)
    }

    pub(super) fn verify(&self) -> Result<(), ConfigError> {
        let field = |setting| format!("health.{}.{setting}", self.name);
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.bytes().all(fits) {
            let reason = "a name has 1 to 64 characters of [a-z0-9_-]";
            return Err(ConfigError::new("health.check", &*self.name, reason));
        }
        for (setting, value) in [
            ("timeout", Some(self.timeout)),
            ("interval", Some(self.interval)),
            ("expires_after", self.expires_after),
        ] {
            if value == Some(Duration::ZERO) {
                return Err(ConfigError::new(
                    field(setting),
                    "0ns",
                    "must be longer than zero",
                ));
            }
        }
        if let Some(after) = self.expires_after.filter(|_| !self.is_set_by_application()) {
            let reason = match self.is_asked() {
                true => {
                    "the answer of a check that is asked is too old after three intervals and the \
                     timeout"
                }
                false => "the status of this check is known at any time",
            };
            let after = format!("{after:?}");
            return Err(ConfigError::new(field("expires_after"), after, reason));
        }
        for (setting, value) in [("failures", self.failures), ("successes", self.successes)] {
            if value == 0 {
                return Err(ConfigError::new(
                    field(setting),
                    "0",
                    "must be at least one",
                ));
            }
        }
        match &self.fault {
            Some(fault) => Err(ConfigError::new(
                field(fault.setting),
                &*fault.value,
                fault.reason,
            )),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

// === impl Answer ===

impl From<()> for Answer {
    fn from((): ()) -> Self {
        Self::Healthy
    }
}
