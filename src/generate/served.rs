//! Holds how a service is served: where probes and metrics are, how often its checks are asked, how it ends.

use std::{net::SocketAddr, time::Duration};

/// The port that `vitals check` asks by default.
const PORT: u16 = 8_000;

/// How a service is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    /// Where the application listens.
    pub(crate) port: u16,
    pub(crate) image: Option<String>,
    /// The port of its own for probes and metrics.
    pub(crate) admin: Option<SocketAddr>,
    /// The application's port has them, too.
    pub(crate) keep_routes: bool,
    pub(crate) probes: Option<Probes>,
    /// Whether `/metrics` is served.
    pub(crate) metrics: bool,
    /// How long readiness fails before the server stops to accept connections.
    pub(crate) drain_delay: Duration,
    /// How long the server may take to end.
    pub(crate) deadline: Duration,
}

/// Where the probes are, and what they tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probes {
    pub(crate) live: Option<String>,
    pub(crate) ready: Option<String>,
    pub(crate) startup: Option<String>,
    /// What the application has at `/health` by default.
    pub(crate) health: Option<String>,
    /// The times of the critical checks that are asked.
    pub(crate) critical: Vec<Asked>,
}

/// How a check is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// How many failures in a row make it unhealthy.
    pub(crate) failures: u32,
}

// === impl Served ===

impl Default for Served {
    fn default() -> Self {
        Self {
            port: PORT,
            image: None,
            admin: None,
            keep_routes: false,
            probes: Some(Probes::default()),
            metrics: true,
            drain_delay: Duration::from_secs(5),
            deadline: Duration::from_secs(25),
        }
    }
}

impl Served {
    /// The name of the port with the probes: with both, that of the application, so that they fail when it does not answer.
    pub(super) const fn probe_port(&self) -> &'static str {
        match self.admin {
            Some(_) if !self.keep_routes => ADMIN,
            _ => APPLICATION,
        }
    }

    /// The name of the port with the metrics.
    pub(super) const fn metrics_port(&self) -> &'static str {
        match self.admin {
            Some(_) => ADMIN,
            None => APPLICATION,
        }
    }

    /// The number of a port.
    pub(super) fn number(&self, name: &str) -> u16 {
        let admin = self.admin.filter(|_| name == ADMIN);
        admin.map_or(self.port, |address| address.port())
    }

    /// Both ports, by their names.
    pub(super) fn ports(&self) -> impl Iterator<Item = (&'static str, u16)> {
        let admin = self.admin.map(|address| (ADMIN, address.port()));
        std::iter::once((APPLICATION, self.port)).chain(admin)
    }

    /// Why nobody outside of the container reaches the admin port.
    pub(super) fn hidden(&self) -> Option<String> {
        let sentence = "The admin port is on a loopback address, which nothing outside of the container reaches: set MONITORING_ADDR to 0.0.0.0 and its port.";
        let hidden = self.admin.filter(|address| address.ip().is_loopback());
        hidden.map(|_| sentence.to_owned())
    }

    /// Why there is nothing to be scraped where the metrics should be.
    pub(super) fn why_not_scraped(&self) -> Vec<String> {
        let sentence = "The service publishes its metrics by a recorder of its own: say where.";
        let missing = (!self.metrics).then(|| sentence.to_owned());
        self.hidden().into_iter().chain(missing).collect()
    }
}

/// The name of the port of the application.
const APPLICATION: &str = "http";

/// The name of the admin port.
const ADMIN: &str = "monitoring";

// === impl Probes ===

impl Default for Probes {
    fn default() -> Self {
        let path = |path: &str| Some(path.to_owned());
        Self {
            live: path("/livez"),
            ready: path("/readyz"),
            startup: path("/startupz"),
            health: path("/health"),
            critical: Vec::new(),
        }
    }
}
