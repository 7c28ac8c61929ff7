//! Says what a rule of alerts judges, and which variables change it.

use crate::alerts::{Comparison, Rule};

/// The variables that change all usual rules.
pub(super) const OF_ALL_RULES: [&str; 4] = [
    "MONITORING_ALERT_WINDOW",
    "MONITORING_ALERT_FOR",
    "MONITORING_ALERT_KEEP_FIRING",
    "MONITORING_MIN_REQUESTS",
];

/// The variable of the threshold of a usual rule.
pub(super) fn threshold_of(rule: &str) -> Option<&'static str> {
    match rule {
        "high_error_rate" => Some("ALERT_ERROR_RATE_THRESHOLD"),
        "slow_response_time" => Some("ALERT_RESPONSE_TIME_THRESHOLD"),
        "high_memory_usage" => Some("ALERT_MEMORY_THRESHOLD"),
        "circuit_breaker_open" => Some("ALERT_CIRCUIT_BREAKER_THRESHOLD"),
        _ => None,
    }
}

/// What a rule with the name of this one says.
pub(super) fn same(rules: &[Rule], rule: &Rule) -> Option<String> {
    let found = rules.iter().find(|one| one.name == rule.name);
    found.map(judged)
}

/// What a rule says, on one line.
pub(super) fn judged(rule: &Rule) -> String {
    let threshold = match rule.comparison {
        Some((Comparison::Above, threshold)) => format!("above {threshold}"),
        Some((Comparison::Below, threshold)) => format!("below {threshold}"),
        None => "without threshold".to_owned(),
    };
    let Rule {
        window,
        pending_for,
        severity,
        ..
    } = rule;
    format!(
        "{} {threshold} for {pending_for:?} over {window:?}, {severity}",
        rule.signal.name()
    )
}
