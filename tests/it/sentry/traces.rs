//! Names the trace and the host of the right request, whatever its caller sends, and gives tasks the scope of the moment.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Router, body::Body, extract::Request, routing::get};
use http_body_util::BodyExt;
use sentry::{Breadcrumb, Level, TransactionContext};
use tokio::task;
use tower::ServiceExt;
use tower_vitals::{
    exchange::Exchange,
    sentry::{SentryOptions, trace_headers},
};

use super::{LONG, reporting};
use crate::support::{
    dsn::{Answer, Dsn},
    requests,
};

const TRACE: &str = "771a43a4192642f0b136d5159a501700";
const SPAN: &str = "7b9a5d1fd0d42a88";

#[tokio::test]
async fn a_task_has_the_scope_as_it_was_when_the_task_was_made() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let handler = async || {
        let mut tasks = Vec::new();
        for step in 1..=3 {
            sentry::configure_scope(|scope| scope.set_tag("step", step));
            sentry::add_breadcrumb(Breadcrumb::default());
            let exchange = Exchange::current().unwrap();
            let job = async { sentry::capture_message("job", Level::Info) };
            tasks.push(task::spawn(exchange.scope(job)));
        }
        for task in tasks {
            task.await.unwrap();
        }
        // Another thread has it as it is now.
        let exchange = Exchange::current().unwrap();
        sentry::configure_scope(|scope| scope.set_tag("step", 4));
        Arc::clone(&exchange).run(|| sentry::capture_message("job", Level::Info));
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    requests::send(&app, Request::new(Body::empty())).await;
    vitals.flush(LONG);
    let events = dsn.events();
    let steps: Vec<_> = events
        .iter()
        .map(|event| {
            let breadcrumbs = event["breadcrumbs"]["values"].as_array().unwrap();
            (event["tags"]["step"].as_str().unwrap(), breadcrumbs.len())
        })
        .collect();
    assert_eq!(steps, [("1", 1), ("2", 2), ("3", 3), ("4", 3)]);
}

#[tokio::test]
async fn the_url_of_an_event_has_the_host_that_was_asked() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let handler = async || _ = sentry::capture_message("here", Level::Info);
    let app = Router::new()
        .route("/bad", get(handler))
        .layer(vitals.layer());
    for (target, header) in [
        // As over HTTP/2, or through a proxy.
        ("http://shop.test/bad", None),
        ("https://shop.test:8443/bad", Some("other.test")),
        ("http://[::1]:8080/bad", None),
        ("/bad", Some("shop.test")),
        ("/bad", Some("[::1]:8080")),
    ] {
        let mut request = Request::builder().uri(target);
        if let Some(host) = header {
            request = request.header("host", host);
        }
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let urls: Vec<_> = events
        .iter()
        .map(|event| event["request"]["url"].as_str().unwrap())
        .collect();
    assert_eq!(
        urls,
        [
            "http://shop.test/bad",
            "https://shop.test:8443/bad",
            "http://[::1]:8080/bad",
            "http://shop.test/bad",
            "http://[::1]:8080/bad",
        ]
    );
}

#[tokio::test]
async fn an_event_names_the_trace_of_the_active_span_else_the_callers() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let plain = async || _ = sentry::capture_message("plain", Level::Info);
    let spanned = async || {
        let own = sentry::start_transaction(TransactionContext::new("own", "op"));
        sentry::configure_scope(|scope| scope.set_span(Some(own.clone().into())));
        sentry::capture_message("spanned", Level::Info);
        own.get_trace_context().trace_id.to_string()
    };
    let app = Router::new()
        .route("/plain", get(plain))
        .route("/spanned", get(spanned))
        .layer(vitals.layer());
    let mut spans = Vec::new();
    for path in ["/plain", "/spanned"] {
        for (name, value) in [
            ("sentry-trace", format!("{TRACE}-{SPAN}-0")),
            ("traceparent", format!("00-{TRACE}-{SPAN}-01")),
        ] {
            let request = Request::builder().uri(path).header(name, value);
            let request = request.body(Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            spans.push(String::from_utf8(body.into()).unwrap());
        }
    }
    vitals.flush(LONG);
    let events = dsn.events();
    let traces: Vec<_> = events
        .iter()
        .map(|event| event["contexts"]["trace"]["trace_id"].as_str().unwrap())
        .collect();
    assert_eq!(traces, [TRACE, TRACE, &spans[2], &spans[3]]);
    assert_ne!(spans[2], spans[3]);
    assert_eq!(events[0]["contexts"]["trace"]["parent_span_id"], SPAN);
}

#[tokio::test]
async fn an_event_aside_from_the_transaction_is_in_its_trace() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let options = options.transactions().sample_rate(1.0).unwrap();
    let vitals = reporting(&dsn).sentry(options).build().unwrap();
    let handler = async || {
        let aside = |scope: &mut sentry::Scope| scope.set_span(None);
        sentry::with_scope(aside, || sentry::capture_message("aside", Level::Info));
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    for _ in 0..2 {
        requests::send(&app, Request::new(Body::empty())).await;
    }
    vitals.flush(LONG);
    let traces = |items: Vec<serde_json::Value>| {
        let trace = |item: &serde_json::Value| item["contexts"]["trace"]["trace_id"].to_string();
        items.iter().map(trace).collect::<BTreeSet<_>>()
    };
    let of_events = traces(dsn.events());
    assert_eq!(of_events.len(), 2, "a trace for each request");
    assert_eq!(of_events, traces(dsn.items("transaction")));
}

#[tokio::test]
async fn the_caller_decides_nothing_about_what_is_sampled() {
    for (rate, flag, expected) in [(0.0, "-1", 0), (1.0, "-0", 20), (1.0, "", 20)] {
        let dsn = Dsn::start(Answer::Status(200));
        let options = SentryOptions::new(&dsn.url()).unwrap();
        let options = options.transactions().sample_rate(rate).unwrap();
        let vitals = reporting(&dsn).sentry(options).build().unwrap();
        let app = Router::new()
            .route("/", get(async || ()))
            .layer(vitals.layer());
        for _ in 0..20 {
            let request =
                Request::builder().header("sentry-trace", format!("{TRACE}-{SPAN}{flag}"));
            requests::send(&app, request.body(Body::empty()).unwrap()).await;
        }
        vitals.flush(LONG);
        let transactions = dsn.items("transaction");
        assert_eq!(transactions.len(), expected, "{rate} {flag}");
        let is_continued =
            |sent: &serde_json::Value| sent["contexts"]["trace"]["trace_id"] == TRACE;
        assert!(transactions.iter().all(is_continued));
    }
}

#[expect(clippy::disallowed_types, reason = "the macro reads a wall clock")]
fn says() {
    sentry::logger_info!("calls");
}

/// Handlers that call another service with the headers of the SDK, and with those of this crate. The answer is the headers.
fn calling() -> Router {
    let of_sdk = async || {
        let headers = sentry::configure_scope(|scope| {
            scope.iter_trace_propagation_headers().collect::<Vec<_>>()
        });
        value(headers)
    };
    let ours = async || {
        says();
        sentry::capture_message("calls", Level::Info);
        value(trace_headers().collect())
    };
    let within = async || {
        let before = value(trace_headers().collect());
        let under = sentry::with_scope(|_| {}, || value(trace_headers().collect()));
        let exchange = Exchange::current().unwrap();
        let task = exchange.scope(async { value(trace_headers().collect()) });
        let task = task::spawn(task).await.unwrap();
        [before, under, task].join(" ")
    };
    let spanned = async || {
        let own = sentry::start_transaction(TransactionContext::new("own", "op"));
        sentry::configure_scope(|scope| scope.set_span(Some(own.clone().into())));
        let named = value(trace_headers().collect());
        assert!(named.starts_with(&own.get_trace_context().trace_id.to_string()));
        named
    };
    Router::new()
        .route("/sdk", get(of_sdk))
        .route("/ours", get(ours))
        .route("/within", get(within))
        .route("/spanned", get(spanned))
}

/// The value of the one header.
fn value(headers: Vec<(&'static str, String)>) -> String {
    let [(name, value)] = headers.try_into().unwrap();
    assert_eq!(name, "sentry-trace");
    value
}

/// The traces in an answer of [`calling`].
async fn named(app: &Router, path: &str, caller: Option<&str>) -> Vec<String> {
    let mut request = Request::builder().uri(path);
    if let Some(caller) = caller {
        request = request.header("sentry-trace", caller);
    }
    let request = request.body(Body::empty()).unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.into()).unwrap();
    let traces = body.split(' ').map(|one| one[..TRACE.len()].to_owned());
    traces.collect()
}

#[tokio::test]
async fn headers_for_other_services_name_the_trace_of_their_request() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = reporting(&dsn).build().unwrap();
    let app = calling().layer(vitals.layer());
    let mut all = BTreeSet::new();
    for _ in 0..3 {
        let caller = format!("{TRACE}-{SPAN}-1");
        assert_eq!(named(&app, "/ours", Some(&caller)).await, [TRACE]);
        let traces = named(&app, "/within", None).await;
        assert!(traces.iter().all(|trace| *trace == traces[0]), "{traces:?}");
        all.insert(traces[0].clone());
        all.extend(named(&app, "/spanned", Some(&caller)).await);
        all.extend(named(&app, "/ours", None).await);
    }
    assert_eq!(all.len(), 9, "a trace for each request");
    vitals.flush(LONG);
    let told: BTreeSet<_> = dsn
        .events()
        .iter()
        .map(|event| {
            event["contexts"]["trace"]["trace_id"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .filter(|trace| trace != TRACE)
        .collect();
    assert_eq!(told.len(), 3);
    assert!(
        told.is_subset(&all),
        "the event of a request names its trace"
    );
}

#[tokio::test]
async fn with_transactions_the_headers_of_the_sdk_name_a_trace_of_their_own_at_any_rate() {
    for rate in [0.0, 1.0] {
        let dsn = Dsn::start(Answer::Status(200));
        let options = SentryOptions::new(&dsn.url()).unwrap();
        let options = options.transactions().sample_rate(rate).unwrap();
        let vitals = reporting(&dsn).sentry(options).build().unwrap();
        let app = calling().layer(vitals.layer());
        let mut all = BTreeSet::new();
        for path in ["/sdk", "/ours", "/sdk", "/ours"] {
            all.extend(named(&app, path, None).await);
        }
        assert_eq!(all.len(), 4, "{rate}");
        let caller = format!("{TRACE}-{SPAN}-1");
        assert_eq!(named(&app, "/sdk", Some(&caller)).await, [TRACE], "{rate}");
    }
}
