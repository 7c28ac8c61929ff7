//! Tells a channel of Slack, by an incoming webhook.

mod message;

use std::time::Duration;

use super::{
    address::Address,
    http::Client,
    notification::Notification,
    notifier::{Notifier, NotifyError},
};
use crate::config::{ConfigError, Environment};

const VARIABLE: &str = "SLACK_WEBHOOK_URL";

/// Tells a channel of Slack. Its name in routes is `slack`.
///
/// In Slack, create an app with *Incoming Webhooks* and add a webhook to the channel. Its address is a secret.
///
/// A message is one attachment with the colour of the severity: critical `#FF0000`, warning `#FFA500`, info `#0000FF`, ended
/// `#2EB886`, test `#808080`. What stands above it is the summary, which is also what a phone shows. Several notifications in one
/// second are one message. Texts are cut at the limits of Slack, and nothing in them is a mention or a link.
///
/// ```
/// use tower_vitals::notify::{Notifiers, Slack};
///
/// let slack = Slack::new("https://hooks.slack.com/services/T0/B0/secret")?;
/// let notifiers = Notifiers::new().notifier(slack);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Slack {
    name: String,
    client: Client,
    webhook: Address,
}

// === impl Slack ===

impl Slack {
    /// Tells the channel of this webhook.
    ///
    /// # Errors
    ///
    /// If the address is not `https://`, or `http://` to this machine. The error does not show it.
    pub fn new(webhook: &str) -> Result<Self, ConfigError> {
        Self::at(Client::new(), "slack.webhook", webhook)
    }

    /// The name in routes and metrics, which no other notifier may have, so that there can be several channels. Defaults to `slack`.
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
        let client = Client::through("slack.proxy", proxy)?;
        Ok(Self { client, ..self })
    }

    /// Tells the channel of `SLACK_WEBHOOK_URL`, or of the address in the file `SLACK_WEBHOOK_URL_FILE`. `None` if neither is set.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and if the file cannot be read.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(super) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        let Some(webhook) = environment.secret(VARIABLE)? else {
            return Ok(None);
        };
        let client = Client::from_environment(environment)?;
        Self::at(client, VARIABLE, &webhook).map(Some)
    }

    fn at(client: Client, field: &str, webhook: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            name: "slack".to_owned(),
            client,
            webhook: Address::parse(field, webhook)?,
        })
    }
}

impl Notifier for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let body = message::message(all).to_string();
        self.client
            .post_json(&self.webhook, body.as_bytes(), timeout)
    }
}

#[cfg(test)]
mod tests;
