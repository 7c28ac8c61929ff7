//! Silences and acknowledges alerts of a running service: the subcommands `silence` and `ack`.

use std::{collections::BTreeMap, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Api, Failure, Output},
    given,
    table::text,
};
use crate::{config::Environment, text::printable};

/// The most bytes of a line about what was done.
const LONGEST: usize = 500;

/// The subcommand `silence`.
#[derive(Args, Clone, Debug)]
pub struct Silence {
    /// The name of the alert, such as high_error_rate
    #[arg(required_unless_present = "end")]
    alert: Option<String>,
    /// How long: `30m`, `2h` or `1d`, at most 30 days
    #[arg(long = "for", value_name = "TIME", default_value = "1h")]
    lasts: String,
    /// A label that the alert must have as well, such as endpoint=/orders; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Why
    #[arg(long, default_value = "")]
    comment: String,
    /// Ends the silence with this number instead
    #[arg(long, value_name = "ID", conflicts_with_all = ["alert", "lasts", "label", "comment"])]
    end: Option<u64>,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

/// The subcommand `ack`.
#[derive(Args, Clone, Debug)]
pub struct Acknowledge {
    /// The fingerprint of an alert that fires, as `vitals alerts` shows it
    fingerprint: String,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

/// Who does it.
#[derive(Args, Clone, Debug)]
struct Who {
    /// Who does it [default: USER, else LOGNAME, else vitals]
    #[arg(long)]
    by: Option<String>,
}

// === impl Silence ===

impl Silence {
    /// Begins or ends the silence, says so, and returns the exit code: 0, or 1 if the service refused, or 2 if it gave no answer.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        if let Some(id) = self.end {
            let path = format!("/silences/{id}/end");
            return done((&self.api, self.output), &path, json!({}), |_| {
                format!("silence {id} has ended")
            });
        }
        let mut labels: BTreeMap<_, _> = self.label.iter().cloned().collect();
        let alert = self.alert.clone().unwrap_or_default();
        labels.insert("alert".to_owned(), alert.clone());
        let body = json!({
            "labels": labels,
            "lasts": self.lasts,
            "by": self.who.name(),
            "comment": self.comment,
        });
        done((&self.api, self.output), "/silences", body, |silence| {
            let (id, until) = (&silence["id"], text(&silence["until"]));
            format!("silence {id} of {alert} until {until}")
        })
    }
}

// === impl Acknowledge ===

impl Acknowledge {
    /// Notes it, says so, and returns the exit code: 0, or 1 if the service refused, or 2 if it gave no answer.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let fits = |one: char| one.is_ascii_alphanumeric();
        if !self.fingerprint.chars().all(fits) || self.fingerprint.is_empty() {
            let error = "the fingerprint has letters and digits alone".to_owned();
            return Failure::Nobody(error).tell(1);
        }
        let path = format!("/alerts/{}/ack", self.fingerprint);
        done(
            (&self.api, self.output),
            &path,
            json!({ "by": self.who.name() }),
            |alert| {
                let by = text(&alert["acknowledged_by"]);
                format!("{} is acknowledged by {by}", text(&alert["name"]))
            },
        )
    }
}

// === impl Who ===

impl Who {
    fn name(&self) -> String {
        let by = given(self.by.as_deref()).map(str::to_owned);
        by.or_else(|| Environment::process().first(&["USER", "LOGNAME"]))
            .unwrap_or_else(|| "vitals".to_owned())
    }
}

fn done(
    (api, output): (&Api, Output),
    path: &str,
    body: Value,
    said: impl FnOnce(&Value) -> String,
) -> ExitCode {
    match api.json(path, Some(body)) {
        Ok(answer) => {
            output.print(&answer, || {
                format!("✓ {}\n", printable(&said(&answer), LONGEST))
            });
            ExitCode::SUCCESS
        }
        Err(failure) => failure.tell(1),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected a label such as endpoint=/orders".to_owned()),
    }
}
