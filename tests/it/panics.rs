//! Answers in place of a panic, if the application wants it.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, Response, StatusCode},
    middleware::map_response,
    routing::{any, get},
};
use futures::{FutureExt, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_vitals::{CatchPanicLayer, TimingLayer, Vitals, logging::Format, metrics::Settings};

use crate::support::{
    application::{Hanging, routes},
    dsn::{Answer, Dsn},
    exposition::Exposition,
    lines::{lines, written},
    panics::silence_panics_that_were_asked_for,
    requests::{self, text},
    server::Server,
    waiting::settled,
};

fn catching() -> Vitals {
    Vitals::builder().isolated().catch_panics().build().unwrap()
}

#[tokio::test]
async fn a_panic_is_answered_with_500_and_the_id_and_counted_as_panicked() {
    let vitals = catching();
    let server = Server::faulty(&vitals).await;
    for mut client in [server.http1(), server.http2()] {
        // In the future, and in `call`.
        for path in ["/panic", "/panic-sync"] {
            let mut request = client.request("GET", path);
            let id = HeaderValue::from_static("id-1");
            request.headers_mut().insert("x-request-id", id.clone());
            let answer = client.send(request).await.unwrap();
            assert_eq!(answer.status(), 500);
            assert_eq!(answer.headers()["x-request-id"], id);
            assert_eq!(answer.headers()["content-length"], "21");
            assert_eq!(text(answer.into_body()).await, "internal server error");
        }
    }
    let totals = settled(&vitals, |totals| totals.in_flight == 0).await;
    assert_eq!((totals.started, totals.panicked), (4, 4));
    let scrape = Exposition::of(&vitals);
    let counted = |labels: &[_]| scrape.sum("http_requests_total", labels);
    assert_eq!(counted(&[("status", "500"), ("endpoint", "/panic")]), 2.0);
    assert_eq!(scrape.severity("critical"), 4.0);
}

#[tokio::test]
async fn without_the_setting_a_panic_passes_through() {
    let vitals = Vitals::builder().isolated().build().unwrap();
    let server = Server::faulty(&vitals).await;
    assert!(server.http1().get("/panic").await.is_err());
    assert_eq!(
        settled(&vitals, |it| it.panicked == 1).await.completed,
        0,
        "there was no response"
    );
}

#[tokio::test]
async fn a_panic_in_the_body_cannot_be_answered_and_passes_through() {
    silence_panics_that_were_asked_for();
    let vitals = catching();
    let app = routes(Hanging::default()).layer(vitals.layer());
    let answer = app.oneshot(requests::get("/panic-body")).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = std::panic::AssertUnwindSafe(answer.into_body().collect());
    assert!(body.catch_unwind().await.is_err());
    assert_eq!(vitals.metrics().totals().panicked, 1);
}

#[tokio::test]
async fn the_log_has_the_text_of_the_panic_and_the_client_has_not() {
    silence_panics_that_were_asked_for();
    let vitals = catching();
    let (log, _guard) = written(Format::Json);
    let app = Router::new()
        .route("/", get(async || -> () { panic!("as asked") }))
        .layer(vitals.layer())
        // What stands further out, such as CORS, sees the response.
        .layer(map_response(async |mut answer: Response<Body>| {
            let allowed = HeaderValue::from_static("*");
            answer
                .headers_mut()
                .insert("access-control-allow-origin", allowed);
            answer
        }));
    let answer = app.oneshot(requests::get("/")).await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(!text(answer.into_body()).await.contains("asked"));
    let lines = lines(&log);
    let line = lines.iter().find(|line| line["message"] == "request");
    let line = line.unwrap();
    assert_eq!(line["cause"], "as asked");
    assert_eq!(line["outcome"], "panicked");
    assert_eq!(line["status"], 500);
    assert_eq!(line["category"], "server_error");
}

#[tokio::test]
async fn sentry_hears_of_a_caught_panic_once() {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Status(200));
    let options = tower_vitals::sentry::SentryOptions::new(&dsn.url()).unwrap();
    let vitals = Vitals::builder()
        .isolated()
        .sentry(options)
        .catch_panics()
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", get(async || -> () { panic!("as asked") }))
        .layer(vitals.layer());
    assert_eq!(requests::send(&app, requests::get("/")).await, 500);
    vitals.flush(std::time::Duration::from_secs(10));
    let events = dsn.events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["exception"]["values"][0]["value"], "as asked");
}

#[tokio::test]
async fn the_application_chooses_the_answer_and_a_maker_that_panics_costs_only_that() {
    silence_panics_that_were_asked_for();
    let vitals = Vitals::builder()
        .isolated()
        .catch_panics_with(|panic| {
            assert_eq!(panic.text(), "as asked");
            assert!(panic.path() != "/again", "as asked");
            let id = panic.request_id().unwrap();
            Response::new(format!("tell us {id}"))
        })
        .build()
        .unwrap();
    let app = Router::new()
        .fallback(any(async || -> () { panic!("as asked") }))
        .layer(vitals.layer());
    let answer = app.clone().oneshot(requests::get("/")).await.unwrap();
    assert_eq!(answer.status(), 500, "a panic is no success");
    let id = answer.headers()["x-request-id"].to_str().unwrap();
    let expected = format!("tell us {id}");
    assert_eq!(text(answer.into_body()).await, expected);

    let answer = app.oneshot(requests::get("/again")).await.unwrap();
    assert_eq!(answer.status(), 500);
    assert_eq!(text(answer.into_body()).await, "internal server error");
    let totals = vitals.metrics().totals();
    assert_eq!((totals.hook_failures, totals.panicked), (1, 2));
}

#[tokio::test]
async fn a_grpc_call_gets_status_13_in_trailers_only() {
    silence_panics_that_were_asked_for();
    let vitals = catching();
    let app = Router::new()
        .fallback(any(async || -> () { panic!("as asked") }))
        .layer(vitals.layer());
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let mut request = requests::grpc("/shop.Prices/Get");
        let value = HeaderValue::from_static(kind);
        request.headers_mut().insert("content-type", value);
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], kind);
        assert_eq!(answer.headers()["grpc-status"], "13");
        assert!(answer.headers().contains_key("x-request-id"));
        assert!(hyper::body::Body::is_end_stream(answer.body()));
    }
    assert_eq!(vitals.metrics().totals().panicked, 2);
    let scrape = Exposition::of(&vitals);
    let handled = scrape.sum("grpc_server_handled_total", &[("grpc_code", "Internal")]);
    assert_eq!(handled, 2.0);
}

#[tokio::test]
async fn a_panic_on_an_excluded_path_is_answered_too() {
    silence_panics_that_were_asked_for();
    let vitals = Vitals::builder()
        .isolated()
        .catch_panics()
        .exclude(["/livez"])
        .build()
        .unwrap();
    let app = Router::new()
        .route("/livez", get(async || -> () { panic!("as asked") }))
        .layer(vitals.layer());
    assert_eq!(requests::send(&app, requests::get("/livez")).await, 500);
    let totals = vitals.metrics().totals();
    assert_eq!((totals.excluded, totals.excluded_errors), (1, 1));
}

/// An error that is no `Error`, and neither `Send` nor `Clone`.
#[derive(Debug, PartialEq)]
struct OwnError(*const u8);

/// A service that takes no request, and whose bodies have other data than `Bytes`.
#[derive(Clone)]
struct Plain;

impl Service<Request<()>> for Plain {
    type Response = Response<Full<&'static [u8]>>;
    type Error = OwnError;
    type Future = std::future::Ready<Result<Self::Response, OwnError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OwnError>> {
        Poll::Ready(Err(OwnError(std::ptr::null())))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        panic!("as asked")
    }
}

#[tokio::test]
async fn the_layer_alone_keeps_types_and_back_pressure() {
    silence_panics_that_were_asked_for();
    let metrics = Settings::new().isolated().unwrap();
    let timing = TimingLayer::new().metrics(metrics.clone());
    let mut service = timing.layer(CatchPanicLayer::new().layer(Plain));
    let ready: Result<(), OwnError> = futures::future::poll_fn(|cx| service.poll_ready(cx)).await;
    assert_eq!(ready, Err(OwnError(std::ptr::null())));
    let answer = service.call(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let frames: Frame<&'static [u8]> = match answer.into_body().frame().await {
        None => Frame::data(b""),
        Some(frame) => frame.unwrap(),
    };
    assert_eq!(frames.into_data().unwrap(), b"", "no text of another type");
    assert_eq!(metrics.totals().panicked, 1, "the outer layer knows of it");
}

#[tokio::test]
async fn a_route_answers_its_own_panics_and_other_routes_do_not() {
    silence_panics_that_were_asked_for();
    let vitals = Vitals::builder().isolated().build().unwrap();
    let panics = async || -> () { panic!("as asked") };
    let layer = CatchPanicLayer::new().answer_with(|_| {
        let mut answer = Response::new("later");
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        answer
    });
    let app = Router::new()
        .route("/caught", get(panics).layer(layer))
        .route("/uncaught", get(panics))
        .layer(vitals.layer());
    let answer = app.clone().oneshot(requests::get("/caught")).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(text(answer.into_body()).await, "later");
    let uncaught = app.oneshot(requests::get("/uncaught"));
    let uncaught = std::panic::AssertUnwindSafe(uncaught).catch_unwind();
    assert!(uncaught.await.is_err());
    assert_eq!(vitals.metrics().totals().panicked, 2);
}

#[tokio::test]
async fn a_future_that_panics_again_when_it_is_dropped_is_one_panic() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("as asked");
            }
        }
    }
    silence_panics_that_were_asked_for();
    let vitals = catching();
    let service = vitals.layer().layer(service_fn(|_: Request<()>| {
        let grenade = Grenade;
        std::future::poll_fn(
            move |_| -> Poll<Result<Response<StreamBody<_>>, Infallible>> {
                let _kept = &grenade;
                if true {
                    panic!("as asked");
                }
                let frames = stream::empty::<Result<Frame<Bytes>, Infallible>>();
                Poll::Ready(Ok(Response::new(StreamBody::new(frames))))
            },
        )
    }));
    let answer = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), 500);
    let totals = vitals.metrics().totals();
    assert_eq!((totals.started, totals.panicked), (1, 1));
}
