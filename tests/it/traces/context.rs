//! Continues the trace of the caller, or begins one, and names it wherever the request is told of.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::HeaderMap,
    routing::get,
};
use futures::{StreamExt, stream};
use http_body_util::Full;
use hyper::Response;
use tokio::sync::Notify;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    TraceContextLayer, Vitals, exchange::Exchange, logging::Format, metrics::Settings,
    request_id::ForwardRequestIdLayer,
};
use tracing::Instrument;

use super::{SPAN, TRACE, ids};
use crate::support::{
    lines::{lines, written},
    requests,
    server::Server,
};

fn vitals(layer: TraceContextLayer) -> Vitals {
    let builder = Vitals::builder().isolated();
    builder.trace_context(layer).build().unwrap()
}

/// The headers of a request that is sent now.
async fn outbound() -> HeaderMap {
    let service = service_fn(async |request: Request| {
        let (parts, _) = request.into_parts();
        let mut response = Response::new(Full::<Bytes>::default());
        *response.headers_mut() = parts.headers;
        Ok::<_, Infallible>(response)
    });
    let client = ForwardRequestIdLayer::new().layer(service);
    let answer = client.oneshot(Request::new(Body::empty())).await.unwrap();
    answer.into_parts().0.headers
}

/// Answers with the headers of a request that it sends.
async fn forward() -> (HeaderMap, String) {
    let sent = outbound().await;
    let exchange = Exchange::current().unwrap();
    let trace = exchange.trace().unwrap();
    let mut shown = HeaderMap::new();
    for name in ["traceparent", "tracestate", "b3"] {
        if let Some(value) = sent.get(name) {
            shown.insert(name, value.clone());
        }
    }
    (shown, trace.traceparent().to_owned())
}

async fn ask(server: &Server, headers: &str) -> (String, String) {
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    let answer = String::from_utf8(server.raw(request).await).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(found, value)| (found == name).then_some(value))
}

#[tokio::test]
async fn a_callers_trace_goes_on_and_a_malformed_one_begins_anew() {
    let vitals = vitals(TraceContextLayer::new());
    let app = Router::new().route("/", get(forward)).layer(vitals.layer());
    let server = Server::start(app).await;
    let long = "0".repeat(16 * 1024);
    let good = format!("00-{TRACE}-{SPAN}-01");
    for (headers, state, continued) in [
        (format!("traceparent: {good}\r\n"), None, true),
        (
            format!("traceparent: {good}\r\ntracestate: a=1\r\ntracestate: b=2\r\n"),
            Some("a=1,b=2"),
            true,
        ),
        (
            format!("traceparent: {good}\r\ntracestate: NO\r\n"),
            None,
            true,
        ),
        (format!("sentry-trace: {TRACE}-{SPAN}-1\r\n"), None, true),
        // The state belongs to the trace of the other header, which is none.
        (
            format!("traceparent: x\r\nsentry-trace: {TRACE}-{SPAN}-1\r\ntracestate: a=1\r\n"),
            None,
            true,
        ),
        (
            format!("traceparent: {good}\r\ntraceparent: {good}\r\n"),
            None,
            false,
        ),
        (
            format!("traceparent: {good}x\r\ntracestate: a=1\r\n"),
            None,
            false,
        ),
        (format!("traceparent: {good}-{long}\r\n"), None, false),
        // Only by choice.
        (format!("b3: {TRACE}-{SPAN}-1\r\n"), None, false),
        ("tracestate: a=1\r\n".to_owned(), None, false),
        (String::new(), None, false),
    ] {
        let (head, own) = ask(&server, &headers).await;
        let shown = &headers[..headers.len().min(120)];
        let sent = header(&head, "traceparent").unwrap();
        assert_eq!(sent, own, "{shown}");
        let (trace, span) = ids(sent);
        assert_eq!(trace == TRACE, continued, "{shown}");
        assert_ne!(span, SPAN, "{shown}");
        assert_eq!(header(&head, "tracestate"), state, "{shown}");
        assert_eq!(header(&head, "b3"), None, "{shown}");
    }
}

#[tokio::test]
async fn b3_is_read_and_written_by_choice() {
    let vitals = vitals(TraceContextLayer::new().b3(true));
    let app = Router::new().route("/", get(forward)).layer(vitals.layer());
    let server = Server::start(app).await;
    for (headers, sampled) in [
        (format!("b3: {TRACE}-{SPAN}-1\r\n"), '1'),
        (format!("b3: {TRACE}-{SPAN}-0\r\n"), '0'),
    ] {
        let (head, own) = ask(&server, &headers).await;
        let (trace, span) = ids(&own);
        assert_eq!(trace, TRACE);
        let b3 = format!("{TRACE}-{span}-{sampled}");
        assert_eq!(header(&head, "b3"), Some(&*b3));
        assert!(own.ends_with(&format!("-0{sampled}")), "{own}");
    }
}

#[tokio::test]
async fn who_trusts_no_caller_begins_each_trace_and_says_whether_it_is_sampled() {
    let layer = TraceContextLayer::new()
        .trust_inbound(false)
        .begin_sampled(false)
        .response_header("x-trace")
        .unwrap();
    let vitals = vitals(layer);
    let app = Router::new().route("/", get(forward)).layer(vitals.layer());
    let server = Server::start(app).await;
    let (head, own) = ask(&server, &format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n")).await;
    assert_eq!(header(&head, "x-trace"), Some(&*own));
    assert_ne!(ids(&own).0, TRACE);
    assert!(own.ends_with("-00"), "{own}");
    let error = TraceContextLayer::new().response_header("no header");
    let error = error.unwrap_err().to_string();
    let message = r#"trace_context.response_header: invalid value "no header": not a header name"#;
    assert_eq!(error, message);
}

#[tokio::test]
async fn an_outbound_trace_that_is_named_already_stays() {
    let metrics = Settings::new().isolated().unwrap();
    let theirs = format!("00-{}-{SPAN}-01", "1".repeat(32));
    let call = {
        let theirs = theirs.clone();
        service_fn(move |_: Request| {
            let theirs = theirs.clone();
            async move {
                let service = service_fn(async |request: Request| {
                    let headers = request.headers().clone();
                    Ok::<_, Infallible>(headers)
                });
                let client = ForwardRequestIdLayer::new().layer(service);
                let request = Request::builder()
                    .header("traceparent", &theirs)
                    .header("tracestate", "their=1");
                let sent = client.oneshot(request.body(Body::empty()).unwrap());
                let sent = sent.await.unwrap();
                assert_eq!(sent["traceparent"], theirs);
                assert_eq!(sent["tracestate"], "their=1");
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }
        })
    };
    let service = TraceContextLayer::new().metrics(metrics).layer(call);
    service.oneshot(requests::get("/")).await.unwrap();
}

/// A line of the handler, of a task with the exchange, of a future under `Instrument`, and of the body.
async fn talkative(State(done): State<Arc<Notify>>) -> Body {
    tracing::info!("handler");
    let exchange = Exchange::current().unwrap();
    let task = async move {
        tracing::info!("task");
        done.notify_one();
    };
    tokio::spawn(exchange.scope(task));
    let span = tracing::info_span!("work", request_id = "not-mine", trace_id = "nor-this");
    async { tracing::info!("instrumented") }
        .instrument(span)
        .await;
    let body = stream::iter([1, 2]).map(|_| {
        tracing::info!("body");
        Ok::<_, Infallible>(Bytes::from_static(b"."))
    });
    Body::from_stream(body)
}

#[tokio::test]
async fn every_line_of_a_request_has_its_ids_and_none_of_another() {
    for with_span in [false, true] {
        let builder = Vitals::builder()
            .isolated()
            .trace_context(TraceContextLayer::new());
        let builder = if with_span { builder.span() } else { builder };
        let vitals = builder.build().unwrap();
        let done = Arc::new(Notify::new());
        let app = Router::new()
            .route("/", get(talkative))
            .layer(vitals.layer())
            .with_state(Arc::clone(&done));
        let server = Server::start(app).await;
        let (written, _guard) = written(Format::Json);
        let mut spans = Vec::new();
        for (id, trace) in [("first", TRACE.to_owned()), ("second", "2".repeat(32))] {
            let headers = format!("x-request-id: {id}\r\ntraceparent: 00-{trace}-{SPAN}-01\r\n");
            ask(&server, &headers).await;
            done.notified().await;
            tracing::info!("outside");
            let mut lines = lines(&written);
            // The server of axum has lines of its own.
            lines.retain(|line| line["target"] != "axum::serve");
            let mut messages: Vec<_> = lines
                .iter()
                .map(|line| line["message"].as_str().unwrap())
                .collect();
            messages.sort_unstable();
            let expected = [
                "body",
                "body",
                "handler",
                "instrumented",
                "outside",
                "request",
                "task",
            ];
            assert_eq!(messages, expected);
            let mut own_span = None;
            for line in &lines {
                if line["message"] == "outside" {
                    assert!(
                        line["request_id"].is_null() && line["trace_id"].is_null(),
                        "{line}"
                    );
                    continue;
                }
                assert_eq!(line["request_id"], id, "{line}");
                assert_eq!(line["trace_id"], *trace, "{line}");
                let span = line["span_id"].as_str().unwrap();
                assert_eq!(*own_span.get_or_insert(span), span, "{line}");
            }
            spans.push(own_span.unwrap().to_owned());
        }
        assert_ne!(spans[0], spans[1]);
        assert!(!spans.contains(&SPAN.to_owned()));
    }
}

#[tokio::test]
async fn text_lines_have_the_ids_as_well() {
    let vitals = vitals(TraceContextLayer::new());
    let app = Router::new()
        .route("/", get(async || tracing::info!("handler")))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let (written, _guard) = written(Format::Text);
    ask(&server, &format!("traceparent: 00-{TRACE}-{SPAN}-01\r\n")).await;
    let text = written.take();
    let lines = text.lines().filter(|line| !line.contains("axum::serve"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 2, "{text}");
    for line in lines {
        assert!(line.contains(&format!("trace_id=\"{TRACE}\"")), "{line}");
    }
}
