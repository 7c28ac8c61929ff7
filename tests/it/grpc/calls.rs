//! Counts each kind of call by its method.

use axum::Router;
use futures::stream;
use tokio::net::TcpListener;
use tonic::{Code, Streaming, transport::Channel};
use tower_vitals::Vitals;

use super::{answered, asking, handled, in_axum, watching};
use crate::{
    generated::{Rep, Req, probe_client::ProbeClient},
    probe,
    support::{exposition::Exposition, waiting::settled},
};

/// Reads a stream of replies to its end.
async fn drained(mut replies: Streaming<Rep>) -> Result<(), tonic::Status> {
    while replies.message().await?.is_some() {}
    Ok(())
}

/// Calls each kind of method. Each replies twice and then ends with `status`.
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
        // The label is the path of the method, not the wildcard of the route. The HTTP status is 200.
        let endpoint = format!("/conformance.v1.Probe/{method}");
        let labels = [("endpoint", endpoint.as_str()), ("status", "200")];
        assert_eq!(scrape.sum("http_requests_total", &labels), 17.0);
        // UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED of a known method, INTERNAL, UNAVAILABLE, DATA_LOSS.
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
async fn codes_over_the_cap_are_counted_as_overflow() {
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
    // The one endpoint has room for eight series. The HTTP status of all calls is 200.
    assert_eq!(vitals.metrics().totals().overflow, 4);
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
    // Requests that axum itself refused count as plain HTTP.
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
