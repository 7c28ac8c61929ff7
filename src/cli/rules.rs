//! Fetches what a running service generates for Prometheus and Alertmanager: the subcommand `rules`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;

use super::{LONGEST_LINE, api::Api};
use crate::text::printable;

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
    #[command(flatten)]
    api: Api,
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
        self.api.text(&format!("/rules.yml?part={part}"))
    }
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
