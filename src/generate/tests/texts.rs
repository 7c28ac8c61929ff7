//! What stands in the generated files.

use super::*;

/// The lines that only one of two texts has.
fn changed(before: &str, after: &str) -> Vec<String> {
    let only = |one: &str, other: &str, sign| {
        let other: Vec<_> = other.lines().map(str::to_owned).collect();
        let lines = one
            .lines()
            .filter(|line| !other.contains(&(*line).to_owned()));
        lines
            .map(|line| format!("{sign}{}", line.trim()))
            .collect::<Vec<_>>()
    };
    [only(before, after, '-'), only(after, before, '+')].concat()
}

#[test]
fn two_generations_are_the_same_bytes() {
    for settings in all_settings() {
        let text = generated(&settings).rules();
        assert_eq!(text, generated(&settings).rules());
        assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
    }
}

#[test]
fn a_rule_has_what_its_alert_has_in_the_process() {
    let rule = Rule::new("high_error_rate", Signal::error_rate_percent())
        .above(5.0)
        .endpoint("/orders/{id}")
        .keep_firing_for(Duration::from_secs(90))
        .summary("It's bad: {{x}}")
        .runbook("https://example.com/r");
    let generated = Generated::new(Alerts::none().rule(rule), &Settings::new()).unwrap();
    let text = generated
        .service("shop")
        .dashboard("https://d.example.com")
        .rules();
    for line in [
        "- name: shop/alerts",
        "interval: 1m",
        "- alert: HighErrorRate",
        "for: 2m",
        "keep_firing_for: 90s",
        "endpoint: /orders/{id}",
        "rule: high_error_rate",
        "service: shop",
        "severity: warning",
        "signal: error_rate_percent",
        "runbook_url: https://example.com/r",
        "dashboard: https://d.example.com",
    ] {
        let found = text.lines().any(|known| known.trim() == line);
        assert!(found, "{line} is not in {text}");
    }
    assert!(text.contains("error_rate_percent is {{ printf"), "{text}");
    assert!(text.contains("(threshold: 5.00)"), "{text}");
}

#[test]
fn a_rule_that_prometheus_cannot_compute_is_a_comment() {
    let text = generated(&Settings::new()).rules();
    let comment = "# new_errors_after_deployment is not here: a range of PromQL has a fixed length";
    assert!(text.contains(comment), "{text}");
    assert!(!text.contains("NewErrorsAfterDeployment"), "{text}");
}

#[test]
fn a_changed_threshold_changes_its_rule_alone() {
    let of = |threshold| {
        let rule = Rule::new("a", Signal::in_flight()).above(threshold);
        let rules = every_rule().rule(rule);
        Generated::new(rules, &Settings::new()).unwrap().rules()
    };
    let changed = changed(&of(500.0), &of(501.0));
    assert_eq!(changed.len(), 4, "{changed:#?}");
    assert_eq!(changed[0], "-expr: http_requests_in_flight > 500");
    assert_eq!(changed[2], "+expr: http_requests_in_flight > 501");
    assert!(changed[3].contains("(threshold: 501.00)"), "{changed:#?}");
}
