//! Fetches what a running service generates for Kubernetes and Docker: the subcommand `k8s`.

use std::{process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use form_urlencoded::byte_serialize;

use super::{
    check::Token,
    duration,
    rules::{fetch, print},
};

/// The subcommand `k8s`.
///
/// ```no_run
/// use clap::Parser;
/// use tower_vitals::cli::K8s;
///
/// #[derive(Parser)]
/// enum Command {
///     K8s(K8s),
/// }
///
/// # fn main() -> std::process::ExitCode {
/// let Command::K8s(k8s) = Command::parse();
/// k8s.run()
/// # }
/// ```
#[derive(Args, Clone, Debug)]
pub struct K8s {
    /// The address of the monitoring API, http or https [default: http://127.0.0.1:8000/api/v1/monitoring]
    #[arg(long, env = "MONITORING_URL", hide_env_values = true)]
    url: Option<String>,
    /// The token of the monitoring API. Others can see an argument; use the variable
    #[arg(long, env = "MONITORING_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// Which file is printed
    #[arg(long, value_enum, default_value_t = Part::Deployment)]
    part: Part,
    /// Where the application listens [default: 8000]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The image of the service [default: none]
    #[arg(long)]
    image: Option<String>,
    /// How long to wait for everything: `10`, `10s` or `500ms`, at most 1 hour
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A Deployment with probes, ports and time to drain
    Deployment,
    /// A Service with the ports
    Service,
    /// A ServiceMonitor for the operator of Prometheus
    ServiceMonitor,
    /// A PodMonitor for the operator of Prometheus
    PodMonitor,
    /// A `HEALTHCHECK` for a Dockerfile
    Docker,
    /// A `docker-compose.yml` with Prometheus, Alertmanager and Grafana
    Compose,
    /// A `prometheus.yml` for it
    Prometheus,
}

// === impl K8s ===

impl K8s {
    /// Prints the file, and returns the exit code: 0 if the service gave it, else 2.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let mut path = format!("/kubernetes.yml?part={}", self.part.as_str());
        if let Some(port) = self.port {
            path.push_str(&format!("&port={port}"));
        }
        if let Some(image) = &self.image {
            path.push_str("&image=");
            path.extend(byte_serialize(image.as_bytes()));
        }
        let (url, token) = (self.url.as_deref(), self.token.as_ref());
        print(fetch(url, token, self.timeout, &path))
    }
}

// === impl Part ===

impl Part {
    /// As the monitoring API names it.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Service => "service",
            Self::ServiceMonitor => "service-monitor",
            Self::PodMonitor => "pod-monitor",
            Self::Docker => "docker",
            Self::Compose => "compose",
            Self::Prometheus => "prometheus",
        }
    }
}
