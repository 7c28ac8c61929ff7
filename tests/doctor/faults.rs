//! Faults of a service that are planted, which the doctor finds from inside.

use std::{fs, future, time::Duration};

use axum::{
    body::{Body, to_bytes},
    routing::get,
};
use http::HeaderMap;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::ServiceExt;
use tower_vitals::{
    Release,
    alerts::{AlertSeverity, Alerts},
    exclude::Rule,
    health::{Check, Health},
    monitoring::{Access, Monitoring},
    notify::{Notification, Notifier, Notifiers, NotifyError, Routes, Slack},
    sentry::SentryOptions,
};
use tracing::{
    Event, Metadata, Subscriber,
    instrument::WithSubscriber,
    span::{Attributes, Id, Record},
};

use crate::{
    directory::Directory,
    nobody::nobody,
    served::{BASE, Served, TOKEN, answering, app, http as answer, stack, vitals, with},
};

/// Takes nothing.
struct Refusing(&'static str);

/// Fails to write each line.
struct Failing;

impl Subscriber for Failing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tower_vitals")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        panic!("on purpose");
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Notifier for Refusing {
    fn name(&self) -> &str {
        self.0
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        Err(NotifyError::Refused {
            text: "not today".to_owned(),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_well_has_no_problem() {
    let ping = || async { Ok::<_, std::io::Error>(()) };
    let health = Health::builder()
        .check(Check::new("database", ping))
        .start()
        .unwrap();
    while health.reports().iter().any(|check| check.age.is_none()) {
        tokio::task::yield_now().await;
    }
    let builder = stack()
        .service_name("shop")
        .release(Release::new("1.4.2"))
        .health(health.service());
    let served = Served::start(builder).await;
    served.get("/orders/7").await;
    let request = served.url("/orders/8");
    let ran = served.vitals(&["doctor", "--request", &request]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.out.contains('✗'), "{ran:?}");
    for line in [
        "✓ api: it answers",
        "✓ clock: the clocks of the service and of this machine agree",
        "✓ release: version 1.4.2 runs in production",
        "✓ checks: 1 are well",
        "✓ probe: /health answers 200, healthy",
        "✓ request: a request was answered 200 and counted",
        "✓ access: the API needs its token",
    ] {
        ran.says(line);
    }
    // Nobody is told of alerts, and that is only a warning.
    let strict = served.vitals(&["doctor", "--strict"]).await;
    assert_eq!(strict.code, 1, "{strict:?}");
    let json = served.json(&["doctor"]).await;
    assert_eq!(
        (&json["service"], &json["version"]),
        (&"shop".into(), &"1.4.2".into())
    );
    let settings = json["settings"].as_array().unwrap();
    let cap = settings
        .iter()
        .find(|one| one["name"] == "endpoint_cap")
        .unwrap();
    assert_eq!(
        (&cap["value"], &cap["source"]),
        (&"1000".into(), &"default".into())
    );
    assert_eq!(json["findings"][0]["grade"], "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_service_is_told_what_is_missing() {
    let served = Served::start(stack().alerts(Alerts::none())).await;
    let ran = served.vitals(&["doctor"]).await;
    ran.finds("! release:", "unknown", "APP_VERSION");
    ran.finds(
        "! deployments:",
        "no deployment",
        "Vitals::record_deployment",
    );
    ran.finds("! requests:", "no request was seen", "vitals.layer()");
    ran.finds("! probes:", "there are none", "VitalsBuilder::health");
    ran.finds("! sentry:", "off", "SENTRY_DSN");
    ran.finds(
        "! alerts:",
        "there are no rules",
        "ALERT_ERROR_RATE_ENABLED",
    );
    ran.finds("! notifiers:", "nobody is told", "SLACK_WEBHOOK_URL");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_beyond_the_cap_and_patterns_without_a_match_are_found() {
    let builder = stack()
        .endpoint_cap(1)
        .exclude(["/statics/", "/orders/9"])
        .exclude_rules([Rule::header("x-probe", "s3cret")]);
    let served = Served::start(builder).await;
    for path in ["/orders/7", "/items/7", "/items/8", "/orders/9"] {
        served.get(path).await;
    }
    let excluded = served.url("/orders/9");
    let ran = served.vitals(&["doctor", "--request", &excluded]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds(
        "✗ cardinality:",
        "2 requests are beyond the cap of 1 endpoints",
        "endpoint_cap",
    );
    ran.finds(
        "! exclusion:",
        "no request has matched /statics/",
        "MONITORING_EXCLUDE",
    );
    ran.finds("! request:", "is excluded", "MONITORING_EXCLUDE");
    assert!(!ran.out.contains("s3cret"), "{ran:?}");
    let outside = served.url("/outside");
    let ran = served.vitals(&["doctor", "--request", &outside]).await;
    ran.finds(
        "✗ request:",
        "and not counted",
        "Router::layer(vitals.layer())",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_among_others_is_not_taken_for_one_of_them() {
    let vitals = stack().build().unwrap();
    // The layer does not see it, and it asks twice for what the layer sees.
    let outside = async |headers: HeaderMap| {
        let address = headers["host"].to_str().unwrap().to_owned();
        for _ in 0..2 {
            let mut socket = TcpStream::connect(&address).await.unwrap();
            let head = "GET /orders/7 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
            socket.write_all(head.as_bytes()).await.unwrap();
            socket.read_to_end(&mut Vec::new()).await.unwrap();
        }
    };
    let app = app(&vitals).route("/busy", get(outside));
    let served = Served::of(vitals, app).await;
    let busy = served.url("/busy");
    let ran = served.vitals(&["doctor", "--request", &busy]).await;
    ran.finds(
        "! request:",
        "answered 200; 2 were seen meanwhile, so nobody knows whether it was one of them",
        "--request, at a time without other requests",
    );
    assert!(!ran.out.contains("and counted"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_below_another_path_are_asked_where_they_are() {
    let fails = || async { Err::<(), _>("no connection") };
    let health = Health::builder().check(Check::new("database", fails));
    let health = health.start().unwrap();
    while health.reports()[0].age.is_none() {
        tokio::task::yield_now().await;
    }
    let probes = health.service().base("/internal").unwrap();
    let served = Served::start(stack().health(probes)).await;
    let ran = served.vitals(&["doctor"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds("✗ probe:", "/internal/readyz answers 503", "vitals check");
    assert!(
        ran.out.contains("✓ probe: /internal/livez answers 200"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("probe: /livez"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_tell_the_public_no_setting() {
    let public = || with(Monitoring::new(Access::Public)).exclude(["/hidden/"]);
    for (builder, asked) in [
        (public().endpoint_cap(1_234), "/orders/7"),
        (public().endpoint_cap(1), "/hidden/7"),
    ] {
        let served = Served::start(builder).await;
        for path in [asked, "/items/7", "/orders/7"] {
            served.get(path).await;
        }
        let seen = served.vitals.doctor();
        let told = format!("{:?}", seen.findings);
        assert!(told.contains("/hidden/") || told.contains("of 1 endpoints"));
        let url = served.url(BASE);
        let ran = vitals(&["doctor", "--url", &url, "--format", "json"], &[]).await;
        for setting in ["hidden", "1234", "of 1 endpoints"] {
            assert!(!ran.out.contains(setting), "{setting}: {ran:?}");
        }
        for check in ["exclusion", "cardinality"] {
            assert!(ran.out.contains(check), "{check}: {ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_share_of_transactions_is_the_same_sentence_for_the_public_whatever_it_is() {
    let taking = answering(|_| answer(200, "", "{}")).await;
    let dsn = format!("http://5e471e15e471e15e471e15e471e15e47@{taking}/1");
    for (rate, owner) in [
        (0.0, "no request"),
        (0.5, "50.0 % of"),
        (1.0, "every request"),
    ] {
        let options = SentryOptions::new(&dsn).unwrap();
        let options = options.transactions().sample_rate(rate).unwrap();
        let public = with(Monitoring::new(Access::Public)).sentry(options);
        let served = Served::start(public).await;
        let mut seen = served.vitals.doctor().findings.into_iter();
        let seen = seen.find(|one| one.check == "sampling").unwrap();
        assert!(seen.what.starts_with(owner), "{seen:?}");
        let url = served.url(BASE);
        let ran = vitals(&["doctor", "--url", &url, "--format", "json"], &[]).await;
        let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let mut told = json["findings"].as_array().unwrap().iter();
        let told = told.find(|one| one["check"] == "sampling").unwrap();
        let expected = serde_json::json!({
            "check": "sampling", "grade": "ok", "what": "a setting says how many requests are transactions", "change": null,
        });
        assert_eq!(told, &expected, "{rate}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_that_never_answered_or_fail_and_probes_that_are_left_out_are_found() {
    let hangs = || future::pending::<Result<(), std::io::Error>>();
    let hangs = Check::new("search", hangs).timeout(Duration::from_secs(3_600));
    let fails = Check::new("database", || async {
        Err::<(), _>("s3cret-of-an-address")
    });
    let health = Health::builder().check(hangs).check(fails).start().unwrap();
    while health.reports()[1].age.is_none() {
        tokio::task::yield_now().await;
    }
    let probes = health.service().without("/livez").unwrap();
    let served = Served::start(stack().health(probes)).await;
    let ran = served.vitals(&["doctor"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds(
        "✗ checks:",
        "check search has never answered",
        "health.search",
    );
    ran.finds(
        "✗ checks:",
        "check database is unhealthy",
        "health.database",
    );
    ran.finds("! probes:", "there is no /livez", "HealthService::without");
    ran.finds("✗ probe:", "/readyz answers 503", "vitals check");
    assert!(!ran.out.contains("s3cret"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_file_that_cannot_be_written_is_found() {
    let directory = Directory::new("doctor-state");
    let state = directory.path("state");
    // Where the lock would be.
    fs::create_dir(directory.path("state.lock")).unwrap();
    let builder = stack().release(Release::new("1.4.2")).state_file(&state);
    let served = Served::start(builder).await;
    // It is written on a thread of its own.
    let failed = || {
        let diagnosis = served.vitals.doctor();
        let file = diagnosis
            .findings
            .into_iter()
            .find(|one| one.check == "state_file");
        file.is_some_and(|file| file.change.is_some())
    };
    let found = async {
        while !failed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found)
        .await
        .unwrap();
    let ran = served.vitals(&["doctor"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds("✗ state_file:", "", "MONITORING_STATE");
    assert!(!ran.out.contains(&*state.to_string_lossy()), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_token_and_an_api_for_everybody_are_found() {
    let short = Monitoring::new(Access::Token("short".to_owned()));
    let served = Served::start(with(short)).await;
    let url = served.url(BASE);
    let ran = vitals(&["doctor", "--url", &url, "--token", "short"], &[]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds("✗ access:", "fewer than 16 characters", "MONITORING_TOKEN");

    let served = Served::start(with(Monitoring::new(Access::Public)).exclude(["/nobody"])).await;
    let url = served.url(BASE);
    let ran = vitals(&["doctor", "--url", &url, "--send-test"], &[]).await;
    ran.finds(
        "! access:",
        "everybody who reaches the port",
        "Access::Public",
    );
    ran.says("the service shows its settings to nobody, because its API is public");
    // Nobody may change anything there, and a test is sent to people.
    ran.finds("✗ test:", "HTTP 403", "Monitoring::token");
    let json = vitals(&["doctor", "--url", &url, "--format", "json"], &[]).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(json["settings"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notifier_that_refuses_and_one_without_a_route_are_found() {
    let refusing = answering(|_| answer(403, "", "no such hook")).await;
    let slack = Slack::new(&format!("http://{refusing}/services/s3cret")).unwrap();
    let to_slack = AlertSeverity::ALL
        .into_iter()
        .fold(Routes::new(), |routes, severity| {
            routes.severity(severity, ["slack", "pager"])
        });
    let notifiers = Notifiers::new()
        .notifier(slack)
        .notifier(Refusing("pager"))
        .notifier(Refusing("forgotten"))
        .routes(to_slack);
    let served = Served::start(stack().notifiers(notifiers)).await;
    let quiet = served.vitals(&["doctor"]).await;
    assert!(
        !quiet.out.contains("notifier_test"),
        "nothing is sent unasked: {quiet:?}"
    );
    quiet.finds(
        "! notifiers:",
        "no route leads to forgotten",
        "Notifiers::routes",
    );
    quiet.finds("! notifiers:", "where to look", "MONITORING_URL");
    let ran = served.vitals(&["doctor", "--send-test"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds(
        "✗ notifier_test:",
        "slack took no test",
        "SLACK_WEBHOOK_URL",
    );
    ran.finds(
        "✗ notifier_test:",
        "pager took no test: not today",
        "Notifiers::notifier",
    );
    assert!(!ran.out.contains("s3cret"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentry_that_is_away_and_one_that_gets_everything_are_found() {
    let dsn = format!("http://5e471e15e471e15e471e15e471e15e47@{}/1", nobody());
    let options = SentryOptions::new(&dsn).unwrap();
    let options = options.transactions().sample_rate(1.0).unwrap();
    let served = Served::start(stack().sentry(options)).await;
    let ran = served.vitals(&["doctor", "--send-test"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds("✗ sentry_test:", "did not take an event", "SENTRY_DSN");
    ran.finds("! sampling:", "every request", "SENTRY_TRACES_SAMPLE_RATE");
    assert!(!ran.out.contains("5e471e15"), "{ran:?}");

    let taking = answering(|_| answer(200, "", "{}")).await;
    let dsn = format!("http://5e471e15e471e15e471e15e471e15e47@{taking}/1");
    let served = Served::start(stack().sentry(SentryOptions::new(&dsn).unwrap())).await;
    let ran = served.vitals(&["doctor", "--send-test"]).await;
    ran.says("✓ sentry_test: Sentry took an event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_that_a_recorder_of_the_application_gets_are_found() {
    let monitoring = Monitoring::new(Access::Token(TOKEN.to_owned()));
    let builder = tower_vitals::Vitals::builder()
        .monitoring(monitoring)
        .use_global_recorder();
    let served = Served::start(builder).await;
    let ran = served.vitals(&["doctor"]).await;
    ran.finds(
        "! metrics:",
        "a recorder of the application",
        "use_global_recorder",
    );
    assert!(!ran.out.contains("scrape:"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_that_were_lost_are_found() {
    let vitals = stack().build().unwrap();
    let request = http::Request::get("/orders/7").body(Body::empty()).unwrap();
    let answered = async {
        let response = app(&vitals).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        // The line is written at the end of the body.
        to_bytes(response.into_body(), 100).await.unwrap();
    };
    answered.with_subscriber(Failing).await;
    let app = app(&vitals);
    let served = Served::of(vitals, app).await;
    let ran = served.vitals(&["doctor"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    ran.finds("✗ log:", "log lines were lost", "LOG_QUEUE");
}
