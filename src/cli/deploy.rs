//! Records a deployment in Sentry: the subcommand `deploy`.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use super::{LONGEST_LINE, duration, given};
use crate::{release::Release, sentry::SentryOptions, text::printable, vitals::Deployment};

/// The subcommand `deploy`. `SENTRY_DSN` has the address.
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
#[derive(Args, Clone, Debug)]
pub struct Deploy {
    /// The version that runs now [default: SENTRY_RELEASE, APP_VERSION or VERSION]
    #[arg(long)]
    version: Option<String>,
    /// The environment [default: SENTRY_ENVIRONMENT or ENVIRONMENT, else production]
    #[arg(long)]
    environment: Option<String>,
    /// Who deployed it [default: DEPLOYED_BY, else automated]
    #[arg(long)]
    by: Option<String>,
    /// What has changed
    #[arg(long, default_value = "")]
    changes: String,
    /// How long to wait: `10`, `10s` or `500ms`, at most 1 hour
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

// === impl Deploy ===

impl Deploy {
    /// Sends the event, prints whether Sentry took it, and returns the exit code.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        // Nobody can be told that the output was not printed.
        match self.send() {
            Ok(deployed) => {
                let _ = writeln!(io::stdout(), "✓ {}", printable(&deployed, LONGEST_LINE));
                ExitCode::SUCCESS
            }
            Err(error) => {
                let _ = writeln!(io::stderr(), "✗ {}", printable(&error, LONGEST_LINE));
                ExitCode::from(2)
            }
        }
    }

    fn send(&self) -> Result<String, String> {
        let known = Release::from_env();
        let version = given(self.version.as_deref()).map(str::to_owned);
        let version = version.or(known.version);
        let version = version.ok_or(
            "--version: none given, and neither SENTRY_RELEASE, APP_VERSION nor VERSION is set",
        )?;
        let environment = given(self.environment.as_deref()).unwrap_or(&known.environment);
        let deployment = Deployment::new(&version).changes(&self.changes);
        let deployment = match given(self.by.as_deref()) {
            Some(by) => deployment.by(by),
            None => deployment,
        };
        let options = SentryOptions::from_env().map_err(|error| error.to_string())?;
        let sent = options
            .send(&deployment.notice(environment), self.timeout)
            .map_err(|error| error.to_string())?;
        match sent {
            Some(true) => Ok(format!("{version} in {environment}")),
            Some(false) => Err("Sentry did not take it".into()),
            None => Err("SENTRY_DSN: not set, so there is nobody to tell".into()),
        }
    }
}
