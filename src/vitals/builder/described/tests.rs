//! Where each setting came from.
#![cfg(all(feature = "health", feature = "notify", feature = "sentry"))]

use crate::{
    alerts::{Alerts, Rule, Signal},
    config::Environment,
    doctor::{Setting, SettingSource},
    monitoring::{Access, Monitoring},
    notify::Notifiers,
    vitals::VitalsBuilder,
};

/// A value in each variable that can hold a secret.
const VARIABLES: [(&str, &str); 15] = [
    ("OTEL_SERVICE_NAME", "shop"),
    ("APP_VERSION", "1.4.2"),
    ("MONITORING_EXCLUDE", "/static/,/ping"),
    ("MONITORING_METRIC_NAMES", "otel"),
    ("MONITORING_ADDR", "127.0.0.1:9000"),
    ("MONITORING_TOKEN", "s3cret-of-the-token"),
    ("MONITORING_PATH", "/ops"),
    ("MONITORING_STATE", "/tmp/s3cret-of-the-state"),
    ("MONITORING_EVALUATION_INTERVAL", "30"),
    ("ALERT_ERROR_RATE_THRESHOLD", "2.5"),
    (
        "SLACK_WEBHOOK_URL",
        "https://hooks.slack.com/services/s3cret",
    ),
    (
        "PAGERDUTY_ROUTING_KEY",
        "s3cret7890123456789012345678901234",
    ),
    ("WEBHOOK_URL", "https://hooks.example.com/s3cret"),
    ("WEBHOOK_SECRET", "s3cret-of-the-signature"),
    (
        "ALERTMANAGER_URL",
        "https://alertmanager.example.com/s3cret",
    ),
];

fn of_environment() -> VitalsBuilder {
    let variable = |name: &str| {
        let found = VARIABLES.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    VitalsBuilder::from_environment(&Environment(&variable)).unwrap()
}

fn setting(builder: &VitalsBuilder, name: &str) -> (String, SettingSource, Option<String>) {
    let all = builder.effective().settings.into_iter();
    let mut found = all.filter(|setting| setting.name == name);
    let Setting {
        value,
        source,
        variable,
        ..
    } = found.next().unwrap();
    assert_eq!(found.next(), None, "{name} is there twice");
    (value, source, variable)
}

fn from(value: &str, variable: &str) -> (String, SettingSource, Option<String>) {
    let variable = Some(variable.to_owned());
    (value.to_owned(), SettingSource::Environment, variable)
}

fn code(value: &str) -> (String, SettingSource, Option<String>) {
    (value.to_owned(), SettingSource::Code, None)
}

fn default(value: &str) -> (String, SettingSource, Option<String>) {
    (value.to_owned(), SettingSource::Default, None)
}

#[test]
fn a_setting_of_the_environment_names_its_variable() {
    let builder = of_environment();
    for (name, value, variable) in [
        ("service_name", "shop", "OTEL_SERVICE_NAME"),
        ("release", "1.4.2", "APP_VERSION"),
        ("exclude", "/static/,/ping", "MONITORING_EXCLUDE"),
        ("names", "otel", "MONITORING_METRIC_NAMES"),
        ("admin_addr", "127.0.0.1:9000", "MONITORING_ADDR"),
        ("monitoring.access", "token", "MONITORING_TOKEN"),
        ("monitoring.token", "set", "MONITORING_TOKEN"),
        ("monitoring.path", "/ops", "MONITORING_PATH"),
        ("state_file", "set", "MONITORING_STATE"),
        ("alerts.interval", "30s", "MONITORING_EVALUATION_INTERVAL"),
        ("notifiers.slack", "set", "SLACK_WEBHOOK_URL"),
        ("notifiers.pagerduty", "set", "PAGERDUTY_ROUTING_KEY"),
        ("notifiers.webhook", "set", "WEBHOOK_URL"),
        ("notifiers.alertmanager", "set", "ALERTMANAGER_URL"),
    ] {
        assert_eq!(setting(&builder, name), from(value, variable), "{name}");
    }
    let (rule, source, variable) = setting(&builder, "alerts.high_error_rate");
    assert!(rule.starts_with("error_rate_percent above 2.5"), "{rule}");
    let of_rule = (source, variable.as_deref());
    assert_eq!(
        of_rule,
        (
            SettingSource::Environment,
            Some("ALERT_ERROR_RATE_THRESHOLD")
        )
    );
    let (_, source, _) = setting(&builder, "alerts.slow_response_time");
    assert_eq!(source, SettingSource::Default);
}

#[test]
fn what_the_application_sets_later_is_of_the_code() {
    let slow = Rule::new("high_error_rate", Signal::error_rate_percent()).above(9.0);
    let alerts = Alerts::default().without("high_error_rate").rule(slow);
    let token = Access::Token("another-s3cret-of-16".to_owned());
    let builder = of_environment()
        .service_name("stock")
        .exclude(["/other/"])
        .state_file("/tmp/another")
        .alerts(alerts)
        .notifiers(Notifiers::new())
        .monitoring(Monitoring::new(token).path("/else"))
        .endpoint_cap(20);
    for (name, value) in [
        ("service_name", "stock"),
        ("exclude", "/other/"),
        ("state_file", "set"),
        ("monitoring.token", "set"),
        ("monitoring.path", "/else"),
        ("endpoint_cap", "20"),
    ] {
        assert_eq!(setting(&builder, name), code(value), "{name}");
    }
    let (rule, source, variable) = setting(&builder, "alerts.high_error_rate");
    assert!(rule.starts_with("error_rate_percent above 9"), "{rule}");
    assert_eq!((source, variable), (SettingSource::Code, None));
    assert_eq!(setting(&builder, "alerts.interval"), default("60s"));
    // What nobody has touched is still of the environment.
    assert_eq!(setting(&builder, "release"), from("1.4.2", "APP_VERSION"));
}

#[test]
fn what_nobody_sets_is_the_default() {
    let builder = VitalsBuilder::new();
    for (name, value) in [
        ("service_name", "of the program"),
        ("release", "unknown"),
        ("environment", "production"),
        ("exclude", "none"),
        ("names", "prometheus"),
        ("endpoint_cap", "1000"),
        ("state_file", "not set"),
        ("admin_addr", "none"),
        ("monitoring.access", "off"),
        ("monitoring.token", "not set"),
        ("monitoring.path", "/api/v1/monitoring"),
        ("notifiers.url", "not set"),
        ("sentry.dsn", "not set"),
    ] {
        assert_eq!(setting(&builder, name), default(value), "{name}");
    }
}

#[test]
fn no_setting_shows_a_secret() {
    let builder = of_environment();
    let shown = format!("{:?} {builder:?}", builder.effective());
    // The builder shows the path of the state file by itself, to its application.
    let shown = shown.replace("/tmp/s3cret-of-the-state\"", "");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!format!("{:?}", builder.effective()).contains("s3cret"));
}
