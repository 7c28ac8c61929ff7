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
        let files = || {
            let generated = generated(&settings);
            [
                generated.rules(),
                generated.rule_tests(),
                generated.slo_rules(),
            ]
        };
        let (first, second) = (files(), files());
        assert_eq!(first, second);
        for text in first {
            assert!(text.ends_with('\n') && !text.contains("\n\n"), "{text}");
        }
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

/// A service with two rules, whose first has this threshold.
fn shop(threshold: f64, settings: &Settings) -> Generated {
    let rules = Alerts::none()
        .rule(Rule::new("slow", Signal::p95_ms()).above(threshold))
        .rule(Rule::new("busy", Signal::in_flight()).above(9.0));
    Generated::new(rules, settings).unwrap()
}

#[test]
fn a_changed_threshold_changes_its_tests_and_no_others() {
    let tests = |threshold| shop(threshold, &Settings::new()).rule_tests();
    let changed = changed(&tests(500.0), &tests(750.0));
    // The name of the test, and the edge of the bucket in each of three tests.
    assert!(
        changed
            .iter()
            .any(|line| line == "+- name: slow fires above 750, and ends"),
        "{changed:#?}"
    );
    assert!(
        changed
            .iter()
            .any(|line| line.contains(r#"le=\"0.75\""#) || line.contains(r#"le="0.75""#)),
        "{changed:#?}"
    );
    let other = |line: &&String| {
        !line.contains("slow fires") && !line.contains("http_request_duration_seconds_bucket")
    };
    assert_eq!(changed.iter().find(other), None, "{changed:#?}");
}

#[test]
fn a_changed_name_of_metrics_changes_rules_and_tests_alike() {
    let of = |settings: Settings| {
        let shop = shop(500.0, &settings);
        format!("{}{}", shop.rules(), shop.rule_tests())
    };
    let plain = of(Settings::new());
    let prefixed = of(Settings::new().prefix("shop_"));
    assert_eq!(
        prefixed.replace("shop_", ""),
        plain,
        "the prefix changes more than names"
    );
    for name in ["http_", "app_build_info"] {
        let all = prefixed.matches(name).count();
        let own = prefixed.matches(&format!("shop_{name}")).count();
        assert!(all > 0);
        assert_eq!(all, own, "{prefixed}");
    }
}

#[test]
fn another_preset_of_names_changes_expressions_and_series_alone() {
    let of = |names| {
        let shop = shop(500.0, &Settings::new().names(names));
        format!("{}{}", shop.rules(), shop.rule_tests())
    };
    let changed = changed(&of(Names::Prometheus), &of(Names::OpenTelemetry));
    let added: Vec<_> = changed
        .iter()
        .filter(|line| line.starts_with('+'))
        .collect();
    let kinds = ["+expr: ", "+- series: "];
    let other = |line: &&&String| !kinds.iter().any(|kind| line.starts_with(kind));
    assert_eq!(added.iter().find(other), None, "{changed:#?}");
    assert!(added.len() > 3, "{changed:#?}");
    for line in added {
        let is_renamed = line.contains("http_server_request_duration_seconds")
            || line.contains("http_server_active_requests");
        assert!(is_renamed, "{line}");
    }
}

#[cfg(feature = "notify")]
#[test]
fn a_changed_route_changes_its_receiver_alone() {
    use crate::{alerts::AlertSeverity, notify::Routes};

    let of = |to: [&str; 1]| {
        let routes = Routes::new()
            .severity(AlertSeverity::Warning, ["slack"])
            .severity(AlertSeverity::Critical, ["slack"])
            .rule("busy", to);
        let shop = shop(500.0, &Settings::new());
        let shop = shop
            .routes(routes, &["slack", "pagerduty", "email"])
            .unwrap();
        (shop.rules(), shop.alertmanager().unwrap())
    };
    let ((rules, before), (same, after)) = (of(["pagerduty"]), of(["slack"]));
    assert_eq!(rules, same);
    let changed = changed(&before, &after);
    let changed: Vec<_> = changed.iter().map(String::as_str).collect();
    assert_eq!(
        changed,
        [
            "-receiver: pagerduty",
            "-- name: pagerduty",
            "-pagerduty_configs:",
            "-- routing_key_file: /etc/alertmanager/secrets/pagerduty",
            "-severity: \"{{ .CommonLabels.severity }}\"",
        ]
    );
}

#[cfg(feature = "notify")]
#[test]
fn each_rule_has_its_route_its_repeat_and_its_inhibition() {
    use crate::{alerts::AlertSeverity, notify::Routes};

    let rules = Alerts::none()
        .rule(
            Rule::new("slow", Signal::p95_ms())
                .above(500.0)
                .repeat(Duration::from_secs(900)),
        )
        .rule(Rule::new("disk_low", Signal::disk_free_percent()).below(9.0));
    let routes = Routes::new()
        .severity(AlertSeverity::Warning, ["slack"])
        .severity(AlertSeverity::Critical, ["pagerduty"])
        .rule("disk_low", ["slack", "email"])
        .escalate_rule("slow", Duration::from_secs(300), ["pagerduty"]);
    let generated = Generated::new(rules, &Settings::new()).unwrap();
    let names = ["slack", "email", "pagerduty"];
    let text = generated
        .routes(routes, &names)
        .unwrap()
        .alertmanager()
        .unwrap();
    for part in [
        "    - matchers:\n        - rule=\"slow\"\n      receiver: slack\n      repeat_interval: 15m\n",
        "    - matchers:\n        - rule=\"disk_low\"\n      receiver: slack and email\n      repeat_interval: 1h\n",
        "        - signal=~\"presence|slo\"\n        - severity=\"critical\"\n      receiver: pagerduty\n",
        "# slow is escalated by the process after 5m to pagerduty: Alertmanager has no escalation\n",
        "api_url_file: /etc/alertmanager/secrets/slack",
        "routing_key_file: /etc/alertmanager/secrets/pagerduty",
        "  - source_matchers:\n      - severity=\"critical\"\n    target_matchers:\n      - severity!=\"critical\"\n",
        "      - path\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[cfg(feature = "notify")]
#[test]
fn a_receiver_tells_only_the_notifiers_of_its_route_whatever_their_names() {
    use crate::{alerts::AlertSeverity, notify::Routes};

    let rules = Alerts::none()
        .rule(Rule::new("slow", Signal::p95_ms()).above(500.0))
        .rule(Rule::new("busy", Signal::in_flight()).above(9.0));
    let routes = Routes::new()
        .severity(AlertSeverity::Warning, ["a", "b"])
        .severity(AlertSeverity::Critical, ["nobody"])
        .rule("slow", ["a and b"])
        .rule("busy", ["nobody_"]);
    let generated = Generated::new(rules, &Settings::new()).unwrap();
    let names = ["a", "b", "a and b", "nobody", "nobody_"];
    let generated = generated.routes(routes, &names).unwrap();
    let text = generated.alertmanager().unwrap();
    for part in [
        "- rule=\"slow\"\n      receiver: a and b\n",
        "- rule=\"busy\"\n      receiver: nobody_\n",
        "- severity=\"critical\"\n      receiver: nobody__\n",
        "- severity=\"warning\"\n      receiver: a and b_\n",
        "  - name: nobody\n  - name: a and b_\n    webhook_configs:\n      - url: http://localhost:9095/a\n        send_resolved: true\n      - url: http://localhost:9095/b\n",
        "  - name: a and b\n    webhook_configs:\n      - url: http://localhost:9095/aandb\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn a_time_is_no_shorter_in_prometheus_wherever_it_stands() {
    let short = Duration::from_micros(1_500);
    let rule = Rule::new("a", Signal::requests_per_second())
        .above(5.0)
        .window(short)
        .pending_for(short)
        .keep_firing_for(short);
    let generated = Generated::new(Alerts::none().rule(rule), &Settings::new()).unwrap();
    let text = generated.rules();
    for part in ["[2ms]", "for: 2ms", "keep_firing_for: 2ms"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn the_page_on_dashboards_names_the_grafana_of_the_stack() {
    let stack = generated(&Settings::new()).compose();
    let image = stack.lines().find(|line| line.contains("grafana/grafana:"));
    let page = include_str!("../../../docs/dashboards.md");
    let image = image.unwrap().trim();
    assert!(page.contains(image), "{image}");
}
