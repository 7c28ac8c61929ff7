//! Shows the alerts of a running service: the subcommand `alerts`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Api, Failure, List, Output},
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
            Ok([active, history]) => {
                // Those that fire come first, so that one is in the list if one fires.
                let mut alerts = active.entries().iter();
                let fires = alerts.any(|alert| alert["state"] == "firing");
                let all = json!({
                    "active": active.value,
                    "active_left_out": active.left_out,
                    "history": history.value,
                    "history_left_out": history.left_out,
                });
                self.output.print(&all, || tables(&active, &history));
                ExitCode::from(u8::from(fires))
            }
            Err(failure) => failure.tell(2),
        }
    }

    fn ask(&self) -> Result<[List; 2], Failure> {
        let active = self.api.list("/alerts/active?state=all")?;
        let history = self.api.list(&format!("/alerts?hours={}", self.hours))?;
        Ok([active, history])
    }
}

fn tables(active: &List, history: &List) -> String {
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
    now.extend(active.entries().iter().map(|alert| {
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
    now.extend(active.rest());
    let mut before = vec![heads(&[
        "BEGAN", "LASTED", "SEVERITY", "ALERT", "LABELS", "ENDED BY", "MESSAGE",
    ])];
    before.extend(history.entries().iter().map(|alert| {
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
    before.extend(history.rest());
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
