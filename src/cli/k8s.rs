//! Fetches what a running service generates for Kubernetes and Docker: the subcommand `k8s`.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use form_urlencoded::byte_serialize;

use super::{api::Api, rules::print};

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
    #[command(flatten)]
    api: Api,
    /// Which file is printed
    #[arg(long, value_enum, default_value_t = Part::Deployment)]
    part: Part,
    /// Where the application listens [default: 8000]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// The image of the service [default: none]
    #[arg(long)]
    image: Option<String>,
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
        print(self.api.text(&path))
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
