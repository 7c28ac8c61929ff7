#[cfg(feature = "axum")]
mod failures;

use std::{env, fs, process};

use super::*;
use crate::health::Health;

const TOKEN_FILE: &str = "MONITORING_TOKEN_FILE";

fn settings(variables: &[(&str, &str)]) -> Result<MonitoringSettings, ConfigError> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    MonitoringSettings::from_environment(&Environment(&variable))
}

/// Where the API is, and who may ask.
fn told(variables: &[(&str, &str)]) -> Option<(String, &'static str)> {
    let checked = settings(variables).unwrap().checked(None).unwrap();
    let checked = checked.0?;
    Some((checked.path().to_owned(), checked.access()))
}

#[test]
fn the_api_is_off_unless_a_token_is_set() {
    assert_eq!(told(&[]), None);
    assert_eq!(told(&[(TOKEN, " ")]), None);
    assert_eq!(told(&[(PATH, "/ops")]), None);
    let usual = ("/api/v1/monitoring".to_owned(), "token");
    assert_eq!(told(&[(TOKEN, "secret")]), Some(usual));
    let moved = ("/ops".to_owned(), "token");
    assert_eq!(told(&[(TOKEN, "secret"), (PATH, "/ops")]), Some(moved));
    assert!(
        Vitals::builder()
            .isolated()
            .build()
            .unwrap()
            .monitoring()
            .is_none()
    );
}

#[test]
fn the_path_of_the_environment_gives_way_to_that_of_the_application() {
    let mut settings = settings(&[(PATH, "/ops")]).unwrap();
    let monitoring = Monitoring::new(Access::Loopback);
    settings.monitoring = Some(monitoring.clone());
    let checked = settings.clone().checked(None).unwrap();
    assert_eq!(checked.path(), Some("/ops"));
    settings.monitoring = Some(monitoring.path("/own"));
    assert_eq!(settings.checked(None).unwrap().path(), Some("/own"));
}

#[test]
fn a_token_can_stand_in_a_file() {
    let file = env::temp_dir().join(format!("tower-vitals-token-{}", process::id()));
    let name = file.to_str().unwrap();
    fs::write(&file, "  sentinel-of-the-file\n").unwrap();
    let from_file = settings(&[(TOKEN_FILE, name)]).unwrap();
    assert!(from_file.monitoring.is_some());
    let both = settings(&[(TOKEN_FILE, name), (TOKEN, "other")]).unwrap_err();
    assert_eq!(
        (both.field(), both.reason()),
        (TOKEN_FILE, "MONITORING_TOKEN is set as well")
    );
    for (text, field) in [
        ("", TOKEN_FILE),
        (" \n", TOKEN_FILE),
        ("two\nsentinels", TOKEN),
    ] {
        fs::write(&file, text).unwrap();
        let error = settings(&[(TOKEN_FILE, name)]).unwrap_err();
        assert_eq!(error.field(), field);
        assert!(!error.to_string().contains("sentinel"), "{error}");
    }
    fs::remove_file(&file).unwrap();
    let missing = settings(&[(TOKEN_FILE, name)]).unwrap_err();
    assert_eq!(
        (missing.field(), missing.reason()),
        (TOKEN_FILE, "entity not found")
    );
}

#[test]
fn a_bad_setting_fails_at_build_with_its_field_and_without_the_token() {
    let token = |token: &str| Monitoring::new(Access::Token(token.into()));
    let loopback = || Monitoring::new(Access::Loopback);
    let public = || Monitoring::new(Access::Public);
    for (monitoring, field, value) in [
        (token(""), "monitoring.access", ""),
        (token(" sentinel"), "monitoring.access", ""),
        (token("sentinel\n"), "monitoring.access", ""),
        (token("senti\tnel"), "monitoring.access", ""),
        (token("sentinel").token("sentinel"), "monitoring.token", ""),
        (loopback().token(""), "monitoring.token", ""),
        (public().token("sentinel "), "monitoring.token", ""),
        (public().check_errors(), "monitoring.check_errors", ""),
        (public().hosts(["a.test"]), "monitoring.hosts", ""),
        (
            loopback().hosts(["a.test", "b c"]),
            "monitoring.hosts[1]",
            "b c",
        ),
        (loopback().path("/"), "monitoring.path", "/"),
        (loopback().path(""), "monitoring.path", ""),
        (loopback().path("ops"), "monitoring.path", "ops"),
        (loopback().path("/ops/"), "monitoring.path", "/ops/"),
        (loopback().path("/a//b"), "monitoring.path", "/a//b"),
        (loopback().path("/a/../b"), "monitoring.path", "/a/../b"),
        (loopback().path("/%6f"), "monitoring.path", "/%6f"),
        (loopback().path("/{ops}"), "monitoring.path", "/{ops}"),
        (loopback().path("/öps"), "monitoring.path", "/öps"),
        (loopback().path("/metrics"), "monitoring.path", "/metrics"),
    ] {
        let shown = format!("{monitoring:?}");
        assert!(!shown.contains("sentinel"), "{shown}");
        let error = Vitals::builder()
            .isolated()
            .monitoring(monitoring)
            .build()
            .unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
        assert!(!error.to_string().contains("sentinel"), "{error}");
    }
}

#[tokio::test]
async fn the_api_is_at_no_path_of_a_probe() {
    let health = Health::builder().start().unwrap();
    for path in [
        "/health",
        "/health/database",
        "/readyz",
        "/api",
        "/api/v1/health",
    ] {
        let monitoring = Monitoring::new(Access::Loopback).path(path);
        let builder = Vitals::builder().isolated().health(health.service());
        let error = builder.monitoring(monitoring).build().unwrap_err();
        let told = (error.field(), error.value(), error.reason());
        assert_eq!(told, ("monitoring.path", path, "a probe is there"));
    }
    for path in ["/api/v1/monitoring", "/health/monitoring/of", "/healthy"] {
        let monitoring = Monitoring::new(Access::Loopback).path(path);
        let builder = Vitals::builder().isolated().health(health.service());
        assert!(builder.monitoring(monitoring).build().is_ok(), "{path}");
    }
}

#[test]
fn tokens_are_in_no_text_for_people() {
    let token = "sentinel-of-the-token";
    for monitoring in [
        Monitoring::new(Access::Token(token.into())),
        Monitoring::new(Access::Loopback).token(token),
        Monitoring::new(Access::Public).token(token),
    ] {
        let builder = Vitals::builder().isolated().monitoring(monitoring);
        let before = format!("{builder:?}");
        let vitals = builder.build().unwrap();
        let service = vitals.monitoring().unwrap();
        for shown in [before, format!("{vitals:?}"), format!("{service:?}")] {
            assert!(!shown.contains("sentinel"), "{shown}");
        }
    }
    let shown = format!("{:?}", Access::Token(token.into()));
    assert_eq!(shown, "Token(…)");
}
