//! Leaves a trace of each query on its request, and reports slow calls to Sentry with the data of the right request.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::StatusCode,
    routing::get,
};
use sentry::ClientOptions;
use serde_json::{Value, json};
use tokio::{
    task,
    time::{advance, sleep, timeout},
};
use tower::ServiceExt;
use tower_vitals::{
    Vitals,
    exchange::Exchange,
    metrics::{Metrics, Sink},
    monitored,
    operations::OutboundLayer,
    outbound, query,
    report::ReportPolicy,
    sentry::{SentryOptions, guard},
};

use super::counted::durations;
use crate::{
    dsn::{Answer, Dsn},
    panics::silence_panics_that_were_asked_for,
};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(20);

/// A stack that reports to `dsn`, but no request only because it was slow.
fn reporting(dsn: &Dsn) -> SentryOptions {
    let options = SentryOptions::new(&dsn.url()).unwrap();
    options.report_policy(ReportPolicy::new().without_slow())
}

fn stack(options: SentryOptions) -> Vitals {
    let builder = Vitals::builder().isolated();
    builder.sentry(options).build().unwrap()
}

async fn send(app: &Router, path: &str, id: &str) -> StatusCode {
    let request = Request::builder().uri(path).header("x-request-id", id);
    let request = request.body(Body::empty()).unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

/// The breadcrumbs of an event, without their times.
fn crumbs(event: &Value) -> Vec<Value> {
    let all = event["breadcrumbs"]["values"].as_array();
    let mut all = all
        .or(event["breadcrumbs"].as_array())
        .cloned()
        .unwrap_or_default();
    for crumb in &mut all {
        crumb.as_object_mut().unwrap().remove("timestamp");
    }
    all
}

#[tokio::test(start_paused = true)]
async fn each_query_is_a_breadcrumb_of_its_own_request() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = stack(reporting(&dsn));
    let metrics = vitals.metrics().clone();
    let handler = async move |Path(n): Path<u64>| {
        let of = |operation: &str| query(operation, "orders").metrics(&metrics);
        of("SELECT").run(sleep(n as u32 * MS)).await;
        let failed = async {
            sleep(MS).await;
            Err::<(), _>(std::fmt::Error)
        };
        of("UPDATE").try_run(failed).await.unwrap_err();
        monitored("no query").metrics(&metrics).time(|| ());
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new()
        .route("/{n}", get(handler.clone()))
        .layer(vitals.layer());
    tokio::join!(send(&app, "/2", "id-2"), send(&app, "/3", "id-3"));
    vitals.flush(LONG);
    let mut events = dsn.events();
    events.sort_by_key(|event| event["tags"]["request_id"].to_string());
    let crumb = |level: &str, operation: &str, millis: f64, outcome: &str| {
        let mut crumb = json!({
            "category": "query",
            "data": { "operation": operation, "table": "orders", "duration_ms": millis, "outcome": outcome },
        });
        if level != "info" {
            crumb["level"] = level.into();
        }
        crumb
    };
    for (event, (id, millis)) in events.iter().zip([("id-2", 2.0), ("id-3", 3.0)]) {
        assert_eq!(event["tags"]["request_id"], id);
        let expected = [
            crumb("info", "SELECT", millis, "success"),
            crumb("warning", "UPDATE", 1.0, "error"),
        ];
        assert_eq!(crumbs(event), expected);
    }
    assert_eq!(events.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_query_of_a_task_is_a_breadcrumb_of_its_request_and_of_no_other() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = stack(reporting(&dsn));
    let metrics = vitals.metrics().clone();
    let handler = async move || {
        let carried = query("SELECT", "carried").metrics(&metrics);
        let exchange = Exchange::current().unwrap();
        let carried = async move {
            carried.run(async {}).await;
            sentry::capture_message("in the task", sentry::Level::Info);
        };
        task::spawn(exchange.scope(carried)).await.unwrap();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/", "id-1").await;
    let nothing = async || StatusCode::INTERNAL_SERVER_ERROR;
    let other = Router::new()
        .route("/other", get(nothing))
        .layer(vitals.layer());
    send(&other, "/other", "id-2").await;
    vitals.flush(LONG);
    let events = dsn.events();
    let tables: Vec<_> = events
        .iter()
        .map(|event| {
            let tables = crumbs(event).into_iter();
            let tables: Vec<_> = tables.map(|crumb| crumb["data"]["table"].clone()).collect();
            (event["tags"]["request_id"].clone(), tables)
        })
        .collect();
    let carried = vec![Value::from("carried")];
    let one = (Value::from("id-1"), carried);
    assert_eq!(tables, [one.clone(), one, ("id-2".into(), vec![])]);
}

#[tokio::test(start_paused = true)]
async fn the_breadcrumbs_of_a_request_are_bounded() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = stack(reporting(&dsn));
    let metrics = vitals.metrics().clone();
    let handler = async move || {
        for _ in 0..300 {
            query("SELECT", "orders")
                .metrics(&metrics)
                .run(async {})
                .await;
        }
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/", "id-1").await;
    vitals.flush(LONG);
    assert_eq!(
        crumbs(&dsn.events()[0]).len(),
        100,
        "the default of the SDK"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_is_a_warning_of_its_request_grouped_by_name_and_limited() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = stack(reporting(&dsn));
    let metrics = vitals.metrics().clone();
    let handler = async move |Path(n): Path<u32>| {
        let slow = |metrics: &Metrics| monitored("limited").metrics(metrics).threshold(MS);
        if n == 0 {
            for _ in 0..12 {
                slow(&metrics).run(sleep(2 * MS)).await;
            }
        }
        if n == 1 {
            slow(&metrics).run(sleep(2 * MS)).await;
            let call = query("SELECT", "limited").metrics(&metrics).threshold(MS);
            timeout(3 * MS, call.run(std::future::pending::<()>()))
                .await
                .unwrap_err();
        }
    };
    let app = Router::new()
        .route("/{n}", get(handler))
        .layer(vitals.layer());
    send(&app, "/0", "id-0").await;
    advance(Duration::from_secs(60)).await;
    send(&app, "/1", "id-1").await;
    vitals.flush(LONG);
    let events = dsn.events();
    assert_eq!(events.len(), 12);
    for (index, event) in events.iter().enumerate().take(11) {
        let id = if index < 10 { "id-0" } else { "id-1" };
        assert_eq!(event["level"], "warning");
        assert_eq!(event["logentry"]["message"], "slow operation: limited");
        assert_eq!(
            event["fingerprint"],
            json!(["tower-vitals", "slow", "operation", "limited"])
        );
        assert_eq!(event["tags"]["request_id"], id);
        assert_eq!(event["tags"]["name"], "limited");
        assert_eq!(event["tags"]["endpoint"], "/{n}");
        assert_eq!(event["extra"]["duration_ms"], 2.0);
        assert_eq!(event["extra"]["threshold_ms"], 1.0);
    }
    assert_eq!(events[10]["extra"]["held_back"], 2);
    let query = &events[11];
    assert_eq!(query["fingerprint"][3], "SELECT limited");
    assert_eq!(query["tags"]["operation"], "SELECT");
    assert_eq!(query["tags"]["table"], "limited");
    assert_eq!(query["tags"]["outcome"], "cancelled");
    assert_eq!(vitals.metrics().totals().dropped(Sink::SentryFlood), 2);
}

/// The children of the one transaction: operation, description, status, and how long.
fn children(dsn: &Dsn) -> Vec<(String, String, String, f64)> {
    let [transaction] = &dsn.items("transaction")[..] else {
        panic!("one transaction")
    };
    let trace = &transaction["contexts"]["trace"];
    let spans = transaction["spans"].as_array().unwrap().iter();
    let spans = spans.map(|span| {
        assert_eq!(span["parent_span_id"], trace["span_id"]);
        assert_eq!(span["trace_id"], trace["trace_id"]);
        let text = |key: &str| span[key].as_str().unwrap().to_owned();
        // The SDK writes the two in two ways.
        let start = span["start_timestamp"].as_f64().unwrap();
        let end = humantime::parse_rfc3339(&text("timestamp")).unwrap();
        let end = end.duration_since(std::time::UNIX_EPOCH).unwrap();
        let seconds = ((end.as_secs_f64() - start) * 1e3).round() / 1e3;
        (text("op"), text("description"), text("status"), seconds)
    });
    spans.collect()
}

#[tokio::test(start_paused = true)]
async fn each_call_is_a_child_of_the_transaction_of_its_request_with_its_time() {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Status(200));
    let options = reporting(&dsn).transactions().sample_rate(1.0).unwrap();
    let vitals = stack(options);
    let metrics = vitals.metrics().clone();
    let handler = async move || {
        let select = query("SELECT", "orders").metrics(&metrics);
        let failed = query("UPDATE", "orders").metrics(&metrics);
        let outer = monitored("outer").metrics(&metrics);
        outer.run(select.run(sleep(5 * MS))).await;
        failed
            .try_time(|| Err::<(), _>(std::fmt::Error))
            .unwrap_err();
        let gave_up = monitored("gave up").metrics(&metrics);
        timeout(7 * MS, gave_up.run(std::future::pending::<()>()))
            .await
            .unwrap_err();
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/", "id-1").await;
    vitals.flush(LONG);
    let children = children(&dsn);
    let child = |operation: &str, words: &str, status: &str, seconds: f64| {
        (
            operation.to_owned(),
            words.to_owned(),
            status.to_owned(),
            seconds,
        )
    };
    let expected = [
        child("db", "SELECT orders", "ok", 0.005),
        child("function", "outer", "ok", 0.005),
        child("db", "UPDATE orders", "internal_error", 0.0),
        child("function", "gave up", "cancelled", 0.007),
    ];
    assert_eq!(children, expected);
}

#[tokio::test(start_paused = true)]
async fn a_call_of_another_service_is_a_breadcrumb_of_its_request_and_a_child_of_its_transaction() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = reporting(&dsn).transactions().sample_rate(1.0).unwrap();
    let vitals = stack(options);
    let groq = outbound("groq").metrics(vitals.metrics());
    let handler = async move || {
        let failed = async {
            sleep(5 * MS).await;
            Err::<(), _>(std::fmt::Error)
        };
        groq.run(failed).await.unwrap_err();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/", "id-1").await;
    vitals.flush(LONG);
    let [event] = &dsn.events()[..] else {
        panic!("one failure");
    };
    let expected = json!({
        "category": "http", "level": "warning",
        "data": { "service": "groq", "duration_ms": 5.0, "outcome": "error" },
    });
    assert_eq!(crumbs(event), [expected]);
    assert_eq!(event["tags"]["external_service"], "groq");
    let (operation, words, status, seconds) = &children(&dsn)[0];
    let child = (&**operation, &**words, &**status, *seconds);
    assert_eq!(child, ("http.client", "groq", "internal_error", 0.005));
}

#[tokio::test]
async fn a_call_whose_body_a_task_reads_is_a_breadcrumb_of_the_request_that_made_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = stack(reporting(&dsn));
    let service = tower::service_fn(async |_: Request| {
        let body = Body::from("read to its end");
        Ok::<_, std::convert::Infallible>(axum::response::Response::new(body))
    });
    let layer = OutboundLayer::new("groq").metrics(vitals.metrics());
    let client = tower::Layer::layer(&layer, service);
    let handler = async move || {
        let answer = client.oneshot(Request::default()).await.unwrap();
        let body = Body::new(answer.into_body());
        let read = task::spawn(axum::body::to_bytes(body, 99));
        read.await.unwrap().unwrap();
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    send(&app, "/", "id-1").await;
    vitals.flush(LONG);
    let crumbs = crumbs(&dsn.events()[0]);
    assert_eq!(crumbs.len(), 1);
    assert_eq!(crumbs[0]["data"]["service"], "groq");
}

#[tokio::test(start_paused = true)]
async fn the_child_of_a_call_stands_at_its_true_time_also_if_its_body_ends_later() {
    for read in [true, false] {
        let dsn = Dsn::start(Answer::Status(200));
        let options = reporting(&dsn).transactions().sample_rate(1.0).unwrap();
        let vitals = stack(options);
        let service = tower::service_fn(|_: Request| async {
            sleep(5 * MS).await;
            let end = async {
                sleep(400 * MS).await;
                Ok::<_, std::convert::Infallible>(axum::body::Bytes::new())
            };
            let body = Body::from_stream(futures::stream::once(end));
            Ok::<_, std::convert::Infallible>(axum::response::Response::new(body))
        });
        let layer = OutboundLayer::new("groq").metrics(vitals.metrics());
        let client = tower::Layer::layer(&layer, service);
        let handler = async move || {
            let answer = client.oneshot(Request::default()).await.unwrap();
            if read {
                let body = Body::new(answer.into_body());
                axum::body::to_bytes(body, 9).await.unwrap();
            } else {
                sleep(400 * MS).await;
            }
        };
        let app = Router::new().route("/", get(handler)).layer(vitals.layer());
        send(&app, "/", "id-1").await;
        vitals.flush(LONG);
        let child = &children(&dsn)[0];
        assert_eq!((&*child.0, child.3), ("http.client", 0.005));
        let transaction = &dsn.items("transaction")[0];
        let end = |span: &Value| {
            let time = humantime::parse_rfc3339(span["timestamp"].as_str().unwrap());
            time.unwrap()
        };
        let later = end(transaction).duration_since(end(&transaction["spans"][0]));
        // The clock of this test stands still. That of Sentry does not.
        let later = later.unwrap();
        assert!(later >= 400 * MS, "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_the_sdk_that_panics_costs_a_counter() {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Status(200));
    let mut options = ClientOptions::new().dsn(dsn.url().as_str());
    options.before_breadcrumb = Some(Arc::new(|_| {
        std::panic::resume_unwind(Box::new("as asked"))
    }));
    options.before_send = Some(Arc::new(|event| match event.message {
        Some(_) => std::panic::resume_unwind(Box::new("as asked")),
        None => Some(event),
    }));
    let client = Arc::new(sentry::Client::with_options(guard(options)));
    let hub = Arc::new(sentry::Hub::new(Some(client), Arc::default()));
    let vitals = stack(SentryOptions::current_client());
    let metrics = vitals.metrics().clone();
    let handler = async move || {
        let call = query("SELECT", "hooks").metrics(&metrics).threshold(MS);
        call.run(async {
            sleep(2 * MS).await;
            "found"
        })
        .await
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let sent = sentry::SentryFutureExt::bind_hub(send(&app, "/", "id-1"), hub);
    assert_eq!(sent.await, 200);
    assert_eq!(vitals.metrics().totals().dropped(Sink::Sentry), 1);
    let failures = vitals.metrics().snapshot().counters["vitals_hook_failures_total"];
    assert_eq!(failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_the_sdk_can_run_a_query_of_its_own() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = stack(SentryOptions::current_client());
    let metrics = vitals.metrics().clone();
    let mut options = ClientOptions::new().dsn(dsn.url().as_str());
    let of_hook = metrics.clone();
    options.before_breadcrumb = Some(Arc::new(move |crumb| {
        query("SELECT", "of_hook").metrics(&of_hook).time(|| ());
        Some(crumb)
    }));
    let client = Arc::new(sentry::Client::with_options(guard(options)));
    let hub = Arc::new(sentry::Hub::new(Some(client), Arc::default()));
    let of_handler = metrics.clone();
    let handler = async move || {
        let call = query("SELECT", "of_handler").metrics(&of_handler);
        call.run(async { "found" }).await
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let sent = sentry::SentryFutureExt::bind_hub(send(&app, "/", "id-1"), hub);
    assert_eq!(sent.await, 200);
    let counted = durations(&metrics, "db_query_duration_seconds");
    let counted: Vec<_> = counted
        .iter()
        .map(|((_, table), all)| (table.as_str(), all.count))
        .collect();
    assert_eq!(counted, [("of_handler", 1), ("of_hook", 1)]);
}
