//! Writes how a Prometheus scrapes the service and evaluates its rules.

use std::time::Duration;

use super::{
    document,
    generated::Generated,
    node::{Node, list, map},
};
use crate::alerts::{CheckedRule, duration};

/// Where the metrics are.
pub(super) const PATH: &str = "/metrics";

/// How often they are scraped, at least.
const INTERVAL: Duration = Duration::from_secs(15);

/// How many scrapes the shortest window of a rule has, at least.
const SCRAPES: u32 = 4;

/// How often metrics are scraped, so that each window has some.
pub(super) fn interval(rules: &[CheckedRule]) -> String {
    let windows = rules.iter().map(|rule| rule.window / SCRAPES);
    let shortest = windows.min().unwrap_or(INTERVAL).min(INTERVAL);
    duration(match shortest.as_secs() {
        // In whole seconds, unless that is none.
        0 => shortest,
        seconds => Duration::from_secs(seconds),
    })
}

// === impl Generated ===

impl Generated {
    /// A `prometheus.yml` that scrapes the service, evaluates its [rules](Self::rules) in a file `rules.yml` beside it, and tells
    /// an Alertmanager. It fits the [`compose`](Self::compose) file.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let name = self.application();
        let port = self.served.number(self.served.metrics_port());
        let at = |target: String| {
            let targets = map([("targets", list([target.into()]))]);
            list([targets])
        };
        let scraped = map([
            ("job_name", Node::from(name.as_str())),
            ("metrics_path", PATH.into()),
            ("static_configs", at(format!("{name}:{port}"))),
        ]);
        let global = map([
            ("scrape_interval", interval(&self.rules).into()),
            ("evaluation_interval", duration(self.interval).into()),
        ]);
        let told = map([("static_configs", at("alertmanager:9093".to_owned()))]);
        let configuration = map([
            ("global", global),
            ("rule_files", list(["rules.yml".into()])),
            ("alerting", map([("alertmanagers", list([told]))])),
            ("scrape_configs", list([scraped])),
        ]);
        document::of_settings(&configuration, &self.served.why_not_scraped())
    }
}
