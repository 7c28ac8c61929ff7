//! Configures how a stack reports to Sentry.

use std::fmt;

use sentry::types::Dsn;

use crate::{
    config::{ConfigError, Environment, Variables},
    release::Release,
    report::ReportPolicy,
    scrub::{Scrubbing, urls::dsn_without_key},
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
    /// The environment asks for profiles, which nobody makes.
    pub(super) asks_for_profiles: bool,
    pub(super) inherits_hub: bool,
    pub(super) shows_client: bool,
    pub(super) policy: ReportPolicy,
    pub(super) scrubbing: Scrubbing,
    /// Which variables they come from.
    variables: Variables,
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
            let shown = dsn_without_key(dsn);
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
    /// | `SENTRY_TRACES_SAMPLE_RATE` | the share of requests that are [transactions](Self::transactions), from 0 to 1; if it is unset or 0, there are none |
    /// | `SENTRY_PROFILES_SAMPLE_RATE` | from 0 to 1; if it is above 0, a warning says that no profiles are made |
    /// | `SENTRY_RELEASE`, `SENTRY_ENVIRONMENT` and their substitutes | see [`Release::from_env`] |
    ///
    /// # Errors
    ///
    /// If a value is not valid. The error names the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let environment = Environment::process();
        let (options, variables) = environment.noting(Self::from_environment);
        Ok(Self {
            variables,
            ..options?
        })
    }

    /// Where events go, without an address.
    pub(crate) fn shown(&self) -> Option<&'static str> {
        match self.source {
            Source::Dsn(None) => None,
            Source::Dsn(Some(_)) => Some("set"),
            Source::CurrentClient => Some("the client of the application"),
        }
    }

    /// The share of requests that are transactions.
    pub(crate) const fn share_of_transactions(&self) -> f32 {
        if self.transactions {
            self.sample_rate
        } else {
            0.0
        }
    }

    /// Which variables they come from.
    pub(crate) const fn variables(&self) -> &Variables {
        &self.variables
    }

    fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        let mut options = match environment.get("SENTRY_DSN") {
            Some(dsn) => Self::new(&dsn).map_err(|error| error.within("SENTRY_DSN"))?,
            None => Self::with(Source::Dsn(None)),
        };
        let rate = |name| environment.parse(name, EXPECTED_RATE, parse_rate);
        if let Some(rate) = rate(RATE)? {
            options.sample_rate = rate;
            options.transactions = rate > 0.0;
        }
        let profiles = rate("SENTRY_PROFILES_SAMPLE_RATE")?;
        options.asks_for_profiles = profiles.is_some_and(|rate| rate > 0.0);
        options.release = Some(Release::from_environment(environment));
        Ok(options)
    }

    pub(crate) const fn release(&self) -> Option<&Release> {
        self.release.as_ref()
    }

    /// How what is sent is scrubbed. What else shows texts of errors does it in the same way.
    pub(crate) fn own_scrubbing(&self) -> Scrubbing {
        self.scrubbing.clone()
    }

    fn with(source: Source) -> Self {
        Self {
            source,
            release: None,
            sample_rate: 0.1,
            transactions: false,
            asks_for_profiles: false,
            inherits_hub: false,
            shows_client: false,
            policy: ReportPolicy::new(),
            scrubbing: Scrubbing::new(),
            variables: Variables::default(),
        }
    }

    /// Makes a transaction of a share of the requests. It has the name of the route and the status of the true end. A
    /// request on an excluded path has none. Defaults to off.
    #[must_use]
    pub fn transactions(mut self) -> Self {
        self.transactions = true;
        self
    }

    /// Begins each request with the scope of the current hub: see
    /// [`SentryScopeLayer::inherit_current_hub`](super::SentryScopeLayer::inherit_current_hub). Defaults to off.
    #[must_use]
    pub fn inherit_current_hub(mut self) -> Self {
        self.inherits_hub = true;
        self
    }

    /// Shows the address of the client in the events of its request, as the IP address of the user. It is the one that the
    /// access log shows: see [`AccessLogLayer::client_address`](crate::AccessLogLayer::client_address), without which there is
    /// none. An address that the application sets itself leaves then, too. Only a client of this crate sends it, and none with
    /// [`Scrubbing::health_data`]. Defaults to off.
    ///
    /// ```
    /// use tower_vitals::{
    ///     AccessLogLayer, Vitals, access_log::ClientAddress, sentry::SentryOptions,
    /// };
    ///
    /// let log = AccessLogLayer::new().client_address(ClientAddress::Peer);
    /// let vitals = Vitals::builder()
    ///     .access_log(log)
    ///     .sentry(SentryOptions::from_env()?.client_address())
    ///     .isolated()
    ///     .build()?;
    /// # Ok::<(), tower_vitals::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn client_address(mut self) -> Self {
        self.shows_client = true;
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
        self.variables.forget(RATE);
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

/// The variable of the share of transactions.
const RATE: &str = "SENTRY_TRACES_SAMPLE_RATE";

const EXPECTED_RATE: &str = "expected a number from 0 to 1";

fn parse_rate(text: &str) -> Option<f32> {
    let rate = text.parse().ok()?;
    (0.0..=1.0).contains(&rate).then_some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<SentryOptions, ConfigError> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        SentryOptions::from_environment(&Environment(&variable))
    }

    #[test]
    fn a_rate_of_transactions_in_the_environment_turns_them_on() {
        let rate = "SENTRY_TRACES_SAMPLE_RATE";
        for (value, on, share) in [
            (None, false, 0.1),
            (Some(" "), false, 0.1),
            (Some("0"), false, 0.0),
            (Some("0.0"), false, 0.0),
            (Some("0.25"), true, 0.25),
            (Some("1"), true, 1.0),
        ] {
            let variables: Vec<_> = value.map(|value| (rate, value)).into_iter().collect();
            let options = of(&variables).unwrap();
            let found = (options.transactions, options.sample_rate);
            assert_eq!(found, (on, share), "{value:?}");
        }
        for value in ["2", "-0.5", "NaN", "many"] {
            let error = of(&[(rate, value)]).unwrap_err();
            assert_eq!(error.field(), rate, "{value}");
        }
    }

    #[test]
    fn a_rate_of_profiles_is_read_and_asks_for_a_warning() {
        let rate = "SENTRY_PROFILES_SAMPLE_RATE";
        for (value, asks) in [("0", false), ("0.5", true), ("1.0", true)] {
            assert_eq!(of(&[(rate, value)]).unwrap().asks_for_profiles, asks);
        }
        assert!(!of(&[]).unwrap().asks_for_profiles);
        for value in ["2", "-1", "NaN", "all"] {
            let error = of(&[(rate, value)]).unwrap_err();
            assert_eq!(error.field(), rate, "{value}");
        }
    }
}
