//! Gives alerts the names that they have in Prometheus.

use std::collections::BTreeSet;

/// Alerts of guides whose names do not follow from those of the rules.
const KEPT: [(&str, &str); 1] = [("queue_backlog", "CeleryBacklogHigh")];

/// Alerts that are of no rule.
const OTHERS: [&str; 4] = [
    "ServiceAbsent",
    "ServiceDown",
    "SloBudgetBurns",
    "SloWithoutData",
];

/// The names that are taken.
#[derive(Debug)]
pub(super) struct AlertNames(BTreeSet<String>);

// === impl AlertNames ===

impl AlertNames {
    pub(super) fn new() -> Self {
        Self(OTHERS.map(str::to_owned).into())
    }

    /// The name of the alert of a rule: no other one has it.
    pub(super) fn of(&mut self, rule: &str) -> String {
        let mut name = spelled(rule);
        if self.0.contains(&name) {
            rule.clone_into(&mut name);
        }
        // A rule can have the name that another one's alert has.
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

fn spelled(rule: &str) -> String {
    if let Some((_, name)) = KEPT.iter().find(|(known, _)| *known == rule) {
        return (*name).to_owned();
    }
    let words = rule.split(['_', '-', '.', ':']);
    let mut name = String::with_capacity(rule.len());
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    match name.is_empty() {
        true => rule.to_owned(),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_have_the_names_of_the_guides() {
        let mut names = AlertNames::new();
        for (rule, alert) in [
            ("high_error_rate", "HighErrorRate"),
            ("slow_response_time", "SlowResponseTime"),
            ("high_latency", "HighLatency"),
            ("database_down", "DatabaseDown"),
            ("queue_backlog", "CeleryBacklogHigh"),
            ("payment_failure_rate", "PaymentFailureRate"),
            ("p95.slow-2:x", "P95Slow2X"),
            // Nothing has two names, and nothing shares one.
            ("high-error-rate", "high-error-rate"),
            ("highErrorRate", "highErrorRate"),
            ("HighErrorRate", "HighErrorRate_"),
            ("_", "_"),
            ("service_down", "service_down"),
        ] {
            assert_eq!(names.of(rule), alert, "{rule}");
        }
    }
}
