//! Counts each call of another service once, over sockets, with the clients that applications use.

use std::{
    convert::Infallible,
    future::{self, Future},
    io,
    panic::resume_unwind,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::Response,
    routing::get,
};
use futures::stream;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::Frame;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use proptest::prelude::*;
use tokio::{net::TcpStream, time};
use tonic::transport::Endpoint;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, retry, service_fn};
use tower_vitals::{
    TraceContextLayer, Vitals,
    logging::Format,
    operations::{CallOutcome, OutboundLayer, outbound},
};

use crate::{
    exposition::Exposition,
    lines::written,
    upstream::{Upstream, by_hyper, by_reqwest, hyper_client},
};

const LABEL: (&str, &str) = ("service", "groq");

fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

fn layer(vitals: &Vitals) -> OutboundLayer {
    OutboundLayer::new("groq").metrics(vitals.metrics())
}

/// The calls that were counted, by outcome. Each has a duration.
fn counted(vitals: &Vitals) -> Vec<(String, f64)> {
    let shown = Exposition::of(vitals);
    let calls =
        |outcome: &String| shown.sum("external_calls_total", &[LABEL, ("outcome", outcome)]);
    let outcomes = shown.values("external_calls_total", "outcome");
    let all: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| (outcome.clone(), calls(&outcome)))
        .filter(|(_, calls)| *calls > 0.0)
        .collect();
    let sum: f64 = all.iter().map(|(_, calls)| calls).sum();
    let timed = shown.sum("external_call_duration_seconds_count", &[LABEL]);
    assert_eq!(timed, sum, "each call has one duration");
    all
}

/// Asserts that one call was counted, with this outcome.
#[track_caller]
fn assert_one(vitals: &Vitals, outcome: &str, what: &str) {
    assert_eq!(counted(vitals), [(outcome.to_owned(), 1.0)], "{what}");
}

#[tokio::test]
async fn a_call_by_hyper_util_counts_once_by_its_answer_and_its_body() {
    let upstream = Upstream::start().await;
    for (path, outcome) in [
        ("/200", "success"),
        ("/204", "success"),
        ("/404", "success"),
        ("/408", "timeout"),
        ("/429", "error"),
        ("/500", "error"),
        ("/503", "error"),
        ("/504", "timeout"),
        ("/cut", "error"),
    ] {
        let vitals = isolated();
        let client = layer(&vitals).layer(hyper_client());
        let answer = by_hyper(client, &upstream.url(path)).await;
        assert_eq!(answer.is_err(), path == "/cut", "{answer:?}");
        assert_one(&vitals, outcome, path);
    }
}

#[tokio::test]
async fn a_call_by_reqwest_counts_once_by_its_answer() {
    let upstream = Upstream::start().await;
    for (path, outcome) in [
        ("/200", "success"),
        ("/404", "success"),
        ("/429", "error"),
        ("/500", "error"),
        ("/504", "timeout"),
    ] {
        let vitals = isolated();
        let client = layer(&vitals).layer(reqwest::Client::new());
        by_reqwest(client, &upstream.url(path)).await.unwrap();
        assert_one(&vitals, outcome, path);
    }
}

/// Calls a method of a gRPC service, and reads the answer as generated code does.
async fn by_tonic(vitals: &Vitals, upstream: &Upstream, method: &str) -> Result<(), tonic::Status> {
    let endpoint = Endpoint::from_shared(upstream.url("")).unwrap();
    by_endpoint(vitals, endpoint, method).await
}

async fn by_endpoint(
    vitals: &Vitals,
    endpoint: Endpoint,
    method: &str,
) -> Result<(), tonic::Status> {
    let channel = layer(vitals).layer(endpoint.connect_lazy());
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = format!("/grpc.Test/{method}").parse().unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let answer = client.unary(tonic::Request::new(()), path, codec).await;
    answer.map(|_| ())
}

#[tokio::test]
async fn a_call_by_tonic_counts_once_by_its_status_wherever_it_stands() {
    let upstream = Upstream::start().await;
    for (code, outcome) in [
        (0, "success"),
        (1, "cancelled"),
        (2, "error"),
        (4, "timeout"),
        (5, "success"),
        (8, "error"),
        (14, "error"),
        (16, "success"),
    ] {
        for place in ["head", "end"] {
            let vitals = isolated();
            let method = format!("{place}-{code}");
            let answer = by_tonic(&vitals, &upstream, &method).await;
            if place == "end" {
                assert_eq!(answer.is_ok(), code == 0, "{method}");
            }
            assert_one(&vitals, outcome, &method);
        }
    }
    let vitals = isolated();
    let _ = by_tonic(&vitals, &upstream, "none").await;
    assert_one(&vitals, "error", "no status");
}

#[tokio::test]
async fn a_connection_that_closes_is_an_error_of_each_client() {
    let upstream = Upstream::closed().await;
    let url = upstream.url("/");
    let vitals = isolated();
    let client = layer(&vitals).layer(hyper_client());
    by_hyper(client, &url).await.unwrap_err();
    assert_one(&vitals, "error", "hyper-util");
    let vitals = isolated();
    let client = layer(&vitals).layer(reqwest::Client::new());
    by_reqwest(client, &url).await.unwrap_err();
    assert_one(&vitals, "error", "reqwest");
    let vitals = isolated();
    by_tonic(&vitals, &upstream, "end-0").await.unwrap_err();
    assert_one(&vitals, "error", "tonic");
}

#[tokio::test]
async fn a_service_that_hangs_is_a_timeout_of_the_client_or_is_given_up() {
    const SHORT: Duration = Duration::from_millis(20);
    let upstream = Upstream::start().await;
    let url = upstream.url("/hang");
    let vitals = isolated();
    let client = reqwest::Client::builder().timeout(SHORT).build().unwrap();
    let client = layer(&vitals).layer(client);
    by_reqwest(client, &url).await.unwrap_err();
    assert_one(&vitals, "timeout", "reqwest");
    let vitals = isolated();
    let client = ServiceBuilder::new()
        .layer(layer(&vitals))
        .timeout(SHORT)
        .service(hyper_client());
    by_hyper(client, &url).await.unwrap_err();
    assert_one(&vitals, "timeout", "a timeout inside");
    let vitals = isolated();
    let client = ServiceBuilder::new()
        .timeout(SHORT)
        .layer(layer(&vitals))
        .service(hyper_client());
    by_hyper(client, &url).await.unwrap_err();
    assert_one(&vitals, "cancelled", "a timeout outside");
}

#[tokio::test]
async fn a_connection_that_hangs_is_a_timeout_of_hyper_util() {
    // As its connector does after `set_connect_timeout`.
    let connector = service_fn(|_: http::Uri| {
        let late = io::Error::from(io::ErrorKind::TimedOut);
        future::ready(Err::<TokioIo<TcpStream>, _>(late))
    });
    let client = Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    let vitals = isolated();
    let call = by_hyper(layer(&vitals).layer(client), "http://example.org/");
    call.await.unwrap_err();
    assert_one(&vitals, "timeout", "without a box");
}

#[tokio::test]
async fn a_service_that_hangs_is_a_timeout_of_tonic() {
    const SHORT: Duration = Duration::from_millis(20);
    let upstream = Upstream::start().await;
    let vitals = isolated();
    let endpoint = Endpoint::from_shared(upstream.url("")).unwrap();
    let late = by_endpoint(&vitals, endpoint.clone().timeout(SHORT), "hang").await;
    late.unwrap_err();
    assert_one(&vitals, "timeout", "of a channel");
    let vitals = isolated();
    let run = outbound("groq").metrics(vitals.metrics());
    let status = tonic::Status::deadline_exceeded("as asked");
    run.run(async { Err::<(), _>(status) }).await.unwrap_err();
    assert_one(&vitals, "timeout", "a status that says so");
    let vitals = isolated();
    let run = outbound("groq").metrics(vitals.metrics());
    let inner = isolated();
    let call = by_endpoint(&inner, endpoint.timeout(SHORT), "hang");
    run.run(call).await.unwrap_err();
    assert_one(&vitals, "timeout", "a status with that cause");
    let vitals = isolated();
    let run = outbound("groq").metrics(vitals.metrics());
    let status = tonic::Status::unavailable("as asked");
    run.run(async { Err::<(), _>(status) }).await.unwrap_err();
    assert_one(&vitals, "error", "another status");
}

#[tokio::test]
async fn a_call_that_is_dropped_was_cancelled_and_a_body_that_nobody_reads_is_a_success() {
    let upstream = Upstream::start().await;
    let vitals = isolated();
    let client = layer(&vitals).layer(hyper_client());
    let url = upstream.url("/hang");
    tokio::select! {
        answer = by_hyper(client, &url) => panic!("{answer:?}"),
        () = upstream.reached() => {}
    }
    assert_one(&vitals, "cancelled", "before the head");

    let vitals = isolated();
    let client = layer(&vitals).layer(hyper_client());
    let mut request = http::Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = upstream.url("/hang-body").parse().unwrap();
    let mut answer = client.clone().oneshot(request.clone()).await.unwrap();
    answer.body_mut().frame().await.unwrap().unwrap();
    assert!(futures::poll!(answer.body_mut().frame()).is_pending());
    drop(answer);
    assert_one(&vitals, "cancelled", "while somebody waits for the body");

    let vitals = isolated();
    let client = layer(&vitals).layer(hyper_client());
    drop(client.oneshot(request).await.unwrap());
    assert_one(&vitals, "success", "a body that nobody reads");
}

#[tokio::test(start_paused = true)]
async fn a_success_takes_until_its_head_and_a_failure_until_its_end() {
    /// A body that takes ten seconds, and then ends or fails.
    fn slow(fails: bool) -> impl http_body::Body<Data = Bytes, Error = BoxError> {
        let end = async move {
            time::sleep(Duration::from_secs(10)).await;
            match fails {
                true => Err(BoxError::from("as asked")),
                false => Ok(Frame::data(Bytes::from_static(b"late"))),
            }
        };
        StreamBody::new(stream::once(Box::pin(end)))
    }
    for (fails, took) in [(false, 2.0), (true, 12.0)] {
        let vitals = isolated();
        let service = service_fn(move |_: Request| async move {
            time::sleep(Duration::from_secs(2)).await;
            Ok::<_, Infallible>(Response::new(slow(fails)))
        });
        let client = layer(&vitals).layer(service);
        let answer = client.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.into_body().collect().await.is_err(), fails);
        let shown = Exposition::of(&vitals);
        let sum = shown.sum("external_call_duration_seconds_sum", &[LABEL]);
        assert_eq!(sum, took);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_given_up_took_until_its_head_and_is_not_slow() {
    let (written, _guard) = written(Format::Json);
    for (kind, body) in [("text/plain", "text"), ("application/grpc", "messages")] {
        let vitals = isolated();
        let service = service_fn(move |_: Request| async move {
            time::sleep(Duration::from_millis(500)).await;
            let mut answer = Response::new(StreamBody::new(stream::pending::<
                Result<Frame<Bytes>, Infallible>,
            >()));
            answer
                .headers_mut()
                .insert("content-type", kind.parse().unwrap());
            Ok::<_, Infallible>(answer)
        });
        let mut request = Request::new(Body::empty());
        request
            .headers_mut()
            .insert("content-type", kind.parse().unwrap());
        let client = layer(&vitals).layer(service);
        let mut answer = client.oneshot(request).await.unwrap();
        assert!(futures::poll!(answer.body_mut().frame()).is_pending());
        time::advance(Duration::from_secs(600)).await;
        drop(answer);
        assert_one(&vitals, "cancelled", body);
        let shown = Exposition::of(&vitals);
        let sum = shown.sum("external_call_duration_seconds_sum", &[LABEL]);
        assert_eq!(sum, 0.5, "{body}");
    }
    assert!(!written.take().contains("slow call"));
}

#[tokio::test]
async fn a_panic_counts_as_an_error_wherever_it_happens() {
    let vitals = isolated();
    let in_call = service_fn(
        |_: Request| -> future::Ready<Result<Response<Body>, Infallible>> {
            resume_unwind(Box::new("as asked"))
        },
    );
    let in_future = service_fn(async |_: Request| -> Result<Response<Body>, Infallible> {
        resume_unwind(Box::new("as asked"))
    });
    let in_body = service_fn(async |_: Request| {
        let body = stream::poll_fn(|_| -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            resume_unwind(Box::new("as asked"))
        });
        Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(body))))
    });
    let client = layer(&vitals).layer(in_call);
    assert!(panics(async move { client.oneshot(Request::default()).await }).await);
    let client = layer(&vitals).layer(in_future);
    assert!(panics(async move { client.oneshot(Request::default()).await }).await);
    let client = layer(&vitals).layer(in_body);
    let read = async move {
        let answer = client.oneshot(Request::default()).await.unwrap();
        answer.into_body().collect().await
    };
    assert!(panics(read).await);
    let failing = async { resume_unwind(Box::new("as asked")) };
    let run = outbound("groq").metrics(vitals.metrics());
    let run = run.run::<_, (), Infallible>(failing);
    assert!(panics(run).await);
    assert_eq!(counted(&vitals), [("error".to_owned(), 4.0)]);
}

/// Whether the future panics.
async fn panics<F>(future: F) -> bool
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(future)
        .await
        .is_err_and(|error| error.is_panic())
}

#[tokio::test]
async fn a_layer_inside_of_a_retry_counts_each_attempt_and_one_outside_counts_the_whole() {
    /// Tries three times.
    #[derive(Clone)]
    struct ThreeTimes(u8);

    impl<B> retry::Policy<http::Request<Empty<Bytes>>, Response<B>, BoxError> for ThreeTimes {
        type Future = future::Ready<()>;

        fn retry(
            &mut self,
            _: &mut http::Request<Empty<Bytes>>,
            result: &mut Result<Response<B>, BoxError>,
        ) -> Option<future::Ready<()>> {
            let failed = result.as_ref().is_ok_and(|it| it.status() == 503);
            self.0 += 1;
            (failed && self.0 < 3).then(|| future::ready(()))
        }

        fn clone_request(
            &mut self,
            request: &http::Request<Empty<Bytes>>,
        ) -> Option<http::Request<Empty<Bytes>>> {
            Some(request.clone())
        }
    }

    let upstream = Upstream::start().await;
    let (outside, inside) = (isolated(), isolated());
    let client = ServiceBuilder::new()
        .layer(layer(&outside))
        .retry(ThreeTimes(0))
        .map_err(BoxError::from)
        .layer(layer(&inside))
        .service(hyper_client());
    by_hyper(client, &upstream.url("/503")).await.unwrap();
    assert_eq!(upstream.requests(), 3);
    assert_eq!(counted(&outside), [("error".to_owned(), 1.0)]);
    assert_eq!(counted(&inside), [("error".to_owned(), 3.0)]);
}

#[tokio::test]
async fn a_call_carries_the_id_and_the_trace_of_its_request_onward() {
    const ID: &str = "x-request-id";
    // While there is one subscriber alone, `tracing` takes a thread without one to speak for all.
    let (_, _guard) = written(Format::Json);
    let upstream = Upstream::start().await;
    let vitals = Vitals::builder()
        .isolated()
        .trace_context(TraceContextLayer::new())
        .build()
        .unwrap();
    let url = upstream.url("/200");
    let (hyper, reqwest) = (layer(&vitals), layer(&vitals));
    let renamed = layer(&vitals).header("x-correlation-id").unwrap();
    let endpoint = Endpoint::from_shared(upstream.url("")).unwrap();
    let tonic = layer(&vitals).layer(endpoint.connect_lazy());
    let app = Router::new()
        .route(
            "/{client}",
            get(
                async move |axum::extract::Path(client): axum::extract::Path<String>| match client
                    .as_str()
                {
                    "hyper" => _ = by_hyper(hyper.layer(hyper_client()), &url).await.unwrap(),
                    "renamed" => _ = by_hyper(renamed.layer(hyper_client()), &url).await.unwrap(),
                    "reqwest" => {
                        let client = reqwest.layer(reqwest::Client::new());
                        by_reqwest(client, &url).await.unwrap();
                    }
                    _ => {
                        let request = http::Request::post("/grpc.Test/head-0")
                            .header("content-type", "application/grpc")
                            .body(tonic::body::Body::empty())
                            .unwrap();
                        tonic.oneshot(request).await.unwrap();
                    }
                },
            ),
        )
        .layer(vitals.layer());
    for client in ["hyper", "reqwest", "tonic", "renamed"] {
        let request = http::Request::get(format!("/{client}"))
            .header(ID, "id-7")
            .header(
                "traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            )
            .body(Body::empty())
            .unwrap();
        assert_eq!(app.clone().oneshot(request).await.unwrap().status(), 200);
        let header = if client == "renamed" {
            "x-correlation-id"
        } else {
            ID
        };
        assert_eq!(upstream.last(header), "id-7", "{client}");
        let trace = upstream.last("traceparent");
        assert!(
            trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
            "{client}: {trace}"
        );
        assert!(!trace.contains("00f067aa0ba902b7"), "{client}: {trace}");
    }
    assert_eq!(upstream.requests(), 4);
    assert!(layer(&vitals).header("content-length").is_err());
}

#[tokio::test]
async fn the_client_that_is_called_is_the_one_that_is_ready() {
    /// A client whose clones are not ready.
    struct Reserved(bool);

    impl Clone for Reserved {
        fn clone(&self) -> Self {
            Self(false)
        }
    }

    impl Service<Request> for Reserved {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = future::Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            self.0 = true;
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request) -> Self::Future {
            assert!(std::mem::take(&mut self.0), "it is not ready");
            future::ready(Ok(Response::default()))
        }
    }

    let vitals = isolated();
    let mut client = layer(&vitals).layer(Reserved(false));
    for _ in 0..2 {
        let ready = client.ready().await.unwrap();
        ready.call(Request::default()).await.unwrap();
    }
    assert_eq!(counted(&vitals), [("success".to_owned(), 2.0)]);
}

#[test]
fn a_call_that_took_for_ever_counts_as_a_year_and_wraps_no_sum() {
    let vitals = isolated();
    let groq = outbound("groq").metrics(vitals.metrics());
    for _ in 0..3 {
        groq.record(CallOutcome::Success, Duration::MAX);
    }
    let shown = Exposition::of(&vitals);
    let sum = shown.sum("external_call_duration_seconds_sum", &[LABEL]);
    assert_eq!(sum, 3.0 * 365.0 * 86_400.0);
}

#[tokio::test(start_paused = true)]
async fn a_run_of_an_sdk_counts_once_by_its_result() {
    let vitals = isolated();
    let groq = outbound("groq").metrics(vitals.metrics());
    assert_eq!(
        groq.clone()
            .run(async { Ok::<_, BoxError>(7) })
            .await
            .unwrap(),
        7
    );
    let failing = groq.clone().run(async { Err::<(), _>("as asked") });
    assert_eq!(failing.await, Err("as asked"));
    let hanging = time::timeout(Duration::from_secs(3), future::pending::<()>());
    groq.clone().run(hanging).await.unwrap_err();
    {
        let dropped = std::pin::pin!(groq.clone().run(future::pending::<Result<(), BoxError>>()));
        assert!(futures::poll!(dropped).is_pending());
    }
    groq.record(CallOutcome::Success, Duration::from_millis(250));
    groq.record(CallOutcome::Panicked, Duration::from_secs(1));
    let counts = [
        ("cancelled", 1.0),
        ("error", 2.0),
        ("success", 2.0),
        ("timeout", 1.0),
    ];
    assert_eq!(
        counted(&vitals),
        counts.map(|(outcome, n)| (outcome.to_owned(), n))
    );
    let shown = Exposition::of(&vitals);
    let sum = shown.sum("external_call_duration_seconds_sum", &[LABEL]);
    assert_eq!(sum, 3.0 + 0.25 + 1.0);
}

/// How a body of the other service goes on.
#[derive(Clone, Debug)]
enum Step {
    Data,
    Wait,
    Fail,
}

proptest! {
    /// Whatever the service sends, and whenever its caller leaves, the call counts once.
    #[test]
    fn a_call_counts_once_however_it_goes_and_whenever_it_is_left(
        waits in 0..3_usize,
        status in prop::sample::select(vec![200_u16, 404, 429, 500, 504]),
        steps in prop::collection::vec(
            prop::sample::select(vec![Step::Data, Step::Wait, Step::Fail]), 0..5),
        polls in 0..8_usize,
    ) {
        let vitals = isolated();
        let body_steps = steps;
        let mut head = waits;
        let service = service_fn(move |_: Request| {
            let steps = body_steps.clone();
            future::poll_fn(move |cx| {
                if head > 0 {
                    head -= 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let mut steps = steps.clone().into_iter();
                let body = stream::poll_fn(move |_| match steps.next() {
                    Some(Step::Data) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x"))))),
                    Some(Step::Wait) => Poll::Pending,
                    Some(Step::Fail) => Poll::Ready(Some(Err(BoxError::from("as asked")))),
                    None => Poll::Ready(None),
                });
                let mut answer = Response::new(StreamBody::new(body));
                *answer.status_mut() = status.try_into().unwrap();
                Poll::Ready(Ok::<_, BoxError>(answer))
            })
        });
        let mut client = layer(&vitals).layer(service);
        let mut left = polls;
        // What a caller does that polls so many times in all, and then leaves.
        let expected = (|| {
            let cx = &mut Context::from_waker(std::task::Waker::noop());
            let mut call = Box::pin(client.call(Request::default()));
            let mut answer = loop {
                if left == 0 { return "cancelled"; }
                left -= 1;
                if let Poll::Ready(answer) = call.as_mut().poll(cx) { break answer.unwrap(); }
            };
            match status {
                429 | 500 => return "error",
                504 => return "timeout",
                _ => {}
            }
            let mut waiting = false;
            while left > 0 {
                left -= 1;
                waiting = match futures::FutureExt::poll_unpin(&mut answer.body_mut().frame(), cx) {
                    Poll::Pending => true,
                    Poll::Ready(None) => return "success",
                    Poll::Ready(Some(Ok(_))) => false,
                    Poll::Ready(Some(Err(_))) => return "error",
                };
            }
            if waiting { "cancelled" } else { "success" }
        })();
        prop_assert_eq!(counted(&vitals), [(expected.to_owned(), 1.0)]);
    }
}
