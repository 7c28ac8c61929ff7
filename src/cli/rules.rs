//! Fetches what a running service generates for Prometheus and Alertmanager: the subcommand `rules`.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Args;

use super::{LONGEST_LINE, check::Token, duration, given, http};
use crate::text::printable;

/// Where the monitoring API is by default.
const URL: &str = "http://127.0.0.1:8000/api/v1/monitoring";

/// The subcommand `rules`.
///
/// ```no_run
/// use clap::Parser;
/// use tower_vitals::cli::Rules;
///
/// #[derive(Parser)]
/// enum Command {
///     Rules(Rules),
/// }
///
/// # fn main() -> std::process::ExitCode {
/// let Command::Rules(rules) = Command::parse();
/// rules.run()
/// # }
/// ```
#[derive(Args, Clone, Debug)]
pub struct Rules {
    /// The address of the monitoring API, http or https [default: http://127.0.0.1:8000/api/v1/monitoring]
    #[arg(long, env = "MONITORING_URL", hide_env_values = true)]
    url: Option<String>,
    /// The token of the monitoring API. Others can see an argument; use the variable
    #[arg(long, env = "MONITORING_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// The rules of objectives: those of the service, else one of 99.9 %
    #[arg(long)]
    slo: bool,
    /// The tests of the rules, for `promtool test rules` beside a file `rules.yml`. With --slo those of the objectives, beside a file
    /// `slo.yml`
    #[arg(long)]
    tests: bool,
    /// The configuration of an Alertmanager
    #[arg(long, conflicts_with_all = ["slo", "tests"])]
    alertmanager: bool,
    /// How long to wait for everything: `10`, `10s` or `500ms`, at most 1 hour
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
}

// === impl Rules ===

impl Rules {
    /// Prints the file, and returns the exit code: 0 if the service gave it, else 2.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        print(self.ask())
    }

    fn ask(&self) -> Result<String, String> {
        let part = match (self.slo, self.tests, self.alertmanager) {
            (true, true, _) => "slo_tests",
            (true, ..) => "slo",
            (_, true, _) => "tests",
            (.., true) => "alertmanager",
            _ => "rules",
        };
        let (url, token) = (self.url.as_deref(), self.token.as_ref());
        fetch(url, token, self.timeout, &format!("/rules.yml?part={part}"))
    }
}

/// The text at this path of the monitoring API.
pub(super) fn fetch(
    url: Option<&str>,
    token: Option<&Token>,
    timeout: Duration,
    path: &str,
) -> Result<String, String> {
    let base = given(url).unwrap_or(URL).trim_end_matches('/');
    let token = given(token.map(Token::secret));
    let (status, body) = http::get(&format!("{base}{path}"), token, timeout)?;
    if status != 200 {
        let answer: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let reason = answer["error"]
            .as_str()
            .unwrap_or("is this the address of the monitoring API?");
        return Err(format!("HTTP {status}: {reason}"));
    }
    String::from_utf8(body).map_err(|_| "the answer is no text".to_owned())
}

/// Prints a file, or why there is none, and returns the exit code.
pub(super) fn print(file: Result<String, String>) -> ExitCode {
    match file {
        Ok(text) => match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            // Half a file is none.
            Err(_) => ExitCode::from(2),
        },
        Err(error) => {
            // Nobody can be told that something was not printed.
            let _ = writeln!(io::stderr(), "✗ {}", printable(&error, LONGEST_LINE));
            ExitCode::from(2)
        }
    }
}
