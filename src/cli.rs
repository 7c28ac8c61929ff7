//! Asks a running service for its health, for a person, a script or a container's `HEALTHCHECK`, for its alerts, its rules and its
//! dashboards, and for what is wrong with it. Records deployments.
//!
//! The command `vitals` is [`main`]. An application with a command line of its own adds [`Check`] as a subcommand:
//!
//! ```no_run
//! use clap::Parser;
//! use tower_vitals::cli::Check;
//!
//! #[derive(Parser)]
//! enum Command {
//!     Serve,
//!     Check(Check),
//! }
//!
//! # fn main() -> std::process::ExitCode {
//! match Command::parse() {
//!     Command::Serve => std::process::ExitCode::SUCCESS,
//!     Command::Check(check) => check.run(),
//! }
//! # }
//! ```

mod alerts;
mod api;
mod check;
mod dashboards;
#[cfg(feature = "sentry")]
mod deploy;
#[cfg(feature = "health")]
mod direct;
mod doctor;
mod http;
mod instances;
mod k8s;
mod report;
mod rules;
mod silence;
mod status;
mod table;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

#[cfg(feature = "sentry")]
pub use self::deploy::Deploy;
pub use self::{
    alerts::Alerts,
    check::Check,
    dashboards::Dashboards,
    doctor::Doctor,
    k8s::K8s,
    rules::Rules,
    silence::{Acknowledge, Silence},
    status::Status,
};

/// Asks a service for its health.
#[derive(Debug, Parser)]
#[command(name = "vitals", version, about)]
enum Command {
    /// Reads the health of a service. Exits with 0 if it is healthy or degraded, with 1 if not, and with 2 if nobody answers
    /// or the arguments are wrong.
    Check(Check),
    /// Shows how a running service does. Exits with 1 if a critical alert fires or the service is not healthy, with 2 if it gives no
    /// answer, else with 0.
    Status(Status),
    /// Shows the alerts of a running service. Exits with 1 if one fires, with 2 if the service gives no answer, else with 0.
    Alerts(Alerts),
    /// Tells nobody of an alert for a while. Exits with 0 if that is done, with 1 if the service refuses, with 2 if it gives no answer.
    Silence(Silence),
    /// Notes that somebody has seen an alert. Exits as `silence`.
    Ack(Acknowledge),
    /// Looks for what is wrong with a running service. Exits with 0 if there is no problem, with 1 if there is one, with 2 if nobody
    /// answers or the arguments are wrong.
    Doctor(Doctor),
    /// Prints the rules of a running service as a file for Prometheus. Exits with 0 if the service gave it, else with 2.
    Rules(Rules),
    /// Prints what Kubernetes and Docker need to run a service, from its own settings. Exits with 0 if the service gave it, else
    /// with 2.
    K8s(K8s),
    /// Writes the dashboards of a running service for Grafana. Exits with 0 if all files are written, else with 2.
    Dashboards(Dashboards),
    /// Records a deployment in Sentry. Exits with 0 if Sentry took it, else with 2.
    #[cfg(feature = "sentry")]
    Deploy(Deploy),
}

/// The command `vitals`, from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match Command::parse() {
        Command::Check(check) => check.run(),
        Command::Status(status) => status.run(),
        Command::Alerts(alerts) => alerts.run(),
        Command::Silence(silence) => silence.run(),
        Command::Ack(ack) => ack.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Rules(rules) => rules.run(),
        Command::K8s(k8s) => k8s.run(),
        Command::Dashboards(dashboards) => dashboards.run(),
        #[cfg(feature = "sentry")]
        Command::Deploy(deploy) => deploy.run(),
    }
}

/// The most bytes of a line about the command's own work.
const LONGEST_LINE: usize = 2_000;

/// The longest time that a command may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// The time that a command waits by default.
const WAIT: Duration = Duration::from_secs(10);

/// Reads a duration such as `10`, `10s` or `500ms`. Zero and over an hour are refused. An empty text means the default: an
/// empty variable counts as unset.
fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return Ok(WAIT);
    }
    let (digits, unit): (_, fn(u64) -> Duration) = match text.strip_suffix("ms") {
        Some(digits) => (digits, Duration::from_millis),
        None => (text.strip_suffix('s').unwrap_or(&text), Duration::from_secs),
    };
    let number = digits.parse().map_err(|_| "expected 10, 10s or 500ms")?;
    let duration = unit(number);
    if duration.is_zero() {
        return Err("must be longer than zero".into());
    }
    if duration > LONGEST_WAIT {
        return Err("must be at most 3600s".into());
    }
    Ok(duration)
}

/// The value of an argument or a variable, trimmed. An empty one counts as unset.
fn given(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_more_than_nothing_and_at_most_an_hour() {
        for (text, millis) in [
            ("10", 10_000),
            ("10s", 10_000),
            (" 10S ", 10_000),
            ("500ms", 500),
            ("3600s", 3_600_000),
            ("3600000MS", 3_600_000),
            ("", 10_000),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(millis)),
                "{text:?}"
            );
        }
        for text in [
            "0", "0ms", "-1", "1.5", "s", "ms", "soon", "1h", "10 s", "3601",
        ] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        for text in [
            "18446744073709551615s",
            "18446744073709551615ms",
            "3600001ms",
        ] {
            assert_eq!(duration(text), Err("must be at most 3600s".into()));
        }
        let huge = duration("18446744073709551616s").unwrap_err();
        assert_eq!(huge, "expected 10, 10s or 500ms");
    }
}
