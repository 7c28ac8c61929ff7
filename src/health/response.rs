//! Writes the response of a probe: as JSON, as Kubernetes' text, or as `application/health+json`.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::state::{CheckReport, Status};
use crate::{text::millis, timestamp::rfc3339};

/// The format of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
    /// The draft `application/health+json`.
    HealthJson,
}

/// What a response shows.
pub(super) struct Report<'a> {
    /// The name of the probe, without its slash.
    pub(super) probe: &'a str,
    pub(super) status: Status,
    pub(super) checks: &'a [CheckReport],
    pub(super) draining: bool,
    pub(super) verbose: bool,
    /// The reader may see latencies and errors.
    pub(super) details: bool,
}

// === impl Format ===

impl Format {
    /// The format of a decoded name. A plus that was not encoded means a space there.
    pub(super) fn named(name: &str) -> Option<Self> {
        match &*name.to_ascii_lowercase() {
            "json" => Some(Self::Json),
            "text" => Some(Self::Text),
            "health+json" | "health json" => Some(Self::HealthJson),
            _ => None,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
            Self::HealthJson => "application/health+json",
        }
    }
}

// === impl Report ===

impl Report<'_> {
    pub(super) fn write(&self, format: Format) -> String {
        match format {
            Format::Json => format!("{}\n", self.json()),
            Format::Text => self.text(),
            Format::HealthJson => format!("{}\n", self.health_json()),
        }
    }

    fn json(&self) -> Value {
        let check = |check: &CheckReport| match self.details {
            false => Value::from(label(check)),
            true => json!({
                "status": check.status.as_str(),
                "role": format!("{:?}", check.role).to_lowercase(),
                "latency_ms": millis(check.latency),
                "age_ms": check.age.map(millis),
                "last_success": check.last_success.map(|at| rfc3339::text(at).to_string()),
                "error": check.error.as_deref(),
            }),
        };
        let each = self
            .checks
            .iter()
            .map(|one| (one.name.to_string(), check(one)));
        let checks: Map<String, Value> = each.collect();
        let mut report = json!({
            "status": self.status.as_str(),
            "timestamp": rfc3339::now().to_string(),
            "checks": checks,
        });
        if self.draining {
            report["draining"] = true.into();
        }
        report
    }

    fn health_json(&self) -> Value {
        let label = |status| match status {
            Status::Healthy => "pass",
            Status::Degraded => "warn",
            Status::Unknown | Status::Unhealthy => "fail",
        };
        let check = |check: &CheckReport| {
            let mut one = json!({ "status": label(check.status) });
            if let Some(answered) = answered_at(check) {
                one["time"] = answered.into();
            }
            if self.details {
                one["observedValue"] = millis(check.latency).into();
                one["observedUnit"] = "ms".into();
                one["output"] = check.error.as_deref().unwrap_or_default().into();
            }
            Value::from(vec![one])
        };
        let each = self
            .checks
            .iter()
            .map(|one| (one.name.to_string(), check(one)));
        let checks: Map<String, Value> = each.collect();
        json!({ "status": label(self.status), "checks": checks })
    }

    /// As the API server of Kubernetes writes it: `ok` if all is well, else line by line.
    fn text(&self) -> String {
        let ok = self.status.is_well();
        if ok && !self.verbose {
            return "ok".into();
        }
        let mut text = String::new();
        for check in self.checks {
            // Writing to a `String` cannot fail.
            _ = match check.status {
                Status::Healthy | Status::Degraded => {
                    writeln!(text, "[+]{} {}", check.name, short(check.status))
                }
                status => {
                    let reason = match (&check.error, self.details) {
                        (Some(error), true) => error,
                        _ => "reason withheld",
                    };
                    writeln!(text, "[-]{} {}: {reason}", check.name, short(status))
                }
            };
        }
        if self.draining {
            text.push_str("[-]draining\n");
        }
        let end = if ok { "passed" } else { "failed" };
        _ = writeln!(text, "{} check {end}", self.probe);
        text
    }
}

const fn short(status: Status) -> &'static str {
    match status {
        Status::Healthy => "ok",
        Status::Degraded => "degraded",
        Status::Unknown => "unknown",
        Status::Unhealthy => "failed",
    }
}

/// When the last answer came, by the wall clock.
pub(super) fn answered_at(check: &CheckReport) -> Option<String> {
    #[expect(clippy::disallowed_types, reason = "it is shown to people")]
    let answered = std::time::SystemTime::now().checked_sub(check.age?)?;
    Some(rfc3339::text(answered).to_string())
}

pub(super) fn label(check: &CheckReport) -> &str {
    if let Some(shown) = &check.shown {
        return shown;
    }
    match check.status {
        Status::Healthy => check.healthy_label,
        Status::Degraded => "degraded",
        Status::Unknown => "unknown",
        Status::Unhealthy => "unavailable",
    }
}
