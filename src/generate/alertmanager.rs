//! Writes the configuration of an Alertmanager that tells whom the process tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    time::Duration,
};

use serde::Serialize;

use super::{receiver::Receiver, template};
use crate::{
    alerts::{AlertSeverity, CheckedRule, duration},
    notify::CheckedRoutes,
};

/// A repeat that nobody lives to see. Alertmanager forgets what it told after `--data.retention`, and tells it again then.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Who is told of alerts for which there is no rule.
const NOBODY: &str = "nobody";

/// Alerts that are not of a rule of the application: nothing is scraped, or an objective is missed.
const OTHERS: &str = r#"signal=~"presence|slo""#;

/// The labels that two alerts over the same have in common, beside those of what a signal is of.
const EQUAL: [&str; 8] = [
    "endpoint",
    "http_request_method",
    "http_route",
    "instance",
    "job",
    "method",
    "service",
    "signal",
];

/// Who is told, by the names of the notifiers.
type Receivers = BTreeMap<Vec<String>, Receiver>;

/// The whole configuration.
#[derive(Debug, Serialize)]
pub(super) struct Configuration {
    route: Root,
    receivers: Vec<Receiver>,
    inhibit_rules: Vec<Inhibition>,
}

#[derive(Debug, Serialize)]
struct Root {
    receiver: &'static str,
    /// Each alert is told on its own.
    group_by: [&'static str; 1],
    group_wait: &'static str,
    group_interval: String,
    routes: Vec<Route>,
}

#[derive(Debug, Serialize)]
struct Route {
    matchers: Vec<String>,
    receiver: String,
    repeat_interval: String,
}

#[derive(Debug, Serialize)]
struct Inhibition {
    source_matchers: Vec<&'static str>,
    target_matchers: Vec<&'static str>,
    equal: Vec<&'static str>,
}

/// What a configuration is made of.
#[derive(Debug)]
pub(super) struct Told<'t> {
    pub(super) rules: &'t [CheckedRule],
    pub(super) routes: &'t CheckedRoutes,
    pub(super) service: Option<&'t str>,
    pub(super) interval: Duration,
}

// === impl Told ===

impl Told<'_> {
    /// The configuration, and what an Alertmanager does in another way than the process.
    pub(super) fn configuration(&self) -> (Configuration, Vec<String>) {
        let mut receivers = Receivers::new();
        let mut comments = Vec::new();
        let mut routes = Vec::new();
        for rule in self.rules {
            let to = self.routes.of(&rule.name, rule.severity);
            let called = rule.signal.subject() == Some("service");
            let mut matchers = vec![matcher("rule", &rule.name)];
            matchers.extend(
                self.service
                    .filter(|_| !called)
                    .map(|name| matcher("service", name)),
            );
            routes.push(Route {
                matchers,
                receiver: self.receiver(&to, &mut receivers),
                repeat_interval: duration(rule.repeat.unwrap_or(NEVER)),
            });
            if let Some(later) = self.routes.escalation(&rule.name, rule.severity) {
                let names = self.routes.names(&later.to).join(", ");
                let after = duration(later.after);
                comments.push(format!(
                    "{} is escalated by the process after {after} to {names}: Alertmanager has no escalation",
                    rule.name
                ));
            }
        }
        for severity in [AlertSeverity::Critical, AlertSeverity::Warning] {
            let to = self.routes.of_severity(severity);
            let mut matchers = vec![OTHERS.to_owned(), matcher("severity", severity.as_str())];
            matchers.extend(self.service.map(|name| matcher("service", name)));
            routes.push(Route {
                matchers,
                receiver: self.receiver(&to, &mut receivers),
                repeat_interval: "1h".to_owned(),
            });
        }
        if self.rules.iter().any(|rule| rule.repeat.is_none()) {
            let never =
                "what is told once is told again after --data.retention, by default after 120h";
            comments.push(never.to_owned());
        }
        let mut receivers: Vec<_> = receivers.into_values().collect();
        receivers.insert(0, Receiver::new(NOBODY, &[]));
        comments.extend(
            receivers
                .iter()
                .flat_map(Receiver::comments)
                .collect::<BTreeSet<_>>(),
        );
        let configuration = Configuration {
            route: Root {
                receiver: NOBODY,
                group_by: ["..."],
                group_wait: "0s",
                group_interval: duration(self.interval),
                routes,
            },
            receivers,
            inhibit_rules: iter::once(self.inhibition()).chain(tiers()).collect(),
        };
        (configuration, comments)
    }

    /// The name of the receiver that tells these notifiers. No other one has it.
    fn receiver(&self, to: &BTreeSet<usize>, receivers: &mut Receivers) -> String {
        let names = self.routes.names(to);
        if names.is_empty() {
            return NOBODY.to_owned();
        }
        let all: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        if let Some(known) = receivers.get(&all) {
            return known.name().to_owned();
        }
        let mut name = names.join(" and ");
        // A notifier can be called as nobody is, or as two others together.
        while name == NOBODY || receivers.values().any(|other| other.name() == name) {
            name.push('_');
        }
        receivers.insert(all, Receiver::new(&name, &names));
        name
    }

    /// A critical alert mutes milder ones over the same number of the same thing.
    fn inhibition(&self) -> Inhibition {
        let mut equal = BTreeSet::from(EQUAL);
        let subjects = self.rules.iter().filter_map(|rule| rule.signal.subject());
        // Prometheus gives the label `job` to each target.
        equal.extend(subjects.map(|label| match label {
            "job" => "exported_job",
            label => label,
        }));
        Inhibition {
            source_matchers: vec![r#"severity="critical""#],
            target_matchers: vec![r#"severity!="critical""#, r#"signal!~"|slo""#],
            equal: equal.into_iter().collect(),
        }
    }
}

/// An objective that is missed fast is missed slowly, too: people are told of the fastest tier.
fn tiers() -> impl Iterator<Item = Inhibition> {
    let faster = [
        (r#"slo_tier="1""#, r#"slo_tier=~"2|3|4""#),
        (r#"slo_tier="2""#, r#"slo_tier=~"3|4""#),
        (r#"slo_tier="3""#, r#"slo_tier="4""#),
    ];
    faster.into_iter().map(|(source, target)| Inhibition {
        source_matchers: vec![source],
        target_matchers: vec![target],
        equal: vec!["service", "slo"],
    })
}

fn matcher(label: &str, value: &str) -> String {
    format!("{label}={}", template::string(value))
}
