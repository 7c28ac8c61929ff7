//! Asks a running service for its health, for a person, a script or a container's `HEALTHCHECK`, and records deployments.
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

mod check;
#[cfg(feature = "sentry")]
mod deploy;
mod http;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

pub use self::check::Check;
#[cfg(feature = "sentry")]
pub use self::deploy::Deploy;

/// Asks a service for its health.
#[derive(Debug, Parser)]
#[command(name = "vitals", version, about)]
enum Command {
    /// Reads the health of a service. Exits with 0 if it is healthy or degraded, with 1 if not, and with 2 if nobody answers
    /// or the arguments are wrong.
    Check(Check),
    /// Records a deployment in Sentry. Exits with 0 if Sentry took it, else with 2.
    #[cfg(feature = "sentry")]
    Deploy(Deploy),
}

/// The command `vitals`, from its arguments to its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match Command::parse() {
        Command::Check(check) => check.run(),
        #[cfg(feature = "sentry")]
        Command::Deploy(deploy) => deploy.run(),
    }
}

/// Reads a duration such as `10`, `10s` or `500ms`. Zero is refused.
fn duration(text: &str) -> Result<Duration, String> {
    let parse = |digits: &str| {
        digits
            .parse::<u64>()
            .map_err(|_| "expected 10, 10s or 500ms".to_owned())
    };
    let duration = if let Some(millis) = text.strip_suffix("ms") {
        Duration::from_millis(parse(millis)?)
    } else {
        Duration::from_secs(parse(text.strip_suffix('s').unwrap_or(text))?)
    };
    (!duration.is_zero())
        .then_some(duration)
        .ok_or_else(|| "must be longer than zero".into())
}
