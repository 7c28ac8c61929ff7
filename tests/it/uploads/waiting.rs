//! Judges the service by its own time, whoever waits for the client, and however.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    response::Response,
    routing::post,
};
use futures::StreamExt;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, Vitals, logging::Format, timing::SeverityBands};

use super::{pieces, seconds, slow_body};
use crate::support::{
    dsn::{Answer, Dsn},
    exposition::Exposition,
    lines::{lines, written},
    reporting::unlimited,
    requests,
    stacks::isolated,
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// Sends six bytes, one each 900 ms, to `/upload`.
async fn upload(app: &Router) {
    let body = slow_body(6, MS(900));
    let request = Request::post("/upload").body(body).unwrap();
    assert_eq!(requests::send(app, request).await, 200);
}

async fn read(body: Bytes) -> String {
    body.len().to_string()
}

#[tokio::test(start_paused = true)]
async fn what_the_client_takes_to_send_is_not_the_services_time() {
    let dsn = Dsn::start(Answer::Status(200));
    let (written, _guard) = written(Format::Json);
    let vitals = unlimited(&dsn.url());
    let app = Router::new()
        .route("/upload", post(read))
        .layer(vitals.layer());
    written.take();
    upload(&app).await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.severity("normal"), 1.0);
    assert_eq!(seconds(&vitals), 0.0);
    let line = &lines(&written)[0];
    assert_eq!(
        (&line["level"], &line["severity"]),
        (&"INFO".into(), &"normal".into())
    );
    assert_eq!(
        (&line["head_ms"], &line["wait_ms"]),
        (&5_400.0.into(), &5_400.0.into())
    );
    assert_eq!(vitals.flush(MS(5_000)), 0);
    assert!(dsn.events().is_empty(), "{:?}", dsn.events());
}

#[tokio::test(start_paused = true)]
async fn what_the_service_takes_is_its_own_also_between_the_pieces() {
    let vitals = isolated();
    let handler = async |request: Request| {
        let mut body = request.into_body().into_data_stream();
        while body.next().await.is_some() {
            // The next piece comes 900 ms after this.
            sleep(MS(100)).await;
        }
        sleep(MS(150)).await;
    };
    let app = Router::new()
        .route("/upload", post(handler))
        .layer(vitals.layer());
    upload(&app).await;
    assert!(
        (seconds(&vitals) - 0.75).abs() < 1e-6,
        "{}",
        seconds(&vitals)
    );
    assert_eq!(Exposition::of(&vitals).severity("warning"), 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_another_task_reads_is_waited_for_all_the_same() {
    let vitals = isolated();
    let handler = async |body: Body| {
        let reading = tokio::spawn(body.collect());
        reading.await.unwrap().unwrap();
    };
    let app = Router::new()
        .route("/upload", post(handler))
        .layer(vitals.layer());
    upload(&app).await;
    assert_eq!(seconds(&vitals), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_body_and_with_the_head() {
    // The handler gives up on the body, and then works.
    let vitals = isolated();
    let gives_up = async |body: Body| {
        let mut body = body.into_data_stream();
        let waited = tokio::time::timeout(MS(400), body.next()).await;
        assert!(waited.is_err());
        drop(body);
        sleep(MS(200)).await;
    };
    // The handler answers while the body is still open.
    let answers = async |body: Body| {
        let mut body = body.into_data_stream();
        let waited = tokio::time::timeout(MS(400), body.next()).await;
        assert!(waited.is_err());
        tokio::spawn(async move { while body.next().await.is_some() {} });
        sleep(MS(100)).await;
    };
    let app = Router::new()
        .route("/gives-up", post(gives_up))
        .route("/answers", post(answers))
        .layer(vitals.layer());
    for (path, own) in [("/gives-up", 0.2), ("/answers", 0.0)] {
        let request = Request::post(path).body(slow_body(9, MS(900)));
        requests::send(&app, request.unwrap()).await;
        let labels = [("endpoint", path)];
        let sum = Exposition::of(&vitals).sum("http_request_duration_seconds_sum", &labels);
        assert!((sum - own).abs() < 1e-6, "{path}: {sum}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_the_client_has_sent_and_not_when_it_is_read() {
    let vitals = isolated();
    let handler = async |body: Body| {
        let mut body = body.into_data_stream();
        let mut first = Box::pin(body.next());
        assert!(futures::poll!(&mut first).is_pending());
        // The piece comes after 900 ms. Nobody reads it before 2 s have passed.
        sleep(MS(2_000)).await;
        first.await.unwrap().unwrap();
    };
    let app = Router::new()
        .route("/upload", post(handler))
        .layer(vitals.layer());
    let request = Request::post("/upload").body(slow_body(1, MS(900)));
    requests::send(&app, request.unwrap()).await;
    assert!(
        (seconds(&vitals) - 1.1).abs() < 1e-6,
        "{}",
        seconds(&vitals)
    );
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_judged_at_its_end_is_judged_by_all_its_time() {
    let vitals = isolated();
    let whole = post(read).layer(TimingLayer::new().judge_at_end());
    let app = Router::new().route("/upload", whole).layer(vitals.layer());
    upload(&app).await;
    assert_eq!(Exposition::of(&vitals).severity("critical"), 1.0);
    assert_eq!(seconds(&vitals), 0.0, "the histogram has the own time");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_client_is_not_stuck() {
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    let then_works = async |body: Bytes| {
        sleep(MS(1_500)).await;
        body.len().to_string()
    };
    let then_hangs = async |_: Bytes| sleep(MS(4_000)).await;
    let app = Router::new()
        .route("/upload", post(then_works))
        .route("/hangs", post(then_hangs))
        .layer(vitals.layer());
    upload(&app).await;
    assert!(!written.take().contains("still running"));
    let request = Request::post("/hangs").body(slow_body(6, MS(900)));
    requests::send(&app, request.unwrap()).await;
    let lines = lines(&written);
    let stuck: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "still running")
        .collect();
    assert_eq!(stuck.len(), 1, "{lines:#?}");
    assert!(stuck[0]["age_ms"].as_f64().unwrap() >= 7_400.0);
}

#[tokio::test(start_paused = true)]
async fn a_grpc_call_is_timed_by_the_wall_and_judged_by_its_own_time() {
    let vitals = isolated();
    let service = vitals.layer().layer(service_fn(
        |request: Request<tonic::body::Body>| async move {
            request.into_body().collect().await.unwrap();
            let trailers = [("grpc-status", "0")]
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let frames = [
                Ok::<_, Infallible>(Frame::data(Bytes::from_static(&[0; 5]))),
                Ok(Frame::trailers(trailers.into_iter().collect())),
            ];
            let response = Response::builder().header("content-type", "application/grpc");
            let body = StreamBody::new(futures::stream::iter(frames));
            Ok::<_, Infallible>(response.body(body).unwrap())
        },
    ));
    let frames = pieces(3, MS(1_000)).map(|piece| piece.map(Frame::data));
    let body = tonic::body::Body::new(StreamBody::new(Box::pin(frames)));
    let request = Request::post("/shop.v1.Orders/Put").header("content-type", "application/grpc");
    let response = service.oneshot(request.body(body).unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.severity("normal"), 1.0);
    assert_eq!(scrape.sum("grpc_server_handling_seconds_sum", &[]), 3.0);
    assert_eq!(seconds(&vitals), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_any_type_is_followed_where_that_was_chosen() {
    for (chosen, severity) in [(true, "normal"), (false, "critical")] {
        let vitals = isolated();
        let frames = || {
            let frames = pieces(3, MS(1_000)).map(|piece| piece.map(Frame::data));
            StreamBody::new(Box::pin(frames))
        };
        let request = Request::post("/").body(frames()).unwrap();
        if chosen {
            let service = vitals
                .layer()
                .wrap_request_body()
                .layer(service_fn(read_all));
            service.oneshot(request).await.unwrap();
        } else {
            let service = vitals.layer().layer(service_fn(read_all));
            service.oneshot(request).await.unwrap();
        }
        assert_eq!(Exposition::of(&vitals).severity(severity), 1.0, "{chosen}");
    }
}

async fn read_all<B>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible>
where
    B: hyper::body::Body<Error: std::fmt::Debug>,
{
    request.into_body().collect().await.unwrap();
    Ok(Response::new(Full::default()))
}

#[tokio::test(start_paused = true)]
async fn nested_layers_agree_on_the_own_time() {
    let vitals = isolated();
    let ms = Duration::from_millis;
    let bands = SeverityBands::new(ms(10), ms(20), ms(30)).unwrap();
    // Of two layers the outer one follows the body, and both read what it finds.
    let inner = post(read).layer(TimingLayer::new().bands(bands));
    let app = Router::new().route("/upload", inner).layer(vitals.layer());
    let began = Instant::now();
    upload(&app).await;
    assert_eq!(began.elapsed(), MS(5_400));
    assert_eq!(Exposition::of(&vitals).severity("normal"), 1.0);
}
