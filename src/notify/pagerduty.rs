//! Opens and closes incidents of PagerDuty.

mod message;

use std::time::Duration;

use super::{
    address::Address,
    http::Client,
    notification::Notification,
    notifier::{Notifier, NotifyError},
    secret::Secret,
};
use crate::config::{ConfigError, Environment};

const KEY: &str = "PAGERDUTY_ROUTING_KEY";
const URL: &str = "PAGERDUTY_URL";
/// What guide G0 has, and what this API does not take.
const OTHER_KEY: &str = "PAGERDUTY_API_KEY";

const BASE: &str = "https://events.pagerduty.com";

/// Opens and closes incidents of PagerDuty, by its Events API version 2. Its name in routes is `pagerduty`.
///
/// In PagerDuty, add the integration *Events API V2* to a service. Its *Integration Key* is the routing key, a secret.
///
/// An alert has one incident, whatever instance or release tells it: a repeat adds to it, and the end of the alert closes it. What
/// the application says opens one, until somebody closes it; so does a test. A deployment is a change event, and calls nobody.
///
/// ```
/// use tower_vitals::notify::{Notifiers, PagerDuty};
///
/// let pagerduty = PagerDuty::new("0123456789abcdef0123456789abcdef")?;
/// let notifiers = Notifiers::new().notifier(pagerduty);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct PagerDuty {
    name: String,
    client: Client,
    key: Secret,
    enqueue: Address,
    change: Address,
}

// === impl PagerDuty ===

impl PagerDuty {
    /// Opens incidents with this routing key.
    ///
    /// # Errors
    ///
    /// If the key is empty, or has other characters than visible ones of ASCII. The error does not show it.
    pub fn new(routing_key: &str) -> Result<Self, ConfigError> {
        Self::at(Client::new(), "pagerduty.routing_key", routing_key)
    }

    /// Another address than `https://events.pagerduty.com`, such as `https://events.eu.pagerduty.com`.
    ///
    /// # Errors
    ///
    /// If the address is not `https://`, or `http://` to this machine, or has a query.
    pub fn url(self, base: &str) -> Result<Self, ConfigError> {
        self.below("pagerduty.url", base)
    }

    /// The name in routes and metrics, which no other notifier may have, so that there can be several services. One with another name
    /// gets deployments by its routes alone. Defaults to `pagerduty`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Asks this HTTP proxy for each connection: `http://user:password@proxy.example.com:3128`. Defaults to none, also where
    /// `HTTPS_PROXY` is set, and with [`from_env`](Self::from_env) to `MONITORING_PROXY`.
    ///
    /// # Errors
    ///
    /// If it is no such address. The error does not show it.
    pub fn proxy(self, proxy: &str) -> Result<Self, ConfigError> {
        let client = Client::through("pagerduty.proxy", proxy)?;
        Ok(Self { client, ..self })
    }

    /// Opens incidents with the key of `PAGERDUTY_ROUTING_KEY`, or of the file `PAGERDUTY_ROUTING_KEY_FILE`. `PAGERDUTY_URL` is another
    /// address than `https://events.pagerduty.com`. `None` if there is no key.
    ///
    /// `PAGERDUTY_API_KEY` is the key of another API. If only that is set, one line at `WARN` says so.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new) and [`url`](Self::url), and if the file cannot be read.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(super) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(key) = environment.secret(KEY)? else {
            if environment.get(OTHER_KEY).is_some() {
                tracing::warn!(
                    target: "tower_vitals",
                    "{OTHER_KEY} is not used: events need the integration key of a service, in {KEY}"
                );
            }
            return Ok(None);
        };
        let client = Client::from_environment(environment)?;
        let pagerduty = Self::at(client, KEY, &key)?;
        Ok(Some(match environment.get(URL) {
            Some(base) => pagerduty.below(URL, &base)?,
            None => pagerduty,
        }))
    }

    fn at(client: Client, field: &str, key: &str) -> Result<Self, ConfigError> {
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let reason = "expected the integration key of a service, such as 32 letters and digits";
            return Err(ConfigError::new(field, "…", reason));
        }
        let base = Address::parse("pagerduty.url", BASE)?;
        Ok(Self {
            name: "pagerduty".to_owned(),
            client,
            key: Secret::new(key),
            enqueue: base.below("pagerduty.url", message::ENQUEUE)?,
            change: base.below("pagerduty.url", message::CHANGE)?,
        })
    }

    fn below(self, field: &str, base: &str) -> Result<Self, ConfigError> {
        let base = Address::parse(field, base)?;
        Ok(Self {
            enqueue: base.below(field, message::ENQUEUE)?,
            change: base.below(field, message::CHANGE)?,
            ..self
        })
    }
}

impl Notifier for PagerDuty {
    fn name(&self) -> &str {
        &self.name
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        // There is one: see `at_once`.
        for one in all {
            let event = message::event(one);
            let address = match event.path {
                message::CHANGE => &self.change,
                _ => &self.enqueue,
            };
            let body = event.body(&self.key);
            self.client.post_json(address, body.as_bytes(), timeout)?;
        }
        Ok(())
    }

    fn at_once(&self) -> usize {
        message::AT_ONCE
    }
}

#[cfg(test)]
mod tests;
