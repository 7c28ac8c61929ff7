//! Writes the events of requests to the application's taste.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{HeaderValue, Response, StatusCode},
    routing::{any, get},
};
use http_body_util::{BodyExt, Full};
use serde_json::Value;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    AccessLogLayer, RequestIdLayer, TraceContextLayer, Vitals,
    access_log::{ClientAddress, PeerAddress},
    logging::Format,
    metrics::Sink,
    scrub::Scrubbing,
};
use tracing::Level;

use crate::support::{
    client::Client,
    lines::{Written, lines, written},
    panics::silence_panics_that_were_asked_for,
    requests,
    stacks::isolated,
    waiting::settled,
};

/// A stack with these settings of its log.
fn stack(log: AccessLogLayer) -> Vitals {
    let builder = Vitals::builder().isolated().access_log(log);
    builder.build().unwrap()
}

/// Routes that answer in the ways that sampling and levels tell apart.
fn routes() -> Router {
    Router::new()
        .route("/fine", any(async || "fine"))
        .route("/missing", any(async || StatusCode::NOT_FOUND))
        .route("/fail", any(async || StatusCode::INTERNAL_SERVER_ERROR))
        .route(
            "/slow",
            any(async || tokio::time::sleep(Duration::from_secs(3)).await),
        )
        .route(
            "/call",
            any(async || [("grpc-status", "13"), ("content-type", "application/grpc")]),
        )
}

fn with_id(path: &str, id: &str) -> Request {
    let mut request = requests::get(path);
    request
        .headers_mut()
        .insert("x-request-id", id.parse().unwrap());
    request
}

/// The events of requests since the last call.
fn events(written: &Written) -> Vec<Value> {
    let mut lines = lines(written);
    lines.retain(|line| line["message"] == "request");
    lines
}

/// The path and the level of each line.
fn levels(lines: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let both = |line: &Value| text(&line["path"]) + " " + &text(&line["level"]);
    lines.iter().map(both).collect()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_only_slow_is_a_warning_and_no_error() {
    let (written, _guard) = written(Format::Json);
    let app = routes().layer(isolated().layer());
    for path in ["/slow", "/fail"] {
        requests::send(&app, requests::get(path)).await;
    }
    let lines = events(&written);
    assert_eq!(levels(&lines), ["/slow WARN", "/fail ERROR"]);
    assert!(lines.iter().all(|line| line["severity"] == "critical"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_never_sampled_away() {
    let (written, _guard) = written(Format::Json);
    let vitals = stack(AccessLogLayer::new().sample(|_| 0.0));
    let app = routes().layer(vitals.layer());
    for path in ["/fine", "/missing", "/fail", "/slow"] {
        requests::send(&app, requests::get(path)).await;
    }
    requests::send(&app, requests::grpc("/call")).await;
    let failing = vitals.layer().layer(service_fn(async |_: Request<()>| {
        Err::<Response<Full<Bytes>>, _>("broken")
    }));
    let request = Request::builder().uri("/err").body(()).unwrap();
    let _ = failing.oneshot(request).await;
    let lines = events(&written);
    let expected = ["/fail ERROR", "/slow WARN", "/call ERROR", "/err ERROR"];
    assert_eq!(levels(&lines), expected);
    // Nothing was taken away, so each stands for itself.
    assert!(lines.iter().all(|line| line["sample_share"].is_null()));
    let totals = vitals.metrics().totals();
    assert_eq!((totals.started, totals.dropped(Sink::Log)), (6, 0));
}

#[tokio::test]
async fn the_id_decides_which_requests_are_sampled() {
    let (written, _guard) = written(Format::Json);
    let kept = async |share: f64| {
        let vitals = stack(AccessLogLayer::new().sample(move |_| share));
        let app = routes().layer(vitals.layer());
        for n in 0..10 {
            requests::send(&app, with_id("/fine", &format!("id-{n}"))).await;
        }
        let lines = events(&written);
        let shares = lines.iter().map(|line| line["sample_share"].as_f64());
        let expected = (share < 1.0).then_some(share);
        assert!(
            shares.into_iter().all(|share| share == expected),
            "{lines:#?}"
        );
        let ids = lines.iter().map(|line| line["request_id"].to_string());
        ids.map(|id| id.trim_matches('"').replace("id-", ""))
            .collect::<String>()
    };
    assert_eq!(kept(0.2).await, "0267");
    assert_eq!(kept(0.2).await, "0267");
    assert_eq!(kept(0.6).await, "023467");
    assert_eq!(kept(1.0).await, "0123456789");
    assert_eq!(kept(7.0).await, "0123456789");
    assert_eq!(kept(f64::NAN).await, "0123456789");
    assert_eq!(kept(-1.0).await, "");
}

#[tokio::test]
async fn all_requests_of_one_trace_are_sampled_or_none_is() {
    let (written, _guard) = written(Format::Json);
    let builder = Vitals::builder().isolated();
    let log = AccessLogLayer::new().sample(|_| 0.5);
    let builder = builder
        .access_log(log)
        .trace_context(TraceContextLayer::new());
    let app = routes().layer(builder.build().unwrap().layer());
    for trace in 1..=10 {
        for n in 0..4 {
            let mut request = with_id("/fine", &format!("id-{n}"));
            let parent = format!("00-{trace:032x}-00f067aa0ba902b7-01");
            request
                .headers_mut()
                .insert("traceparent", parent.parse().unwrap());
            requests::send(&app, request).await;
        }
    }
    let lines = events(&written);
    let trace = |line: &Value| line["trace_id"].as_str().unwrap().to_owned();
    let mut traces: Vec<_> = lines.iter().map(trace).collect();
    traces.dedup();
    assert_eq!(lines.len(), 4 * traces.len());
    assert!((1..10).contains(&traces.len()), "{traces:?}");
}

#[tokio::test]
async fn a_rule_gives_the_level_and_one_that_panics_gives_none() {
    let (written, _guard) = written(Format::Json);
    let vitals =
        stack(
            AccessLogLayer::new().level(|ended| match (ended.endpoint(), ended.status()) {
                ("/fine", 200) => Level::DEBUG,
                (_, 404) => panic!("as asked"),
                _ => Level::TRACE,
            }),
        );
    let app = routes().layer(vitals.layer());
    silence_panics_that_were_asked_for();
    for path in ["/fine", "/missing", "/fail"] {
        requests::send(&app, requests::get(path)).await;
    }
    let expected = ["/fine DEBUG", "/missing INFO", "/fail TRACE"];
    assert_eq!(levels(&events(&written)), expected);
    assert_eq!(vitals.metrics().totals().hook_failures, 1);
}

#[tokio::test]
async fn a_route_overrides_each_setting_of_the_log_by_itself() {
    let (written, _guard) = written(Format::Json);
    let outer = AccessLogLayer::new()
        .sample(|ended| if ended.status() == 404 { 0.0 } else { 1.0 })
        .level(|_| Level::DEBUG)
        .user_agent();
    let quiet = AccessLogLayer::new().enabled(false);
    let loud = AccessLogLayer::new()
        .level(|_| Level::WARN)
        .client_address(ClientAddress::Peer);
    let all = AccessLogLayer::new().sample(|_| 1.0);
    let app = Router::new()
        .merge(routes())
        .route("/quiet", get(async || StatusCode::BAD_GATEWAY).layer(quiet))
        .route("/loud", get(async || "loud").layer(loud.clone()))
        .route(
            "/both",
            get(async || StatusCode::NOT_FOUND)
                .layer::<_, Infallible>(all)
                .layer(loud),
        )
        .route("/plain", get(async || "plain").layer(AccessLogLayer::new()))
        .layer(stack(outer).layer());
    for path in ["/fine", "/missing", "/quiet", "/loud", "/both", "/plain"] {
        let mut request = requests::get(path);
        request
            .extensions_mut()
            .insert(PeerAddress(([192, 0, 2, 1], 1).into()));
        requests::send(&app, request).await;
    }
    let lines = events(&written);
    let expected = ["/fine DEBUG", "/loud WARN", "/both WARN", "/plain DEBUG"];
    assert_eq!(levels(&lines), expected);
    // The fields are those of the outermost layer.
    assert!(lines.iter().all(|line| line["client_address"].is_null()));
}

#[tokio::test]
async fn a_layer_alone_has_the_same_settings_as_the_stack() {
    let (written, _guard) = written(Format::Json);
    let metrics = isolated().metrics().clone();
    let log = AccessLogLayer::new().metrics(metrics).http_version();
    let app = routes().layer(log.clone().level(|_| Level::WARN));
    let app = app.layer(RequestIdLayer::new());
    requests::send(&app, with_id("/fine", "id-1")).await;
    requests::send(&routes().layer(log.enabled(false)), requests::get("/fail")).await;
    let lines = events(&written);
    assert_eq!(levels(&lines), ["/fine WARN"]);
    assert_eq!(
        (&lines[0]["http_version"], &lines[0]["request_id"]),
        (&"1.1".into(), &"id-1".into())
    );
}

#[tokio::test]
async fn client_agent_and_version_are_there_by_choice_over_both_versions_of_http() {
    let chosen = AccessLogLayer::new()
        .client_address(ClientAddress::XForwardedFor { hops: 1 })
        .user_agent()
        .http_version();
    for log in [chosen, AccessLogLayer::new()] {
        let is_chosen = format!("{log:?}") != format!("{:?}", AccessLogLayer::new());
        let (written, _guard) = written(Format::Json);
        let vitals = stack(log);
        let app = routes().layer(vitals.layer());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
        for (mut client, version) in [
            (Client::Http1(address, None), "1.1"),
            (Client::Http2(address, None), "2"),
        ] {
            for (forwarded, seen) in [
                (None, "127.0.0.1"),
                (Some("6.6.6.6, 192.0.2.7"), "192.0.2.7"),
            ] {
                let mut request = Request::new(Full::<Bytes>::default());
                *request.uri_mut() = format!("http://{address}/fine").parse().unwrap();
                let headers = request.headers_mut();
                let agent = HeaderValue::from_bytes("a\u{202e}b".as_bytes());
                headers.insert("user-agent", agent.unwrap());
                if let Some(forwarded) = forwarded {
                    headers.insert("x-forwarded-for", forwarded.parse().unwrap());
                }
                let response = client.send(request).await.unwrap();
                response.into_body().collect().await.unwrap();
                settled(&vitals, |totals| totals.in_flight == 0).await;
                let lines = events(&written);
                let fields = ["client_address", "user_agent", "http_version"];
                let expected = match is_chosen {
                    true => [seen, r"a\u{202e}b", version].map(Value::from),
                    false => [Value::Null, Value::Null, Value::Null],
                };
                assert_eq!(fields.map(|field| lines[0][field].clone()), expected);
            }
        }
        server.abort();
    }
}

#[tokio::test]
async fn a_query_is_shown_by_choice_and_without_its_secrets() {
    let scrubbed = |scrubbing| AccessLogLayer::new().query(scrubbing).unwrap();
    for (log, path, expected) in [
        (AccessLogLayer::new(), "/fine?page=2", Value::Null),
        (scrubbed(Scrubbing::new()), "/fine", Value::Null),
        (
            scrubbed(Scrubbing::new()),
            "/fine?page=2&access_token=abc",
            "page=2&access_token=[Filtered]".into(),
        ),
        (
            scrubbed(Scrubbing::new().key("page")),
            "/fine?page=2&a=%1b",
            "page=[Filtered]&a=%1b".into(),
        ),
        (
            scrubbed(Scrubbing::health_data()),
            "/fine?page=2",
            Value::Null,
        ),
    ] {
        let (written, _guard) = written(Format::Json);
        let app = routes().layer(stack(log).layer());
        requests::send(&app, requests::get(path)).await;
        let line = &events(&written)[0];
        assert_eq!(
            (&line["path"], &line["query"]),
            (&"/fine".into(), &expected),
            "{path}"
        );
    }
    let error = AccessLogLayer::new()
        .query(Scrubbing::new().key("-"))
        .unwrap_err();
    assert_eq!((error.field(), error.value()), ("scrubbing.key", ""));
}
