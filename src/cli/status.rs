//! Shows how a running service does, on one screen: the subcommand `status`.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::{
    api::{Api, Failure, Output},
    instances::Instances,
    table::{between, columns, number, text},
};

/// The subcommand `status`.
#[derive(Args, Clone, Debug)]
pub struct Status {
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

/// What the API says, as it says it.
struct Screen {
    status: Value,
    traffic: Value,
    health: Value,
    deployments: Value,
    alerts: Value,
    fleet: Option<Instances>,
}

// === impl Status ===

impl Status {
    /// Asks, prints the screen, and returns the exit code: 0, or 1 if a critical alert fires or the service is not healthy, or 2 if the
    /// service gave no answer.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        match self.ask() {
            Ok(screen) => {
                self.output.print(&screen.json(), || screen.text());
                ExitCode::from(screen.judge())
            }
            Err(failure) => failure.tell(2),
        }
    }

    fn ask(&self) -> Result<Screen, Failure> {
        let ask = |path| self.api.json(path, None);
        Ok(Screen {
            status: ask("/status")?,
            traffic: ask("/endpoints?window=5m&limit=1")?,
            health: ask("/health")?,
            deployments: ask("/deployments?limit=1")?,
            alerts: ask("/alerts/active?state=all")?,
            fleet: Instances::ask(&self.api)?,
        })
    }
}

// === impl Screen ===

impl Screen {
    /// The most urgent alerts come first, so that a critical one that fires is in the list if there is one.
    fn judge(&self) -> u8 {
        let critical = |alert: &&Value| alert["severity"] == "critical";
        let fires = self.in_state("firing").any(|alert| critical(&alert));
        let sick = matches!(
            self.status["health"].as_str(),
            Some("unhealthy" | "unknown")
        );
        u8::from(fires || sick)
    }

    fn in_state(&self, state: &'static str) -> impl Iterator<Item = &Value> {
        let alerts = self.alerts.as_array().into_iter().flatten();
        alerts.filter(move |alert| alert["state"] == state)
    }

    /// How many alerts fire and are pending, with those that have no room in the list.
    fn counts(&self) -> [u64; 2] {
        let states = [
            ("firing", "active_alerts_count"),
            ("pending", "pending_alerts_count"),
        ];
        states.map(|(state, key)| {
            let listed = self.in_state(state).count() as u64;
            // Both answers are of another moment.
            self.status[key].as_u64().unwrap_or(0).max(listed)
        })
    }

    /// The check that is worst, if one is not healthy.
    fn worst_check(&self) -> Option<(&String, &str)> {
        let checks = self.health["checks"].as_object()?.iter();
        let named = checks.filter_map(|(name, check)| Some((name, check["status"].as_str()?)));
        let bad = named.filter(|(_, status)| *status != "healthy");
        bad.max_by_key(|(_, status)| match *status {
            "unhealthy" => 2,
            "unknown" => 1,
            _ => 0,
        })
    }

    fn per_second(&self) -> Value {
        let requests = self.traffic["total"]["requests"].as_f64();
        let seconds = self.traffic["covered_seconds"].as_f64();
        let rate = requests.zip(seconds.filter(|seconds| *seconds > 0.0));
        json!(rate.map(|(requests, seconds)| requests / seconds))
    }

    fn percent(&self) -> Value {
        let share = self.traffic["total"]["error_rate"].as_f64();
        json!(share.map(|share| share * 100.0))
    }

    fn json(&self) -> Value {
        let Self {
            status, traffic, ..
        } = self;
        let total = &traffic["total"];
        let worst = self.worst_check();
        let [firing, pending] = self.counts();
        let mut shown = json!({
            "service": status["service"],
            "version": status["version"],
            "environment": status["environment"],
            "deployment": self.deployments["deployments"][0],
            "requests_per_second": self.per_second(),
            "error_rate_percent": self.percent(),
            "p50_ms": total["p50_ms"],
            "p95_ms": total["p95_ms"],
            "p99_ms": total["p99_ms"],
            "health": status["health"],
            "worst_check": worst.map(|(name, status)| json!({ "name": name, "status": status })),
            "alerts_firing": firing,
            "alerts_pending": pending,
            "firing": self.in_state("firing").collect::<Vec<_>>(),
            "silences": status["silences_count"],
            "sentry_enabled": status["sentry_enabled"],
            "timestamp": status["timestamp"],
        });
        if let Some(fleet) = &self.fleet {
            shown["fleet"] = fleet.json();
        }
        shown
    }

    fn text(&self) -> String {
        let Self {
            status, traffic, ..
        } = self;
        let total = &traffic["total"];
        let deployed = &self.deployments["deployments"][0];
        let since = match deployed.is_null() {
            true => "unknown".to_owned(),
            false => {
                let ago = between(&deployed["at"], &status["timestamp"]);
                format!(
                    "{} {ago} ago, by {}",
                    text(&deployed["version"]),
                    text(&deployed["by"])
                )
            }
        };
        let times = ["p50_ms", "p95_ms", "p99_ms"].map(|key| number(&total[key], ""));
        let health = match (text(&status["health"]), self.worst_check()) {
            (health, Some((name, status))) => format!("{health}: {name} is {status}"),
            (health, None) => health,
        };
        let release = format!(
            "{} in {}",
            text(&status["version"]),
            text(&status["environment"])
        );
        let [firing, pending] = self.counts();
        let silences = status["silences_count"].as_u64().unwrap_or(0);
        let mut rows = vec![
            ("service", text(&status["service"])),
            ("release", release),
            ("deployed", since),
            ("requests", number(&self.per_second(), "/s")),
            ("errors", number(&self.percent(), " %")),
            ("p50 p95 p99", format!("{} ms", times.join(" "))),
            ("health", health),
            (
                "alerts",
                format!("{firing} firing, {pending} pending, {silences} silences"),
            ),
        ];
        for alert in self.in_state("firing") {
            rows.push(("", text(&alert["message"])));
        }
        let told = self.in_state("firing").count() as u64;
        if firing > told {
            rows.push(("", format!("and {} more", firing - told)));
        }
        let rows = rows.into_iter();
        let rows: Vec<_> = rows
            .map(|(name, value)| vec![name.to_owned(), value])
            .collect();
        let mut text = columns(&rows);
        if let Some(fleet) = &self.fleet {
            text.push_str(&format!("\n{}", fleet.text(&status["timestamp"])));
        }
        text
    }
}
