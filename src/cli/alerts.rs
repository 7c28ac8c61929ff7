//! Shows the alerts of a running service: the subcommand `alerts`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Api, Failure, Output},
    table::{between, columns, text},
};

/// The subcommand `alerts`.
#[derive(Args, Clone, Debug)]
pub struct Alerts {
    /// How far the history reaches back, in hours: 1 to 168
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=168))]
    hours: u16,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

// === impl Alerts ===

impl Alerts {
    /// Asks, prints the tables, and returns the exit code: 0, or 1 if an alert fires, or 2 if the service gave no answer.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.ask() {
            Ok((active, history)) => {
                let fires = list(&active).iter().any(|alert| alert["state"] == "firing");
                let both = json!({ "active": active, "history": history });
                self.output.print(&both, || tables(&active, &history));
                ExitCode::from(u8::from(fires))
            }
            Err(failure) => failure.tell(2),
        }
    }

    fn ask(&self) -> Result<(Value, Value), Failure> {
        let active = self.api.json("/alerts/active?state=all", None)?;
        let history = self
            .api
            .json(&format!("/alerts?hours={}", self.hours), None)?;
        Ok((active, history))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn tables(active: &Value, history: &Value) -> String {
    let heads = |all: &[&str]| all.iter().map(ToString::to_string).collect();
    let mut now = vec![heads(&[
        "STATE",
        "SEVERITY",
        "ALERT",
        "LABELS",
        "SINCE",
        "BY",
        "FINGERPRINT",
        "MESSAGE",
    ])];
    now.extend(list(active).iter().map(|alert| {
        vec![
            text(&alert["state"]),
            text(&alert["severity"]),
            text(&alert["name"]),
            labels(&alert["labels"]),
            text(&alert["timestamp"]),
            text(&alert["acknowledged_by"]),
            text(&alert["fingerprint"]),
            text(&alert["message"]),
        ]
    }));
    let mut before = vec![heads(&[
        "BEGAN", "LASTED", "SEVERITY", "ALERT", "LABELS", "ENDED BY", "MESSAGE",
    ])];
    before.extend(list(history).iter().map(|alert| {
        let lasted = match alert["resolved_at"].is_null() {
            true => "fires".to_owned(),
            false => between(&alert["timestamp"], &alert["resolved_at"]),
        };
        vec![
            text(&alert["timestamp"]),
            lasted,
            text(&alert["severity"]),
            text(&alert["name"]),
            labels(&alert["labels"]),
            text(&alert["resolve_reason"]),
            text(&alert["message"]),
        ]
    }));
    let table = |rows: &[Vec<String>], none: &str| match rows.len() {
        1 => format!("{none}\n"),
        _ => columns(rows),
    };
    format!(
        "{}\n{}",
        table(&now, "no alert is active"),
        table(&before, "no alert fired in this time")
    )
}

fn labels(labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten();
    let labels: Vec<_> = labels
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    match labels.is_empty() {
        true => "-".to_owned(),
        false => labels.join(","),
    }
}
