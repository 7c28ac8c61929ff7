//! Builds stacks with rules.

use std::time::Duration;

use tower_vitals::{
    alerts::{Alerts, Rule, Signal, presets},
    config::ConfigError,
    health::{Health, Role},
};

use crate::{builder, exposition::Exposition, requests, stack};

fn refused(rule: Rule) -> ConfigError {
    stack([rule]).build().unwrap_err()
}

#[test]
fn there_are_four_rules_unless_the_application_says_otherwise() {
    let build = |alerts| builder().alerts(alerts).build().unwrap();
    let vitals = builder().build().unwrap();
    assert_eq!(vitals.alerts().rules(), 4);
    assert_eq!(build(Alerts::none()).alerts().rules(), 0);
    let all = Alerts::default().rules(presets::guides());
    assert_eq!(build(all).alerts().rules(), 25);
}

#[tokio::test]
async fn a_rule_that_cannot_work_fails_the_build_with_its_field() {
    let rate = |threshold| Rule::new("rate", Signal::error_rate_percent()).above(threshold);
    let error = refused(rate(f64::NAN));
    let expected = r#"alerts.rate.threshold: invalid value "NaN": expected a number"#;
    assert_eq!(error.to_string(), expected);
    assert_eq!(
        refused(rate(5.0).window(Duration::ZERO)).field(),
        "alerts.rate.window"
    );
    let error = builder();
    let error = error.alert(rate(1.0)).alert(rate(2.0)).build().unwrap_err();
    assert_eq!((error.field(), error.value()), ("alerts[5].name", "rate"));

    let check = Signal::health_check_failed().only("data");
    let rule = Rule::new("down", check).above(0.0);
    let expected = r#"alerts.down.only: invalid value "data": there is no check"#;
    assert_eq!(refused(rule.clone()).to_string(), expected);
    let health = Health::builder().manual("database", Role::Critical);
    let health = health.start().unwrap();
    let error = stack([rule]).health(health.service()).build().unwrap_err();
    let expected =
        r#"alerts.down.only: invalid value "data": no check has this name: there is database"#;
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_threshold_of_times_is_an_edge_of_the_published_buckets() {
    let slow = Rule::new("slow", Signal::p95_ms()).above(1_234.0);
    let slower = Rule::new("slower", Signal::p99_ms()).above(20_000.0);
    let vitals = stack([slow, slower]).build().unwrap();
    requests(&vitals, "/", 200, 1);
    let edges = Exposition::of(&vitals).values("http_request_duration_seconds_bucket", "le");
    // One more, since nothing would tell what is above the last edge.
    for edge in ["1.234", "10", "20", "40", "+Inf"] {
        assert!(edges.contains(edge), "{edge}: {edges:?}");
    }
    let usual = builder().build().unwrap();
    requests(&usual, "/", 200, 1);
    let usual = Exposition::of(&usual).values("http_request_duration_seconds_bucket", "le");
    let all: Vec<_> = edges.difference(&usual).cloned().collect();
    assert_eq!(all, ["1.234", "20", "40"]);
}
