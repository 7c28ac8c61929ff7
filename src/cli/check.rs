//! Asks a running service for its health: the subcommand `check`.

use std::{
    env,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, ValueEnum};
use serde_json::Value;
use tokio::time::Instant;

use super::{duration, http};
use crate::{config::Environment, text::push_printable};

/// The subcommand `check`.
#[derive(Args, Clone, Debug)]
pub struct Check {
    /// The address of the health [default: http://HOST:PORT/health, with 127.0.0.1 and 8000 for those]
    #[arg(long, env = "HEALTH_URL")]
    url: Option<String>,
    /// Looks only at this check; can be repeated
    #[arg(long, value_name = "NAME")]
    check: Vec<String>,
    /// Leaves this check out; can be repeated
    #[arg(long, value_name = "NAME")]
    exclude: Vec<String>,
    /// How long to wait: `10`, `10s` or `500ms`
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// Shows each check, and the address that was asked
    #[arg(long)]
    verbose: bool,
    /// Exits with 1 also if the service is degraded
    #[arg(long)]
    strict: bool,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The answer of a service.
struct Report {
    status: String,
    /// Name and label.
    checks: Vec<(String, String)>,
    body: Value,
}

// === impl Check ===

impl Check {
    /// Asks, prints the answer, and returns the exit code.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let url = self.url();
        let began = Instant::now();
        match self.ask(&url) {
            Ok(report) => {
                let code = self.judge(&report);
                self.print(&report, &url, began.elapsed());
                ExitCode::from(code)
            }
            Err(error) => {
                // Nobody can be told that the error was not printed.
                let _ = writeln!(io::stderr(), "✗ {url}: {error}");
                ExitCode::from(2)
            }
        }
    }

    /// The address to ask. An empty one is as unset: a shell can export a variable that it does not have.
    fn url(&self) -> String {
        let variable = |name, default: &str| {
            let value = Environment::process().get(name);
            value.unwrap_or_else(|| default.into())
        };
        let given = self.url.clone().filter(|url| !url.is_empty());
        given.unwrap_or_else(|| {
            let host = match variable("HOST", "127.0.0.1").as_str() {
                // A server that listens on every address is asked on this one.
                "0.0.0.0" | "::" | "[::]" => "127.0.0.1".to_owned(),
                host => host.to_owned(),
            };
            format!("http://{host}:{}/health", variable("PORT", "8000"))
        })
    }

    fn ask(&self, url: &str) -> Result<Report, String> {
        let mut target = url.to_owned();
        for name in &self.exclude {
            let sign = if target.contains('?') { '&' } else { '?' };
            target.push(sign);
            target.push_str(&format!("exclude={name}"));
        }
        let (code, body) = http::get(&target, self.timeout)?;
        let body: Value = serde_json::from_str(&body)
            .map_err(|_| format!("HTTP {code}, and no JSON: is this the health's address?"))?;
        let status = body["status"].as_str().ok_or("the answer has no status")?;
        let checks = body["checks"].as_object().into_iter().flatten();
        let checks: Vec<_> = checks
            .map(|(name, value)| (name.clone(), word(value)))
            .collect();
        for name in &self.check {
            if !checks.iter().any(|(known, _)| known == name) {
                let known: Vec<_> = checks.iter().map(|(name, _)| name.as_str()).collect();
                return Err(format!(
                    "no check {name:?}; there are: {}",
                    known.join(", ")
                ));
            }
        }
        Ok(Report {
            status: status.to_owned(),
            checks,
            body,
        })
    }

    /// The chosen checks. All if none was chosen.
    fn wanted<'r>(&self, report: &'r Report) -> impl Iterator<Item = &'r (String, String)> {
        let all = self.check.is_empty();
        report
            .checks
            .iter()
            .filter(move |(name, _)| all || self.check.contains(name))
    }

    fn judge(&self, report: &Report) -> u8 {
        let degraded = if self.strict { 1 } else { 0 };
        if self.check.is_empty() {
            return match report.status.as_str() {
                "healthy" | "ok" | "pass" => 0,
                "degraded" | "warn" => degraded,
                _ => 1,
            };
        }
        let each = self.wanted(report).map(|(_, word)| match word.as_str() {
            "degraded" => degraded,
            word if is_well(word) => 0,
            _ => 1,
        });
        each.max().unwrap_or(0)
    }

    fn print(&self, report: &Report, url: &str, took: Duration) {
        let mut text = String::new();
        if self.format == Format::Json {
            text = format!("{}\n", report.body);
        } else {
            let colour = io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
            for (name, word) in self.wanted(report) {
                text.push_str(&mark(is_well(word), word == "degraded", colour));
                text.push_str(&format!(" {name} {word}\n"));
            }
            if self.check.is_empty() {
                let well = matches!(report.status.as_str(), "healthy" | "ok" | "pass");
                text.push_str(&mark(well, report.status == "degraded", colour));
                text.push_str(&format!(" {}\n", report.status));
            }
            if self.verbose {
                text.push_str(&format!("{url} answered in {took:.1?}\n"));
            }
        }
        // A reader that has left is not a failure of the service.
        let _ = io::stdout().write_all(text.as_bytes());
    }
}

fn mark(well: bool, degraded: bool, colour: bool) -> String {
    let (mark, code) = match (well, degraded) {
        (_, true) => ("!", 33),
        (true, _) => ("✓", 32),
        (false, _) => ("✗", 31),
    };
    if colour {
        format!("\x1b[{code}m{mark}\x1b[0m")
    } else {
        mark.into()
    }
}

/// Whether a label means healthy. A service chooses its labels, but those for a failure are known.
fn is_well(word: &str) -> bool {
    !matches!(
        word,
        "unavailable" | "unknown" | "unhealthy" | "fail" | "failed" | "error"
    ) && !word.starts_with("error")
}

/// The label of a check, which is a text or an object with a status. Escaped, since a terminal shows it.
fn word(value: &Value) -> String {
    let text = value
        .as_str()
        .or_else(|| value["status"].as_str())
        .unwrap_or("unknown");
    let mut word = String::new();
    push_printable(&mut word, text, 200);
    word
}
