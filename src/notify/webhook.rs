//! Tells a webhook, in the format of Alertmanager's webhooks.

mod message;

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::{
    address::Address,
    http::{Client, JSON, Post},
    notification::Notification,
    notifier::{Notifier, NotifyError},
    secret::Secret,
    signature::{self, Signer},
};
use crate::{
    config::{ConfigError, Environment},
    statistics::WallTime,
    timestamp,
};

const URL: &str = "WEBHOOK_URL";
const SECRET: &str = "WEBHOOK_SECRET";

/// Tells a webhook, in version 4 of the format of Alertmanager's webhooks. Its name in routes is `webhook`.
///
/// Each alert has the annotation `kind`: `firing`, `repeated`, `escalated`, `resolved`, `said`, `deployed` or `test`.
///
/// With a [secret](Self::secret), each request has the header `x-vitals-signature: t=1800000000,v1=HEX`. `HEX` is the HMAC-SHA256 of
/// `1800000000.` and the body. A receiver computes it again, compares in constant time, and refuses what is older than five
/// minutes. Each attempt is signed with its own time.
///
/// ```
/// use tower_vitals::notify::{Notifiers, Webhook};
///
/// let webhook = Webhook::new("https://hooks.example.com/alerts")?;
/// let webhook = webhook.secret("a long secret")?;
/// let other = Webhook::new("https://other.example.com/")?.name("other");
/// let notifiers = Notifiers::new().notifier(webhook).notifier(other);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Webhook {
    name: String,
    client: Client,
    url: Address,
    signer: Option<Signer>,
}

// === impl Webhook ===

impl Webhook {
    /// Tells the server at this address.
    ///
    /// # Errors
    ///
    /// If the address is not `https://`, or `http://` to this machine. The error does not show it.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::at(Client::new(), "webhook.url", url)
    }

    /// Signs what is sent with this secret. Defaults to no signature.
    ///
    /// # Errors
    ///
    /// If the secret is empty.
    pub fn secret(self, secret: &str) -> Result<Self, ConfigError> {
        let signer = Some(Signer::new(&Secret::new(secret))?);
        Ok(Self { signer, ..self })
    }

    /// The name in routes and metrics, which no other notifier may have. Defaults to `webhook`.
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
        let client = Client::through("webhook.proxy", proxy)?;
        Ok(Self { client, ..self })
    }

    /// Tells the server at `WEBHOOK_URL`, and signs with `WEBHOOK_SECRET`, if that is set. Each can be in a file: `WEBHOOK_URL_FILE`,
    /// `WEBHOOK_SECRET_FILE`. `None` if there is no address.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), if a file cannot be read, and if there is a secret without an address.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        Self::from_environment(&Environment::process())
    }

    pub(super) fn from_environment(
        environment: &Environment<'_>,
    ) -> Result<Option<Self>, ConfigError> {
        let secret = environment.secret(SECRET)?;
        let url = match &secret {
            Some(_) => Some(environment.needed_secret(URL, SECRET)?),
            None => environment.secret(URL)?,
        };
        let Some(url) = url else {
            return Ok(None);
        };
        let client = Client::from_environment(environment)?;
        let webhook = Self::at(client, URL, &url)?;
        match secret {
            Some(secret) => webhook.secret(&secret).map(Some),
            None => Ok(Some(webhook)),
        }
    }

    fn at(client: Client, field: &str, url: &str) -> Result<Self, ConfigError> {
        Ok(Self {
            name: "webhook".to_owned(),
            client,
            url: Address::parse(field, url)?,
            signer: None,
        })
    }

    /// The header of the signature.
    fn signature(&self, body: &[u8]) -> Option<(HeaderName, HeaderValue)> {
        let now = WallTime::new(timestamp::since_1970());
        let signature = self.signer.as_ref()?.header(now, body);
        // It has digits and letters only.
        let value = HeaderValue::from_str(&signature).ok()?;
        Some((HeaderName::from_static(signature::HEADER), value))
    }
}

impl Notifier for Webhook {
    fn name(&self) -> &str {
        &self.name
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let body = message::message(all, &self.name).to_string();
        let body = body.as_bytes();
        let headers: Vec<_> = [JSON].into_iter().chain(self.signature(body)).collect();
        let post = Post {
            address: &self.url,
            headers: &headers,
            body,
        };
        self.client.post(post, timeout).map(drop)
    }
}

#[cfg(test)]
mod tests;
