//! Tells a cancelled call from one that missed its deadline.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, extract::Request, response::Response, routing::any};
use futures::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::{
    HeaderMap,
    body::{Bytes, Frame},
    header::HeaderValue,
};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, timing::SeverityBands};

use super::{asking, handled, in_axum, watching};
use crate::{
    generated::Req,
    support::{
        exposition::Exposition,
        requests,
        waiting::{eventually, settled},
    },
};

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

    // The client leaves before the head.
    let mut leaving = Box::pin(client.unary(slow(60_000)));
    let begun = || Some(()).filter(|()| vitals.metrics().totals().in_flight == 1);
    tokio::select! {
        _ = &mut leaving => panic!("answered"),
        begun = eventually(begun) => begun.unwrap(),
    }
    drop(leaving);
    settled(&vitals, |totals| totals.cancelled == 1).await;

    // The client leaves in the middle of the stream.
    let mut replies = client.server_stream(slow(1)).await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    drop(replies);
    // The stream that was opened above and never read may have ended as aborted as well.
    settled(&vitals, |totals| totals.in_flight == 0).await;

    let late = |delay| {
        let mut request = tonic::Request::new(slow(delay));
        request.set_timeout(Duration::from_millis(150));
        request
    };
    client.unary(late(60_000)).await.unwrap_err();
    let mut replies = client.server_stream(late(20)).await.unwrap().into_inner();
    // The client of tonic watches the deadline only up to the head; other clients watch it to the end.
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
    // Only the missed deadlines are errors.
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
        // This method has never answered, so it is not known.
        assert_eq!(
            scrape.sum("grpc_server_handled_total", &[("grpc_method", "_OTHER")]),
            1.0
        );
    }
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
