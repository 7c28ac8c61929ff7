//! The pages that alerts lead to.

use std::fs;

use super::*;
use crate::generate::Slo;

/// All built-in alerts of Prometheus: the name, the severity, and the address of the page.
fn alerts() -> Vec<[String; 3]> {
    let rules = Alerts::default().rules(presets::guides()).rules([
        presets::payment_failures(),
        presets::job_overdue("rollup", Duration::from_secs(86_400)),
        presets::workers_down("workers_active"),
    ]);
    let generated = Generated::new(rules, &Settings::new()).unwrap();
    let generated = generated.slo(Slo::new(99.9)).unwrap();
    let text = generated.rules() + &generated.slo_rules();
    let value = |alert: &str, key: &str| {
        let start = format!("{key}: ");
        let mut lines = alert.lines().map(str::trim);
        let found = lines.find_map(|line| line.strip_prefix(&start));
        found
            .unwrap_or_else(|| panic!("no {key} in {alert}"))
            .to_owned()
    };
    let alerts = text.split("- alert: ").skip(1);
    alerts
        .map(|alert| {
            let name = alert.lines().next().unwrap_or_default().to_owned();
            [name, value(alert, "severity"), value(alert, "runbook_url")]
        })
        .collect()
}

#[test]
fn each_alert_leads_to_a_page_that_is_about_it() {
    let alerts = alerts();
    // All rules but the one that Prometheus cannot compute, two of presence, four tiers, and one without data.
    assert_eq!(alerts.len(), 27 + 2 + 4 + 1);
    for [name, severity, address] in alerts {
        let page = address
            .strip_prefix("https://docs.rs/tower-vitals/latest/tower_vitals/guides/runbooks/")
            .and_then(|rest| rest.strip_suffix("/index.html"));
        let page = page.unwrap_or_else(|| panic!("{name}: {address}"));
        let path = format!("{}/docs/runbooks/{page}.md", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let head = text.split("\n## ").next().unwrap_or_default();
        let words: String = head.to_lowercase().replace('\n', " ");
        // The name of this rule ends with that of the job.
        let shown = match page {
            "job_overdue" => "job_overdue_".to_owned(),
            _ => name.to_lowercase(),
        };
        assert!(
            words.contains(&format!("`{shown}`")),
            "{path} does not name {name}"
        );
        let severity = match severity.as_str() {
            "info" => "for information",
            severity => severity,
        };
        assert!(words.contains(severity), "{path} does not say {severity}");
    }
}

#[test]
fn pages_of_the_application_are_those_of_all_built_in_alerts() {
    let alerts = Alerts::default().runbooks("https://wiki.example.com/{name}?{{x}}");
    let generated = Generated::new(alerts, &Settings::new()).unwrap();
    let text = generated.rules() + &generated.slo_rules();
    assert!(!text.contains("docs.rs"), "{text}");
    for page in [
        "high_error_rate",
        "service_down",
        "service_absent",
        "slo_budget_burns",
        "slo_without_data",
    ] {
        let address = format!("https://wiki.example.com/{page}?");
        assert!(text.contains(&address), "{address} is not in {text}");
    }
    // A template would be read in an annotation.
    assert!(!text.contains("?{{x}}"), "{text}");
}
