//! Says at the start what is on, and names the service.

use axum::{Router, body::Body, extract::Request, routing::get};
use sentry::{Level, test::TestTransport};
use serde_json::{Value, json};
use tower_vitals::{
    Release, Vitals, exclude::Patterns, health::Health, logging::Format, metrics::Names,
    sentry::SentryOptions, vitals::VitalsBuilder,
};

use crate::support::{
    dsn::{Answer, Dsn},
    exposition::Exposition,
    lines::{lines, written},
    requests,
};

/// The one line that a stack writes when it is built.
fn start(builder: VitalsBuilder) -> Value {
    let (written, _guard) = written(Format::Json);
    let vitals = builder.isolated().build().unwrap();
    let mut lines = lines(&written);
    lines.retain(|line| line["message"] == "watching");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = lines.remove(0);
    let megabytes = vitals.metrics().memory_bound().div_ceil(1_000_000);
    assert_eq!(line["counters_at_most"], format!("{megabytes} MB"));
    line
}

#[tokio::test]
async fn one_line_says_what_is_on() {
    let health = Health::builder().start().unwrap();
    let builder = Vitals::builder()
        .service_name("shop")
        .release(Release::new("1.4.2").environment("staging"))
        .health(health.service().alias("/status", "/health").unwrap())
        .exclude(["/static/", "/favicon.ico"])
        .names(Names::OpenTelemetry)
        .metric_prefix("shop_")
        .label("zone", "b")
        .label("region", "eu-1")
        .log_stuck();
    let line = start(builder);
    let expected = json!({
        "level": "INFO", "target": "tower_vitals", "service": "shop", "release": "1.4.2",
        "environment": "staging", "sentry": "off: the builder has no options for it",
        "probes": "/api/health,/api/v1/health,/health,/livez,/readyz,/startupz,/status,/v1/health", "excluded": "/static/,/favicon.ico",
        "options": "log_stuck,alerts", "recorder": "isolated", "metric_names": "otel",
        "metric_prefix": "shop_", "metric_labels": "region=eu-1,zone=b",
        "log_format": "of the application",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field}");
    }
    // Nothing on the line is a number that looks like a sum of money.
    let fields = line.as_object().unwrap().values();
    assert!(fields.clone().all(Value::is_string), "{line}");
}

#[test]
fn the_line_of_the_defaults_names_what_is_off() {
    let line = start(Vitals::builder());
    assert_eq!(line["options"], "alerts");
    for field in ["probes", "excluded", "metric_prefix", "metric_labels"] {
        assert_eq!(line[field], "none", "{field}");
    }
    assert_eq!(line["metric_names"], "prometheus");
    assert_eq!(line["environment"], "production");
    // That of the program: this test.
    assert!(
        line["service"].as_str().unwrap().starts_with("it-"),
        "{line}"
    );
    assert_eq!(line.get("release"), None);
}

#[test]
fn the_line_names_the_preset_of_exclusions() {
    let guide = Patterns::GUIDE;
    for (patterns, preset) in [
        (&guide[..], Some("Patterns::GUIDE")),
        (
            &[&guide[..], &["/images/"]].concat(),
            Some("Patterns::GUIDE"),
        ),
        (&guide[1..], None),
    ] {
        let line = start(Vitals::builder().exclude(patterns));
        assert_eq!(line["excluded"], patterns.join(","));
        assert_eq!(line["exclusion_preset"].as_str(), preset);
    }
}

#[test]
fn the_line_says_why_sentry_is_on_or_off() {
    let dsn = Dsn::start(Answer::Status(200));
    let with = |options| start(Vitals::builder().sentry(options))["sentry"].clone();
    assert_eq!(with(SentryOptions::new(&dsn.url()).unwrap()), "on");
    let of_application = || with(SentryOptions::current_client());
    let state = sentry::Hub::run(
        sentry::Hub::new(None, Default::default()).into(),
        of_application,
    );
    assert_eq!(state, "off until the application binds a client");
    for (dsn, expected) in [
        (Some(dsn.url()), "on, by the application's client"),
        (None, "off: the application's client has no DSN"),
    ] {
        let mut options = sentry::ClientOptions::new().transport(TestTransport::new());
        options.dsn = dsn.map(|dsn| dsn.parse().unwrap());
        let client = sentry::Client::with_options(options);
        let hub = sentry::Hub::new(Some(client.into()), Default::default());
        assert_eq!(sentry::Hub::run(hub.into(), of_application), expected);
    }
}

#[tokio::test]
async fn the_service_is_a_tag_of_each_event_and_a_label_of_target_info() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = Vitals::builder()
        .isolated()
        .service_name("shop")
        .release(Release::new("1.4.2").environment("staging"))
        .sentry(SentryOptions::new(&dsn.url()).unwrap())
        .build()
        .unwrap();
    let handler = async |context: tower_vitals::RequestContext| {
        sentry::capture_message("captured", Level::Info);
        context.tag("service", "of the handler");
        sentry::capture_message("tagged", Level::Info);
    };
    let failing = async || hyper::StatusCode::BAD_GATEWAY;
    let app = Router::new()
        .route("/", get(handler))
        .route("/failing", get(failing))
        .layer(vitals.layer());
    for path in ["/", "/failing"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        requests::send(&app, request).await;
    }
    assert_eq!(vitals.flush(std::time::Duration::from_secs(20)), 0);
    let events = dsn.events();
    let tags: Vec<_> = events
        .iter()
        .map(|event| &event["tags"]["service"])
        .collect();
    assert_eq!(tags, ["shop", "shop", "shop"]);
    let labels = [
        ("service_name", "shop"),
        ("service_version", "1.4.2"),
        ("deployment_environment_name", "staging"),
    ];
    assert_eq!(Exposition::of(&vitals).sum("target_info", &labels), 1.0);
}

#[test]
fn a_bad_name_of_a_service_fails_at_build_with_field_and_value() {
    let long = "ü".repeat(201);
    for name in ["", "  ", "a\nb", &long] {
        let builder = Vitals::builder().isolated().service_name(name);
        let error = builder.build().unwrap_err();
        assert_eq!((error.field(), error.value()), ("service_name", name));
    }
    let longest = "ü".repeat(200);
    let line = start(Vitals::builder().service_name(&*longest));
    assert_eq!(line["service"], longest);
}
