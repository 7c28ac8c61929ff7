use std::collections::BTreeSet;

use super::*;
use crate::{
    alerts::{
        CounterOf, presets,
        set::{Alerts, Existing},
    },
    config::Environment,
    facts::category::ErrorCategory,
};

fn rule() -> Rule {
    Rule::new("a", Signal::error_rate_percent()).above(5.0)
}

/// The field and the reason with which a rule is refused.
fn refused(rule: Rule) -> String {
    rule.checked(&[]).unwrap_err().to_string()
}

#[test]
fn a_rule_that_cannot_work_is_refused_with_its_field() {
    let asked = |name: &str| Signal::asked(name, crate::alerts::SignalUnit::Count, || None);
    let two_days = Duration::from_secs(172_800);
    let cases = [
        (rule().above(f64::NAN), "threshold", "NaN"),
        (rule().above(f64::INFINITY), "threshold", "inf"),
        (
            Rule::new("a", Signal::in_flight()).below(f64::NAN),
            "threshold",
            "NaN",
        ),
        (rule().above(-1.0), "threshold", "-1"),
        (rule().above(101.0), "threshold", "101"),
        (
            Rule::new("a", Signal::p95_ms()).above(0.0),
            "threshold",
            "0",
        ),
        (Rule::new("a", Signal::p95_ms()), "threshold", ""),
        (rule().window(Duration::ZERO), "window", "0ns"),
        (rule().window(two_days), "window", "172800s"),
        (rule().pending_for(two_days), "pending_for", "172800s"),
        (
            rule().keep_firing_for(two_days),
            "keep_firing_for",
            "172800s",
        ),
        (rule().repeat(Duration::ZERO), "repeat", "0ns"),
        (rule().summary("a".repeat(1_001)), "summary", "1001 bytes"),
        (
            rule().runbook("javascript:alert(1)"),
            "runbook",
            "javascript:alert(1)",
        ),
        (rule().runbook("https://a b"), "runbook", "https://a b"),
        (rule().method("GET"), "method", "GET"),
        (rule().endpoint("/").method("get"), "method", "get"),
        (rule().endpoint(""), "endpoint", ""),
        (
            rule().endpoint("/").each_endpoint(),
            "each_endpoint",
            "true",
        ),
        (
            Rule::new("a", Signal::in_flight())
                .above(1.0)
                .each_endpoint(),
            "each_endpoint",
            "true",
        ),
        (Rule::new("a", asked("")).above(1.0), "signal", ""),
        (
            Rule::new("a", Signal::pool_usage_percent().only("")).above(1.0),
            "only",
            "",
        ),
        (
            Rule::new("a", Signal::in_flight().only("x")).above(1.0),
            "only",
            "x",
        ),
        (
            Rule::new("a", Signal::p95_ms().category(ErrorCategory::Database)).above(1.0),
            "category",
            "database",
        ),
        (
            Rule::new("a", Signal::error_spike_percent())
                .above(1.0)
                .window(Duration::from_secs(13 * 3_600)),
            "window",
            "46800s",
        ),
    ];
    for (rule, field, value) in cases {
        let error = refused(rule);
        let expected = format!("alerts.a.{field}: invalid value {value:?}: ");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_name_is_there_once_and_fits_a_label() {
    for name in ["", "a b", "ü", &"a".repeat(101), "a\n", "a\""] {
        let error = refused(Rule::new(name, Signal::in_flight()).above(1.0));
        assert!(
            error.starts_with("alerts[0].name: invalid value "),
            "{error}"
        );
    }
    let twice = Alerts::none()
        .rule(rule())
        .rule(rule())
        .checked()
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        r#"alerts[1].name: invalid value "a": another rule has this name"#
    );
    let usual =
        Alerts::default().rule(Rule::new("high_error_rate", Signal::in_flight()).above(1.0));
    assert!(usual.checked().is_err());
}

#[test]
fn an_interval_that_cannot_work_is_refused() {
    for millis in [0, 9, 3_600_001] {
        let alerts = Alerts::none().interval(Duration::from_millis(millis));
        let error = alerts.checked().unwrap_err();
        assert_eq!(error.field(), "alerts.interval");
    }
}

#[test]
fn all_presets_can_work_together() {
    let alerts = Alerts::default()
        .rules(presets::guides())
        .rule(presets::payment_failures())
        .rule(presets::workers_down("workers"))
        .rule(presets::job_overdue("rollup", DAY));
    let checked = alerts.checked().unwrap();
    assert_eq!(checked.rules.len(), 28);
    let named: Vec<_> = checked
        .rules
        .iter()
        .map(|rule| rule.keep_firing_for.as_secs() / 60)
        .collect();
    // Shares are held for longer.
    assert_eq!(named[..4], [15, 5, 5, 5]);
}

#[test]
fn a_rule_that_names_what_is_not_there_is_refused() {
    let existing = Existing {
        pools: Some(["primary".to_owned()].into()),
        paths: Some(BTreeSet::default()),
        ..Existing::default()
    };
    let pool = |name: &str| {
        let signal = Signal::pool_usage_percent().only(name);
        Alerts::none()
            .rule(Rule::new("a", signal).above(80.0))
            .checked()
            .unwrap()
    };
    assert_eq!(pool("primary").check_names(&existing), Ok(()));
    assert_eq!(
        pool("other")
            .check_names(&existing)
            .unwrap_err()
            .to_string(),
        r#"alerts.a.only: invalid value "other": no pool has this name: there is primary"#
    );
    let check = Signal::health_check_failed().only("db");
    let check = Alerts::none()
        .rule(Rule::new("a", check).above(0.0))
        .checked()
        .unwrap();
    assert_eq!(
        check.check_names(&existing).unwrap_err().to_string(),
        r#"alerts.a.only: invalid value "db": there is no check"#
    );
}

#[test]
fn more_thresholds_of_latencies_than_buckets_can_have_are_refused() {
    let rules = |count: u32| {
        let rule = |index| Rule::new(format!("a{index}"), Signal::p95_ms());
        let rules = (1..=count).map(|index| rule(index).above(f64::from(index)));
        Alerts::none().rules(rules).checked()
    };
    assert!(rules(64).is_ok());
    let error = rules(65).unwrap_err();
    assert_eq!((error.field(), error.value()), ("alerts", "65"));
}

#[test]
fn an_endpoint_that_stops_is_not_seen_so_a_rule_must_name_it() {
    for signal in [Signal::requests_per_second(), Signal::errors_per_minute()] {
        let quiet = Rule::new("quiet", signal).below(0.1);
        let error = refused(quiet.clone().each_endpoint());
        assert!(error.starts_with("alerts.quiet.each_endpoint"), "{error}");
        assert!(quiet.endpoint("/orders").checked(&[]).is_ok());
    }
}

#[test]
fn thresholds_of_latencies_become_edges() {
    let ms = Duration::from_millis;
    let edges = |thresholds: &[f64]| {
        let rules = thresholds.iter().enumerate().map(|(index, threshold)| {
            Rule::new(format!("a{index}"), Signal::p95_ms()).above(*threshold)
        });
        let checked = Alerts::none().rules(rules).checked().unwrap();
        checked.edges(&[ms(100), ms(2_000)])
    };
    assert!(edges(&[100.0]).is_empty());
    assert_eq!(edges(&[2_000.0, 100.0]), [ms(4_000)]);
    assert_eq!(edges(&[0.5, 150.0]), [Duration::from_micros(500), ms(150)]);
    // If it is the last edge, nobody could say how much is above.
    assert_eq!(edges(&[5_000.0]), [ms(5_000), ms(10_000)]);
}

#[test]
fn signals_say_in_what_they_are_measured() {
    let counter = CounterOf::named("a");
    let share = Signal::share_percent("own_percent", counter.clone(), counter);
    for (signal, name, unit) in [
        (
            Signal::error_rate_percent(),
            "error_rate_percent",
            "percent",
        ),
        (Signal::p95_ms(), "p95_ms", "milliseconds"),
        (
            Signal::errors_per_minute(),
            "errors_per_minute",
            "per_minute",
        ),
        (
            Signal::certificate_days_left(),
            "certificate_days_left",
            "days",
        ),
        (Signal::new_errors(), "new_error", "count"),
        (share, "own_percent", "percent"),
    ] {
        assert_eq!((signal.name(), signal.unit().as_str()), (name, unit));
    }
}

fn from(variables: &[(&str, &str)]) -> Result<Alerts, String> {
    let get = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    Alerts::from_environment(&Environment(&get)).map_err(|error| error.to_string())
}

#[test]
fn variables_set_the_usual_rules() {
    let checked = from(&[]).unwrap().checked().unwrap();
    let shown: Vec<_> = checked
        .rules
        .iter()
        .map(|rule| (&*rule.name, rule.threshold))
        .collect();
    let usual = [
        ("high_error_rate", 5.0),
        ("slow_response_time", 2_000.0),
        ("high_memory_usage", 80.0),
        ("circuit_breaker_open", 0.0),
    ];
    assert_eq!(shown, usual);
    assert_eq!(checked.interval, Duration::from_secs(60));

    let checked = from(&[
        ("ALERT_ERROR_RATE_THRESHOLD", "2.0"),
        ("ALERT_RESPONSE_TIME_ENABLED", "False"),
        ("ALERT_MEMORY_THRESHOLD", "90"),
        ("ALERT_CIRCUIT_BREAKER_ENABLED", "on"),
        ("ALERT_CIRCUIT_BREAKER_THRESHOLD", "1"),
        ("MONITORING_ALERT_WINDOW", "500ms"),
        ("MONITORING_ALERT_FOR", "0"),
        ("MONITORING_ALERT_KEEP_FIRING", "1.5"),
        ("MONITORING_EVALUATION_INTERVAL", "100ms"),
        ("MONITORING_MIN_REQUESTS", "3"),
    ])
    .unwrap()
    .checked()
    .unwrap();
    let shown: Vec<_> = checked
        .rules
        .iter()
        .map(|rule| (&*rule.name, rule.threshold))
        .collect();
    let expected = [
        ("high_error_rate", 2.0),
        ("high_memory_usage", 90.0),
        ("circuit_breaker_open", 1.0),
    ];
    assert_eq!(shown, expected);
    assert_eq!(checked.interval, Duration::from_millis(100));
    let rule = &checked.rules[0];
    assert_eq!(rule.window, Duration::from_millis(500));
    assert_eq!(rule.pending_for, Duration::ZERO);
    assert_eq!(rule.keep_firing_for, Duration::from_millis(1_500));
    assert_eq!(rule.at_least, 3);
}

#[test]
fn a_variable_that_cannot_work_is_refused_by_its_name() {
    for (name, value) in [
        ("ALERT_ERROR_RATE_THRESHOLD", "5,0"),
        ("ALERT_ERROR_RATE_THRESHOLD", "NaN"),
        ("ALERT_ERROR_RATE_THRESHOLD", "101"),
        ("ALERT_RESPONSE_TIME_THRESHOLD", "0"),
        ("ALERT_MEMORY_THRESHOLD", "-1"),
        ("ALERT_MEMORY_ENABLED", "maybe"),
        ("MONITORING_ALERT_WINDOW", "0"),
        ("MONITORING_ALERT_WINDOW", "25h"),
        ("MONITORING_ALERT_FOR", "-1"),
        ("MONITORING_ALERT_FOR", "1e300"),
        ("MONITORING_ALERT_KEEP_FIRING", "soon"),
        ("MONITORING_EVALUATION_INTERVAL", "0"),
        ("MONITORING_EVALUATION_INTERVAL", "2h"),
        ("MONITORING_MIN_REQUESTS", "1.5"),
    ] {
        let error = from(&[(name, value)]).unwrap_err();
        let expected = format!("{name}: invalid value {value:?}: expected ");
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_severity_has_its_repeat_unless_a_rule_has_its_own() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let rule = |name, severity| {
        let signal = Signal::error_rate_percent();
        Rule::new(name, signal).above(5.0).severity(severity)
    };
    let alerts = Alerts::none()
        .rule(rule("usual", AlertSeverity::Info))
        .rule(rule("bad", AlertSeverity::Critical))
        .rule(rule("own", AlertSeverity::Critical).repeat(minutes(7)))
        .rule(rule("once", AlertSeverity::Critical).no_repeat())
        .repeat(AlertSeverity::Critical, minutes(10))
        .repeat(AlertSeverity::Critical, minutes(5));
    let rules = alerts.checked().unwrap().rules;
    let repeats: Vec<_> = rules.iter().map(|rule| rule.repeat).collect();
    let expected = [Some(minutes(60)), Some(minutes(5)), Some(minutes(7)), None];
    assert_eq!(repeats, expected);
    for bad in [Duration::ZERO, Duration::from_millis(999), minutes(10_081)] {
        let alerts = Alerts::none().repeat(AlertSeverity::Info, bad);
        let error = alerts.checked().unwrap_err();
        assert_eq!(error.field(), "alerts.repeat.info");
        assert_eq!(error.value(), format!("{bad:?}"));
    }
}

#[test]
fn a_rule_that_is_left_out_must_be_one() {
    let error = Alerts::default().without("high_error_rates").checked();
    assert_eq!(
        error.unwrap_err().to_string(),
        "alerts.without: invalid value \"high_error_rates\": no rule has this name: there is high_error_rate, \
         slow_response_time, high_memory_usage, circuit_breaker_open"
    );
    // The environment can have left it out before.
    let twice = Alerts::default().without("high_memory_usage");
    let twice = twice.without("high_memory_usage").checked().unwrap();
    assert_eq!(twice.rules.len(), 3);
}
