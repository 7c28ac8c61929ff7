//! Judges gRPC by its real status, with tonic's client and with raw HTTP/2.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    HeaderMap,
    body::{Bytes, Frame},
    header::HeaderValue,
};
use tokio::net::TcpListener;
use tonic::{Code, Streaming, transport::Channel};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, Vitals, timing::SeverityBands};

use crate::{
    generated::{Rep, Req, probe_client::ProbeClient},
    probe,
    support::{
        exposition::Exposition,
        requests,
        server::Server,
        waiting::{eventually, settled},
    },
};

fn watching() -> Vitals {
    Vitals::builder()
        .isolated()
        .grpc_descriptors(probe::DESCRIPTORS)
        .unwrap()
        .build()
        .unwrap()
}

/// The service inside an axum router, behind a wildcard.
async fn in_axum(vitals: &Vitals) -> (Server, ProbeClient<Channel>) {
    let app = Router::new()
        .route_service(probe::ROUTE, probe::service())
        .route("/plain", any(async || "plain HTTP"))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let client = ProbeClient::connect(format!("http://{}", server.address))
        .await
        .unwrap();
    (server, client)
}

fn asking(n: u32, status: i32) -> Req {
    Req {
        n,
        status: Some(status),
        ..Req::default()
    }
}

fn handled(scrape: &Exposition, kind: &str, method: &str, code: &str) -> f64 {
    let labels = [
        ("grpc_type", kind),
        ("grpc_service", "conformance.v1.Probe"),
        ("grpc_method", method),
        ("grpc_code", code),
    ];
    scrape.sum("grpc_server_handled_total", &labels)
}

/// Reads a stream of replies to its end.
async fn drained(mut replies: Streaming<Rep>) -> Result<(), tonic::Status> {
    while replies.message().await?.is_some() {}
    Ok(())
}

/// Calls each kind of method, which replies twice and then says `status`.
async fn all_four(client: &mut ProbeClient<Channel>, status: i32) -> [Code; 4] {
    let code = |result: Result<(), tonic::Status>| {
        result.map_or_else(|status| status.code(), |()| Code::Ok)
    };
    let unary = client.unary(asking(2, status)).await.map(drop);
    let client_stream = client
        .client_stream(stream::iter([asking(0, 0), asking(0, status)]))
        .await
        .map(drop);
    let replies = client.server_stream(asking(2, status)).await.unwrap();
    let server_stream = drained(replies.into_inner()).await;
    let asked = stream::iter([asking(1, 0), asking(1, status)]);
    let replies = client.bidi(asked).await.unwrap();
    let bidi = drained(replies.into_inner()).await;
    [unary, client_stream, server_stream, bidi].map(code)
}

#[tokio::test]
async fn every_kind_of_call_is_counted_by_its_method_and_its_real_status() {
    let vitals = watching();
    let (_server, mut client) = in_axum(&vitals).await;
    for code in 0..=16 {
        assert_eq!(all_four(&mut client, code).await, [Code::from_i32(code); 4]);
    }
    settled(&vitals, |totals| {
        totals.in_flight == 0 && totals.completed == 68
    })
    .await;
    let scrape = Exposition::of(&vitals);
    for (kind, method) in [
        ("unary", "Unary"),
        ("client_stream", "ClientStream"),
        ("server_stream", "ServerStream"),
        ("bidi_stream", "Bidi"),
    ] {
        for code in [
            "OK",
            "Canceled",
            "Unknown",
            "DeadlineExceeded",
            "Unimplemented",
            "Internal",
            "Unauthenticated",
        ] {
            assert_eq!(handled(&scrape, kind, method, code), 1.0, "{method} {code}");
        }
        let seconds = [("grpc_method", method)];
        assert_eq!(
            scrape.sum("grpc_server_handling_seconds_count", &seconds),
            17.0
        );
        // The method's own path, not the wildcard it was routed by; transport's status is 200.
        let endpoint = format!("/conformance.v1.Probe/{method}");
        let labels = [("endpoint", endpoint.as_str()), ("status", "200")];
        assert_eq!(scrape.sum("http_requests_total", &labels), 17.0);
        // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED of a method there is, INTERNAL, UNAVAILABLE, DATA_LOSS.
        let critical = [("endpoint", endpoint.as_str()), ("severity", "critical")];
        assert_eq!(
            scrape.sum("http_requests_by_severity_total", &critical),
            6.0
        );
        for (category, count) in [
            ("authentication", 2.0),
            ("validation", 3.0),
            ("not_found", 1.0),
            ("conflict", 2.0),
            ("server_error", 4.0),
            ("external_service", 1.0),
            ("timeout", 1.0),
            ("rate_limit", 1.0),
            ("database", 0.0),
        ] {
            let labels = [("endpoint", endpoint.as_str()), ("category", category)];
            assert_eq!(scrape.sum("errors_total", &labels), count, "{category}");
        }
    }
}

#[tokio::test]
async fn a_missing_or_mangled_status_is_unknown() {
    let vitals = watching();
    let (_server, mut client) = in_axum(&vitals).await;
    // Known first, so that its codes are told apart.
    client.unary(Req::default()).await.unwrap();
    let missing = Req {
        no_status: true,
        ..Req::default()
    };
    let _ = client.unary(missing).await;
    for raw in ["abc", "999", "-1", "17", "0x0", "1 3"] {
        let mangled = Req {
            raw_status: raw.into(),
            ..Req::default()
        };
        let _ = client.unary(mangled).await;
    }
    settled(&vitals, |totals| totals.completed == 8).await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(handled(&scrape, "unary", "Unary", "Unknown"), 7.0);
    assert_eq!(handled(&scrape, "unary", "Unary", "OK"), 1.0);
    assert_eq!(
        scrape.sum("errors_total", &[("category", "server_error")]),
        7.0
    );
}

/// One gRPC call in process: what the service answers, polled to its end or dropped early.
async fn answered(vitals: &Vitals, path: &str, trailers: &[(&'static str, &'static str)]) {
    let map: Vec<_> = trailers.to_vec();
    let service = vitals.layer().layer(service_fn(move |_: Request| {
        let mut trailers = HeaderMap::new();
        for (name, value) in &map {
            trailers.append(*name, HeaderValue::from_static(value));
        }
        let frames = [
            Frame::data(Bytes::from_static(b"\0\0\0\0\0")),
            Frame::trailers(trailers),
        ];
        let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .body(body);
        async move { Ok::<_, Infallible>(response.unwrap()) }
    }));
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("content-type", "application/grpc+proto")
        .header("grpc-timeout", "garbage")
        .body(Body::empty())
        .unwrap();
    service
        .oneshot(request)
        .await
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap();
}

#[tokio::test]
async fn codes_that_no_longer_fit_under_the_cap_are_told() {
    let vitals = Vitals::builder()
        .isolated()
        .endpoint_cap(1)
        .build()
        .unwrap();
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"] {
        answered(
            &vitals,
            "/capped.v1.Service/Method",
            &[("grpc-status", code)],
        )
        .await;
    }
    // Eight series for the one endpoint; to HTTP all of them are 200.
    assert_eq!(vitals.metrics().totals().overflow, 4);
}

#[tokio::test]
async fn a_status_said_twice_counts_where_both_agree() {
    let vitals = watching();
    let path = "/duplicates.v1.Service/Method";
    answered(&vitals, path, &[("grpc-status", "5"), ("grpc-status", "5")]).await;
    answered(
        &vitals,
        path,
        &[("grpc-status", "0"), ("grpc-status", "13")],
    )
    .await;
    answered(
        &vitals,
        path,
        &[("grpc-status", "0"), ("grpc-message", "%zz%")],
    )
    .await;
    let scrape = Exposition::of(&vitals);
    for (code, count) in [("NotFound", 1.0), ("Unknown", 1.0), ("OK", 1.0)] {
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &[("grpc_code", code)]),
            count,
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_client_that_leaves_has_cancelled_and_one_that_ran_out_of_time_has_not() {
    let vitals = watching();
    let (_server, mut client) = in_axum(&vitals).await;
    client.unary(Req::default()).await.unwrap();
    client.server_stream(asking(1, 0)).await.unwrap();
    let slow = |delay_ms| Req {
        delay_ms,
        n: 1_000,
        ..Req::default()
    };

    // Left before the head.
    let mut leaving = Box::pin(client.unary(slow(60_000)));
    let begun = || Some(()).filter(|()| vitals.metrics().totals().in_flight == 1);
    tokio::select! {
        _ = &mut leaving => panic!("answered"),
        begun = eventually(begun) => begun.unwrap(),
    }
    drop(leaving);
    settled(&vitals, |totals| totals.cancelled == 1).await;

    // Left amid the stream.
    let mut replies = client.server_stream(slow(1)).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    drop(replies);
    // One more may have ended as aborted: the stream that was asked once above and never read.
    settled(&vitals, |totals| totals.in_flight == 0).await;

    let late = |delay| {
        let mut request = tonic::Request::new(slow(delay));
        request.set_timeout(Duration::from_millis(150));
        request
    };
    client.unary(late(60_000)).await.unwrap_err();
    let mut replies = client.server_stream(late(20)).await.unwrap().into_inner();
    // tonic's client minds the deadline up to the head; others mind it to the end.
    let reading = async { while let Ok(Some(_)) = replies.message().await {} };
    let patience = Duration::from_millis(200);
    tokio::time::timeout(patience, reading).await.unwrap_err();
    drop(replies);
    settled(&vitals, |totals| totals.in_flight == 0).await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(handled(&scrape, "unary", "Unary", "Canceled"), 1.0);
    assert!(handled(&scrape, "server_stream", "ServerStream", "Canceled") >= 1.0);
    assert_eq!(handled(&scrape, "unary", "Unary", "DeadlineExceeded"), 1.0);
    assert_eq!(
        handled(&scrape, "server_stream", "ServerStream", "DeadlineExceeded"),
        1.0
    );
    // Nobody's error, but for the deadlines.
    assert_eq!(scrape.sum("errors_total", &[]), 2.0);
    assert_eq!(scrape.sum("errors_total", &[("category", "timeout")]), 2.0);
    assert_eq!(scrape.severity("critical"), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_drop_just_before_the_deadline_is_a_cancel() {
    for (after, code) in [
        (900, "Canceled"),
        (985, "Canceled"),
        (990, "DeadlineExceeded"),
        (1_000, "DeadlineExceeded"),
        (5_000, "DeadlineExceeded"),
    ] {
        let vitals = watching();
        let service = vitals.layer().layer(service_fn(|_: Request| {
            std::future::pending::<Result<Response, Infallible>>()
        }));
        let request = Request::builder()
            .uri("/late.v1.Service/Method")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", "1S")
            .body(Body::empty())
            .unwrap();
        let waiting = tokio::time::timeout(Duration::from_millis(after), service.oneshot(request));
        waiting.await.unwrap_err();
        let scrape = Exposition::of(&vitals);
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &[("grpc_code", code)]),
            1.0,
            "{after}"
        );
        // Nobody has seen this method answer.
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &[("grpc_method", "_OTHER")]),
            1.0
        );
    }
}

#[tokio::test]
async fn random_methods_make_one_series_and_are_the_clients_mistake() {
    let vitals = watching();
    let (server, mut client) = in_axum(&vitals).await;
    client.unary(Req::default()).await.unwrap();
    let mut raw = server.http2();
    for n in 0..2_000 {
        let path = if n % 2 == 0 {
            format!("/conformance.v1.Probe/M{n}")
        } else {
            format!("/pkg{n}.Svc/Method")
        };
        raw.read(raw.post(&path, "application/grpc")).await;
    }
    settled(&vitals, |totals| {
        totals.in_flight == 0 && totals.completed == 2_001
    })
    .await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.values("grpc_server_handled_total", "grpc_method"),
        ["Unary", "_OTHER"].map(str::to_owned).into()
    );
    assert_eq!(
        scrape.sum(
            "grpc_server_handled_total",
            &[("grpc_service", "_OTHER"), ("grpc_code", "Unimplemented")]
        ),
        1_000.0
    );
    // What axum itself refused was plain HTTP.
    assert_eq!(
        scrape.sum(
            "http_requests_total",
            &[("endpoint", "unmatched"), ("status", "404")]
        ),
        1_000.0
    );
    assert_eq!(
        scrape.sum(
            "errors_total",
            &[("category", "not_found"), ("endpoint", "unmatched")]
        ),
        2_000.0
    );
    assert_eq!(scrape.severity("critical"), 0.0);
}

#[tokio::test]
async fn under_tonics_own_server_a_call_is_counted_as_in_axum() {
    let vitals = watching();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes =
        tonic::service::Routes::from(Router::new().route_service(probe::ROUTE, probe::service()));
    let served = tonic::transport::Server::builder()
        .layer(vitals.layer())
        .add_routes(routes)
        .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
    let served = tokio::spawn(served);
    let mut client = ProbeClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    assert_eq!(all_four(&mut client, 0).await, [Code::Ok; 4]);
    assert_eq!(all_four(&mut client, 14).await, [Code::Unavailable; 4]);
    settled(&vitals, |totals| totals.completed == 8).await;
    served.abort();
    let scrape = Exposition::of(&vitals);
    assert_eq!(handled(&scrape, "bidi_stream", "Bidi", "OK"), 1.0);
    assert_eq!(
        handled(&scrape, "server_stream", "ServerStream", "Unavailable"),
        1.0
    );
    let endpoints = scrape.values("http_requests_total", "endpoint");
    assert!(
        endpoints.contains("/conformance.v1.Probe/Unary") && endpoints.len() == 4,
        "{endpoints:?}"
    );
}

#[tokio::test]
async fn a_call_that_panics_or_breaks_is_unknown_and_the_servers_fault() {
    let vitals = watching();
    let broken = || {
        stream::iter([
            Ok(Frame::data(Bytes::from_static(b"\0"))),
            Err(std::io::Error::other("broken")),
        ])
    };
    let app = Router::new()
        .route(
            "/fault.v1.Service/Panic",
            any(async || -> () { panic!("as asked") }),
        )
        .route(
            "/fault.v1.Service/Break",
            any(async move || {
                let body = Body::new(StreamBody::new(broken()));
                Response::builder()
                    .header("content-type", "application/grpc")
                    .body(body)
                    .unwrap()
            }),
        )
        .layer(vitals.layer());
    let server = Server::start(app).await;
    for path in ["/fault.v1.Service/Panic", "/fault.v1.Service/Break"] {
        let mut client = server.http2();
        let request = client.post(path, "application/grpc");
        if let Ok(response) = client.send(request).await {
            response.into_body().collect().await.unwrap_err();
        }
    }
    let totals = settled(&vitals, |totals| {
        totals.in_flight == 0 && totals.started == 2
    })
    .await;
    assert_eq!((totals.panicked, totals.body_error), (1, 1));
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.sum("grpc_server_handled_total", &[("grpc_code", "Unknown")]),
        2.0
    );
    assert_eq!(scrape.severity("critical"), 2.0);
    assert_eq!(
        scrape.sum("errors_total", &[("category", "server_error")]),
        2.0
    );
}

#[tokio::test]
async fn the_cause_behind_tonics_status_is_looked_into() {
    let answer = |status: fn() -> tonic::Status| {
        any(async move || status().into_http::<Body>().map(Body::new))
    };
    let caused = || {
        let mut status = tonic::Status::internal("no price today");
        status.set_source(std::sync::Arc::new(sqlx_core::Error::WorkerCrashed));
        status
    };
    let vitals = watching();
    let app = Router::new()
        .route("/cause.v1.Service/Typed", answer(caused))
        .route(
            "/cause.v1.Service/Words",
            answer(|| tonic::Status::unknown("the upstream timed out")),
        )
        .route(
            "/cause.v1.Service/Specific",
            answer(|| tonic::Status::not_found("timed out")),
        )
        .layer(vitals.layer());
    for (method, category) in [
        ("Typed", "database"),
        ("Words", "timeout"),
        ("Specific", "not_found"),
    ] {
        let path = format!("/cause.v1.Service/{method}");
        let request = requests::grpc(&path);
        requests::send(&app, request).await;
        let scrape = Exposition::of(&vitals);
        let labels = [("endpoint", path.as_str()), ("category", category)];
        assert_eq!(scrape.sum("errors_total", &labels), 1.0, "{method}");
    }
}

#[tokio::test]
async fn grpc_web_and_plain_http_are_left_as_they_are() {
    let vitals = watching();
    let (server, _client) = in_axum(&vitals).await;
    for kind in [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpcx",
        "application/json",
        "application/grpc",
    ] {
        let mut client = server.http2();
        client.read(client.post("/plain", kind)).await;
    }
    settled(&vitals, |totals| totals.completed == 5).await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("grpc_server_handled_total", &[]), 0.0);
    assert_eq!(
        scrape.sum(
            "http_requests_total",
            &[("endpoint", "/plain"), ("status", "200")]
        ),
        5.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_has_its_own_bands_and_may_be_judged_at_its_end() {
    let ms = Duration::from_millis;
    let patient = SeverityBands::new(ms(5_000), ms(20_000), ms(30_000)).unwrap();
    let own = TimingLayer::new().bands(patient);
    for (own, severity) in [
        (None, "critical"),
        (Some(own.clone()), "normal"),
        (Some(own.judge_at_end()), "slow"),
    ] {
        let vitals = watching();
        let service = any(async || {
            tokio::time::sleep(Duration::from_secs(3)).await;
            let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"\0")))]);
            let status = stream::once(async {
                tokio::time::sleep(Duration::from_secs(12)).await;
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Ok::<_, Infallible>(Frame::trailers(trailers))
            });
            let body = Body::new(StreamBody::new(first.chain(status)));
            let response = Response::builder().header("content-type", "application/grpc");
            response.body(body).unwrap()
        });
        let service = match own {
            Some(own) => service.layer(own),
            None => service,
        };
        let app = Router::new()
            .route("/bands.v1.Service/{*method}", service)
            .layer(vitals.layer());
        let request = requests::grpc("/bands.v1.Service/Method");
        requests::send(&app, request).await;
        let scrape = Exposition::of(&vitals);
        let labels = [
            ("endpoint", "/bands.v1.Service/Method"),
            ("severity", severity),
        ];
        let counted = scrape.sum("http_requests_by_severity_total", &labels);
        assert_eq!(counted, 1.0, "{severity}");
    }
}

#[test]
fn bytes_that_are_no_descriptors_fail_at_build() {
    let error = Vitals::builder()
        .grpc_descriptors(b"\xff\xff\xff")
        .unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("metrics.grpc_descriptors", "3 bytes")
    );
}

#[tokio::test]
async fn who_only_says_that_it_is_grpc_stays_on_its_route() {
    let vitals = watching();
    let app = Router::new()
        .route("/hangs", any(std::future::pending::<Response>))
        .route(
            "/panics",
            any(async || -> Response { panic!("on purpose") }),
        )
        .layer(vitals.layer());
    let panicked = tokio::spawn(app.clone().oneshot(requests::grpc("/panics"))).await;
    assert!(panicked.unwrap_err().is_panic());
    let waiting = app.clone().oneshot(requests::grpc("/hangs"));
    let waited = tokio::time::timeout(Duration::from_millis(10), waiting).await;
    waited.unwrap_err();
    let scrape = Exposition::of(&vitals);
    for (endpoint, status) in [("/panics", "500"), ("/hangs", "499")] {
        let labels = [("endpoint", endpoint), ("status", status)];
        assert_eq!(
            scrape.sum("http_requests_total", &labels),
            1.0,
            "{endpoint}"
        );
    }
}
