//! Gives the state of all alerts to Alertmanager.

mod message;

use std::time::Duration;

use http::{HeaderName, HeaderValue, header};
use tokio::time::Instant;

use super::{
    address::Address,
    http::{Client, JSON, Post},
    notification::Notification,
    notifier::{Notifier, NotifyError},
    retry::deadline,
};
use crate::{
    config::{ConfigError, Environment},
    statistics::WallTime,
    timestamp,
};

const URL: &str = "ALERTMANAGER_URL";

/// Gives the state of all alerts to Alertmanager, by its API version 2. Its name in routes is `alertmanager`.
///
/// It is told of each alert after each evaluation, as Prometheus does it, and for 15 minutes of each one that ended. Alertmanager
/// groups them and decides whom it tells, and how often. Instances of one service give the same labels, so they have one alert: see
/// [`several_instances`](Self::several_instances). If nobody tells of an alert for four evaluations, Alertmanager ends it.
///
/// The labels are `alertname`, `severity`, `service`, `environment` and those of the alert, and never `instance`.
///
/// ```
/// use tower_vitals::notify::{Alertmanager, Notifiers};
///
/// let alertmanager = Alertmanager::new("https://alertmanager.example.com")?;
/// let notifiers = Notifiers::new().notifier(alertmanager);
/// # Ok::<(), tower_vitals::config::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Alertmanager {
    client: Client,
    /// All of a cluster.
    all: Vec<Address>,
    headers: Vec<(HeaderName, HeaderValue)>,
    tells_ends: bool,
}

// === impl Alertmanager ===

impl Alertmanager {
    /// Tells the Alertmanager at this address, which can have a path before `/api/v2/alerts`.
    ///
    /// # Errors
    ///
    /// If the address is not `https://`, or `http://` to this machine, or has a query. The error does not show it.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        Self::at(Client::new(), "alertmanager.url", [url])
    }

    /// Another Alertmanager of the same cluster. All are told. It is enough if one of them took a message.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn and(mut self, url: &str) -> Result<Self, ConfigError> {
        self.all.push(address("alertmanager.url", url)?);
        Ok(self)
    }

    /// Several instances of the service tell the same Alertmanager. Then none tells of an end, and an alert ends when no instance has
    /// told of it for four evaluations. Otherwise an alert that fires in one instance and has ended in another one would end and begin
    /// after each evaluation, for 15 minutes. Defaults to one instance.
    #[must_use]
    pub fn several_instances(mut self) -> Self {
        self.tells_ends = false;
        self
    }

    /// The value of the header `authorization` in each request, such as `Bearer` and a token. Defaults to no such header.
    ///
    /// # Errors
    ///
    /// If it cannot be the value of a header. The error does not show it.
    pub fn authorization(mut self, value: &str) -> Result<Self, ConfigError> {
        let refused = |_| {
            let reason = "a header cannot carry it";
            ConfigError::new("alertmanager.authorization", "…", reason)
        };
        let value = HeaderValue::from_str(value).map_err(refused)?;
        self.headers
            .retain(|(name, _)| name != header::AUTHORIZATION);
        self.headers.push((header::AUTHORIZATION, value));
        Ok(self)
    }

    /// Asks this HTTP proxy for each connection: `http://user:password@proxy.example.com:3128`. Defaults to none, also where
    /// `HTTPS_PROXY` is set, and with [`from_env`](Self::from_env) to `MONITORING_PROXY`.
    ///
    /// # Errors
    ///
    /// If it is no such address. The error does not show it.
    pub fn proxy(self, proxy: &str) -> Result<Self, ConfigError> {
        let client = Client::through("alertmanager.proxy", proxy)?;
        Ok(Self { client, ..self })
    }

    /// Tells those at `ALERTMANAGER_URL`, or in the file `ALERTMANAGER_URL_FILE`: one address, or several with commas between
    /// them. `None` if neither is set.
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
        let Some(urls) = environment.secret(URL)? else {
            return Ok(None);
        };
        let client = Client::from_environment(environment)?;
        Self::at(client, URL, urls.split(',').map(str::trim)).map(Some)
    }

    fn at<'u>(
        client: Client,
        field: &str,
        urls: impl IntoIterator<Item = &'u str>,
    ) -> Result<Self, ConfigError> {
        let all = urls.into_iter().map(|url| address(field, url));
        Ok(Self {
            client,
            all: all.collect::<Result<_, _>>()?,
            headers: vec![JSON],
            tells_ends: true,
        })
    }
}

fn address(field: &str, url: &str) -> Result<Address, ConfigError> {
    Address::parse(field, url)?.below(field, message::PATH)
}

impl Notifier for Alertmanager {
    fn name(&self) -> &str {
        "alertmanager"
    }

    fn notify(&self, all: &[Notification], timeout: Duration) -> Result<(), NotifyError> {
        let now = WallTime::new(timestamp::since_1970());
        let Some(alerts) = message::alerts(all, now, self.tells_ends) else {
            return Ok(());
        };
        let body = alerts.to_string();
        let deadline = deadline(timeout);
        let mut errors = Vec::new();
        for (index, address) in self.all.iter().enumerate() {
            // One that hangs leaves time for the others.
            let others = (self.all.len() - index) as u32;
            let left = deadline.saturating_duration_since(Instant::now());
            let post = Post {
                address,
                headers: &self.headers,
                body: body.as_bytes(),
            };
            let told = self.client.post(post, left / others);
            errors.extend(told.err());
        }
        if errors.len() < self.all.len() {
            return Ok(());
        }
        // One that can be asked later is worth another attempt.
        let is_refused = |error: &NotifyError| matches!(error, NotifyError::Refused { .. });
        errors.sort_by_key(is_refused);
        errors.into_iter().next().map_or(Ok(()), Err)
    }

    fn at_once(&self) -> usize {
        256
    }

    fn takes_state(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
