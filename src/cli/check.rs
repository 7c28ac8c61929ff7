//! Asks a running service for its health: the subcommand `check`.

use std::{
    convert::Infallible,
    fmt,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};

use clap::{Args, ValueEnum};
use form_urlencoded::byte_serialize;
use tokio::time::Instant;

#[cfg(feature = "health")]
use super::direct;
use super::{
    LONGEST_LINE, duration, given, http,
    report::{Report, Shown},
};
#[cfg(feature = "health")]
use crate::health::HealthBuilder;
use crate::{config::Environment, text::printable};

/// The subcommand `check`.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// The address of the health, http or https [default: http://HOST:PORT/health, with 127.0.0.1 and 8000 for those]
    #[arg(long, env = "HEALTH_URL", hide_env_values = true)]
    url: Option<String>,
    /// Looks only at this check; can be repeated
    #[arg(long, value_name = "NAME")]
    check: Vec<String>,
    /// Leaves this check out; can be repeated
    #[arg(long, value_name = "NAME")]
    exclude: Vec<String>,
    /// Runs checks in this process instead, before a service runs: the address in DATABASE_URL and in REDIS_URL, the memory, and the disk
    /// of the current folder if this build has the feature `disk`
    #[cfg(feature = "health")]
    #[arg(long)]
    direct: bool,
    /// How long to wait for everything: `10`, `10s` or `500ms`, at most 1 hour
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// The token of a reader of details. Others can see an argument; use the variable
    #[arg(long, env = "HEALTH_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// Shows the address that was asked, and the details of each check if the service shows them: how long its last answer
    /// took, how long ago it came, and its error
    #[arg(long)]
    verbose: bool,
    /// Exits with 1 also if the service is degraded
    #[arg(long)]
    strict: bool,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The format of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// A secret that is never shown.
#[derive(Clone)]
pub(super) struct Token(String);

// === impl Check ===

impl Check {
    /// Asks, prints the answer, and returns the exit code.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        #[cfg(feature = "health")]
        if self.direct {
            return match direct::of_environment(&Environment::process()) {
                Ok(health) => self.run_direct(health),
                Err(error) => refuse(&error),
            };
        }
        let url = self.url();
        let began = Instant::now();
        // Nobody can be told that something was not printed. A reader that has left is not a failure of the service.
        match self.ask(&url) {
            Ok((status, report)) => {
                let text = self.output(&report, &url, status, began.elapsed());
                let _ = io::stdout().write_all(text.as_bytes());
                ExitCode::from(report.judge(&self.check, self.strict))
            }
            Err(error) => refuse(&format!("{}: {error}", without_user(&url))),
        }
    }

    /// Runs the checks of an application once, before it serves, prints what they answered, and returns the exit code. The arguments
    /// choose checks and the output as for [`run`](Self::run).
    ///
    /// It blocks, and has a Tokio runtime of its own: call it outside of one.
    ///
    /// ```no_run
    /// use clap::Parser;
    /// use tower_vitals::{cli, health::{Check, Health}};
    ///
    /// #[derive(Parser)]
    /// enum Command {
    ///     Serve,
    ///     SelfCheck(cli::Check),
    /// }
    ///
    /// # fn main() -> std::process::ExitCode {
    /// let health = Health::builder().check(Check::tcp("database", "db:5432"));
    /// match Command::parse() {
    ///     Command::Serve => std::process::ExitCode::SUCCESS,
    ///     Command::SelfCheck(check) => check.run_direct(health),
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Within a Tokio runtime.
    #[cfg(feature = "health")]
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "health")))]
    #[must_use]
    pub fn run_direct(&self, health: HealthBuilder) -> ExitCode {
        let health = health.without(&self.exclude);
        let answer = direct::ask(health, self.timeout);
        let body = answer.map(|answer| answer.to_string().into_bytes());
        let report = body.and_then(|body| Report::read(200, &body, &self.check));
        match report {
            Ok(report) => {
                let _ = io::stdout().write_all(self.shown(&report).as_bytes());
                ExitCode::from(report.judge(&self.check, self.strict))
            }
            Err(error) => refuse(&error),
        }
    }

    /// The address to ask. An empty one is as unset: a shell can export a variable that it does not have.
    fn url(&self) -> String {
        let variable = |name, default: &str| {
            let value = Environment::process().get(name);
            value.unwrap_or_else(|| default.into())
        };
        let url = given(self.url.as_deref()).map(str::to_owned);
        url.unwrap_or_else(|| {
            let host = match variable("HOST", "127.0.0.1").as_str() {
                // A server that listens on every address is asked on this one.
                "0.0.0.0" | "::" | "[::]" => "127.0.0.1".to_owned(),
                bare if bare.contains(':') && !bare.starts_with('[') => format!("[{bare}]"),
                host => host.to_owned(),
            };
            format!("http://{host}:{}/health", variable("PORT", "8000"))
        })
    }

    /// The status of the answer, and what it says.
    fn ask(&self, url: &str) -> Result<(u16, Report), String> {
        let (url, _) = url.split_once('#').unwrap_or((url, ""));
        let mut target = url.to_owned();
        for name in &self.exclude {
            target.push(if target.contains('?') { '&' } else { '?' });
            target.push_str("exclude=");
            target.extend(byte_serialize(name.as_bytes()));
        }
        let token = self.token.as_ref().map(|Token(token)| token.trim());
        let token = token.filter(|token| !token.is_empty());
        let (status, body) = http::get(&target, token, self.timeout)?;
        let report = Report::read(status, &body, &self.check)?;
        Ok((status, report))
    }

    fn shown(&self, report: &Report) -> String {
        if self.format == Format::Json {
            return format!("{}\n", report.json());
        }
        let no_colour = Environment::process().get("NO_COLOR").is_some();
        report.text(Shown {
            chosen: &self.check,
            verbose: self.verbose,
            colour: io::stdout().is_terminal() && !no_colour,
        })
    }

    fn output(&self, report: &Report, url: &str, status: u16, took: Duration) -> String {
        let mut text = self.shown(report);
        if self.verbose && self.format == Format::Text {
            let url = printable(&without_user(url), LONGEST_LINE);
            text.push_str(&format!("{url} answered {status} in {took:.1?}\n"));
        }
        text
    }
}

// === impl Token ===

impl Token {
    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(token: &str) -> Result<Self, Infallible> {
        Ok(Self(token.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Says why nothing was asked, and returns the exit code.
fn refuse(error: &str) -> ExitCode {
    // Nobody can be told that it was not printed.
    let _ = writeln!(io::stderr(), "✗ {}", printable(error, LONGEST_LINE));
    ExitCode::from(2)
}

/// The address without a user and its password.
fn without_user(url: &str) -> String {
    let is_scheme = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        !text.is_empty() && text.chars().all(fits)
    };
    let parts = url
        .split_once("://")
        .filter(|(scheme, _)| is_scheme(scheme));
    let (scheme, rest) = parts.unwrap_or(("http", url));
    // A password can contain a slash, so the last sign counts, wherever it stands.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}"),
        None => url.to_owned(),
    }
}
