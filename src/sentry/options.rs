//! Configures how a stack reports to Sentry.

use std::fmt;

use sentry::types::Dsn;

use crate::{
    config::{ConfigError, Environment},
    release::Release,
    report::ReportPolicy,
    scrub::{Scrubbing, urls::url_without_secrets},
};

/// How the ready-made stack reports to Sentry.
///
/// ```no_run
/// use tower_vitals::{Vitals, sentry::SentryOptions};
///
/// let vitals = Vitals::from_env()?.sentry(SentryOptions::from_env()?).build()?;
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct SentryOptions {
    pub(super) source: Source,
    /// The release that the environment names. That of the builder overrides it.
    release: Option<Release>,
    pub(super) sample_rate: f32,
    pub(super) transactions: bool,
    pub(super) policy: ReportPolicy,
    pub(super) scrubbing: Scrubbing,
}

/// Where the client comes from.
#[derive(Clone)]
pub(super) enum Source {
    /// A client of this crate, or none without a DSN.
    Dsn(Option<Dsn>),
    /// The client that the application has bound.
    CurrentClient,
}

// === impl SentryOptions ===

impl SentryOptions {
    /// A client of this crate that sends to `dsn`.
    ///
    /// # Errors
    ///
    /// If `dsn` is not valid. The error shows it without its keys.
    pub fn new(dsn: &str) -> Result<Self, ConfigError> {
        let parsed: Dsn = dsn.parse().map_err(|error| {
            let shown = url_without_secrets(dsn);
            ConfigError::new("sentry.dsn", shown, format!("{error}"))
        })?;
        Ok(Self::with(Source::Dsn(Some(parsed))))
    }

    /// The client that the application has bound. It is not changed. What it sends is scrubbed if it was made with
    /// [`guard`](super::guard).
    #[must_use]
    pub fn current_client() -> Self {
        Self::with(Source::CurrentClient)
    }

    /// Options from the environment.
    ///
    /// | variable | |
    /// | --- | --- |
    /// | `SENTRY_DSN` | where to send; if it is unset, nothing is sent |
    /// | `SENTRY_TRACES_SAMPLE_RATE` | the share of requests that are [transactions](Self::transactions), from 0 to 1; 0.1 |
    /// | `SENTRY_RELEASE`, `SENTRY_ENVIRONMENT` and their substitutes | see [`Release::from_env`] |
    ///
    /// # Errors
    ///
    /// If a value is not valid. The error names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let mut options = match environment.get("SENTRY_DSN") {
            Some(dsn) => Self::new(&dsn).map_err(|error| error.within("SENTRY_DSN"))?,
            None => Self::with(Source::Dsn(None)),
        };
        let rate = "SENTRY_TRACES_SAMPLE_RATE";
        if let Some(rate) = environment.parse(rate, EXPECTED_RATE, parse_rate)? {
            options.sample_rate = rate;
        }
        options.release = Some(Release::from_environment(environment));
        Ok(options)
    }

    pub(crate) const fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    fn with(source: Source) -> Self {
        Self {
            source,
            release: None,
            sample_rate: 0.1,
            transactions: false,
            policy: ReportPolicy::new(),
            scrubbing: Scrubbing::new(),
        }
    }

    /// Makes a transaction of a share of the requests. It has the name of the route and the status of the true end. A
    /// request on an excluded path has none. Defaults to off.
    #[must_use]
    pub fn transactions(mut self) -> Self {
        self.transactions = true;
        self
    }

    /// The share of requests that are transactions, from 0 to 1, with a client of this crate. Defaults to 0.1.
    ///
    /// # Errors
    ///
    /// If it is not from 0 to 1.
    pub fn sample_rate(mut self, rate: f32) -> Result<Self, ConfigError> {
        if !(0.0..=1.0).contains(&rate) {
            let value = rate.to_string();
            return Err(ConfigError::new("sentry.sample_rate", value, EXPECTED_RATE));
        }
        self.sample_rate = rate;
        Ok(self)
    }

    /// Which requests are reported. Defaults to [`ReportPolicy::new`].
    #[must_use]
    pub fn report_policy(mut self, policy: ReportPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// What is filtered beside what always is, with a client of this crate. Defaults to [`Scrubbing::new`].
    #[must_use]
    pub fn scrubbing(mut self, scrubbing: Scrubbing) -> Self {
        self.scrubbing = scrubbing;
        self
    }
}

impl fmt::Debug for SentryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentryOptions")
            .field("on", &!matches!(self.source, Source::Dsn(None)))
            .field("transactions", &self.transactions)
            .field("report_policy", &self.policy)
            .field("scrubbing", &self.scrubbing)
            .finish_non_exhaustive()
    }
}

const EXPECTED_RATE: &str = "expected a number from 0 to 1";

fn parse_rate(text: &str) -> Option<f32> {
    let rate = text.parse().ok()?;
    (0.0..=1.0).contains(&rate).then_some(rate)
}
