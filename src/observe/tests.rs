//! The truth table: the outcome of each way in which an exchange can end.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use http::{HeaderMap, Request, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Service, ServiceExt, service_fn};

use super::*;
use crate::facts::{
    Facts,
    exchange::{Exchange, Outcome},
    layer_kinds::LayerKinds,
};

#[derive(Clone, Debug, Default)]
struct Record(Arc<Mutex<Vec<Facts>>>);

impl Record {
    fn engine(&self) -> EngineHandle {
        EngineHandle::Counted(Arc::new(Engine::of(self.clone())))
    }
}

impl Observer for Record {
    fn kinds(&self) -> LayerKinds {
        LayerKinds(0x8000)
    }
    fn end(&self, _: &ObserverContext<'_>, facts: &Facts) {
        self.0.lock().unwrap().push(facts.clone());
    }
}

type Frames = Vec<Result<Frame<Bytes>, &'static str>>;

fn data(text: &'static str) -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// Sends one request, polls `polls` frames of the response's body, drops it; returns every ending that was observed.
async fn endings(
    request: Request<()>,
    response: Response<()>,
    frames: Frames,
    polls: usize,
) -> Vec<Facts> {
    let record = Record::default();
    let mut response = Some(response.map(|()| StreamBody::new(stream::iter(frames))));
    let inner = service_fn(move |_| {
        let response = response.take().unwrap();
        async move { Ok::<_, Infallible>(response) }
    });
    // Twice, as with a nested router that has the stack again. The outer one is active.
    let inner = Observed::<_>::new(inner, record.engine());
    let service = Observed::<_>::new(inner, record.engine());
    let mut body = service.oneshot(request).await.unwrap().into_body();
    for _ in 0..polls {
        let _ = body.frame().await;
    }
    drop(body);
    std::mem::take(&mut *record.0.lock().unwrap())
}

fn get() -> Request<()> {
    Request::new(())
}

fn with(name: &'static str, value: &'static str) -> Response<()> {
    Response::builder().header(name, value).body(()).unwrap()
}

fn status(code: u16) -> Response<()> {
    Response::builder().status(code).body(()).unwrap()
}

#[tokio::test]
async fn each_way_to_end_is_one_ending_with_its_own_outcome() {
    use Outcome::{Aborted, BodyError, Completed};
    let head = || Request::builder().method("HEAD").body(()).unwrap();
    let two = || vec![data("ab"), data("cd")];
    let trailers = || vec![data("ab"), Ok(Frame::trailers(HeaderMap::new()))];
    let failing = || vec![data("ab"), Err("broken")];
    let grpc = || with("content-type", "application/grpc+proto");
    let grpc_of_length = |length: &'static str| {
        let mut response = grpc();
        let length = http::HeaderValue::from_static(length);
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length);
        response
    };
    let web_of_length = |length: &'static str| {
        let mut response = grpc_of_length(length);
        let web = http::HeaderValue::from_static("application/grpc-web+proto");
        response.headers_mut().insert(header::CONTENT_TYPE, web);
        response
    };
    let http2 = || {
        let request = Request::builder().version(http::Version::HTTP_2);
        request.body(()).unwrap()
    };
    let cases = [
        ("polled to None", get(), status(200), two(), 3, Completed),
        ("polled after None", get(), status(200), two(), 5, Completed),
        (
            "dropped between frames",
            get(),
            status(200),
            two(),
            1,
            Aborted,
        ),
        ("dropped unpolled", get(), status(200), two(), 0, Aborted),
        (
            "hyper_stops_polling_at_content_length",
            get(),
            with("content-length", "4"),
            two(),
            2,
            Completed,
        ),
        (
            "a frame short of its length",
            get(),
            with("content-length", "5"),
            two(),
            2,
            Aborted,
        ),
        (
            "length zero",
            get(),
            with("content-length", "0"),
            two(),
            0,
            Completed,
        ),
        ("HEAD", head(), status(200), two(), 0, Completed),
        ("204", get(), status(204), two(), 0, Completed),
        ("304", get(), status(304), two(), 0, Completed),
        ("101", get(), status(101), two(), 0, Completed),
        (
            "trailers without None",
            get(),
            status(200),
            trailers(),
            2,
            Completed,
        ),
        (
            "body error, then drop",
            get(),
            status(200),
            failing(),
            2,
            BodyError,
        ),
        (
            "gRPC cut before its trailers",
            get(),
            grpc(),
            two(),
            2,
            Aborted,
        ),
        (
            "gRPC at its length, before its trailers",
            http2(),
            grpc_of_length("4"),
            two(),
            2,
            Aborted,
        ),
        (
            "gRPC of length zero, before its trailers",
            http2(),
            grpc_of_length("0"),
            vec![Ok(Frame::trailers(HeaderMap::new()))],
            0,
            Aborted,
        ),
        (
            "gRPC over HTTP/1 at its length: no trailers can follow",
            get(),
            grpc_of_length("4"),
            two(),
            2,
            Completed,
        ),
        (
            "gRPC over HTTP/1 of length zero",
            get(),
            grpc_of_length("0"),
            vec![],
            0,
            Completed,
        ),
        (
            "gRPC over HTTP/1 before its length",
            get(),
            grpc_of_length("4"),
            two(),
            1,
            Aborted,
        ),
        (
            "gRPC-Web at its length, which has its status",
            get(),
            web_of_length("4"),
            two(),
            2,
            Completed,
        ),
        (
            "gRPC to its trailers",
            get(),
            grpc(),
            trailers(),
            2,
            Completed,
        ),
    ];
    for (name, request, response, frames, polls, outcome) in cases {
        let told = endings(request, response, frames, polls).await;
        let outcomes: Vec<_> = told.iter().map(|facts| facts.outcome).collect();
        assert_eq!(outcomes, [outcome], "{name}");
    }
}

/// A body that knows its length, but not that it has ended.
struct Sized(Vec<Bytes>);

impl Body for Sized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(|data| Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|data| data.len() as u64).sum())
    }
}

#[tokio::test]
async fn hyper_stops_polling_at_the_length_that_the_body_itself_gave() {
    for (polls, outcome) in [(1, Outcome::Aborted), (2, Outcome::Completed)] {
        let (service, record) = around(service_fn(|_: Request<()>| async {
            let halves = [Bytes::from_static(b"ab"), Bytes::from_static(b"cd")];
            Ok::<_, Infallible>(Response::new(Sized(halves.into())))
        }));
        let mut body = service.oneshot(get()).await.unwrap().into_body();
        for _ in 0..polls {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(outcomes(&record), [outcome]);
    }
}

#[tokio::test]
async fn a_body_longer_than_declared_is_flagged() {
    let told = endings(
        get(),
        with("content-length", "3"),
        vec![data("ab"), data("cd")],
        2,
    )
    .await;
    assert_eq!((told[0].bytes, told[0].length_mismatch), (4, true));
    let told = endings(
        get(),
        with("content-length", "4"),
        vec![data("ab"), data("cd")],
        2,
    )
    .await;
    assert_eq!((told[0].bytes, told[0].length_mismatch), (4, false));
}

/// An observed service around `inner`, and the record of its observer.
fn around<S>(inner: S) -> (Observed<S>, Record) {
    let record = Record::default();
    (Observed::<_>::new(inner, record.engine()), record)
}

fn outcomes(record: &Record) -> Vec<Outcome> {
    record
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|facts| facts.outcome)
        .collect()
}

type Empty = Response<Full<Bytes>>;

#[tokio::test]
async fn a_request_dropped_before_its_response_is_cancelled() {
    let (mut service, record) = around(service_fn(|_: Request<()>| {
        std::future::pending::<Result<Empty, Infallible>>()
    }));
    let never_polled = service.call(get());
    drop(never_polled);
    let mut polled = Box::pin(service.call(get()));
    assert!(futures::poll!(&mut polled).is_pending());
    drop(polled);
    assert_eq!(outcomes(&record), [Outcome::Cancelled; 2]);
}

#[tokio::test]
async fn an_error_passes_unchanged_whatever_its_type() {
    /// Neither `Debug` nor `Display` nor `Error`.
    struct Opaque(u8);
    let (service, record) = around(service_fn(|_: Request<()>| async {
        Err::<Empty, _>(Opaque(7))
    }));
    assert!(matches!(service.oneshot(get()).await, Err(Opaque(7))));
    assert_eq!(outcomes(&record), [Outcome::Error]);
}

#[tokio::test]
async fn a_panic_is_no_cancel_also_under_an_outer_catch_unwind() {
    use futures::FutureExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    let (service, record) = around(service_fn(|_: Request<()>| async {
        if true {
            std::panic::panic_any(7_u8);
        }
        Ok::<Empty, Infallible>(Response::default())
    }));
    let payload = AssertUnwindSafe(service.oneshot(get()))
        .catch_unwind()
        .await
        .unwrap_err();
    assert_eq!(payload.downcast_ref::<u8>(), Some(&7));

    let (mut service, in_call) = around(service_fn(|_: Request<()>| {
        if true {
            panic!("before there is a future");
        }
        std::future::ready(Ok::<Empty, Infallible>(Response::default()))
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| service.call(get()))).is_err());

    let (service, in_body) = around(service_fn(|_: Request<()>| async {
        let frames = stream::iter([data("ab")]).chain(stream::poll_fn(|_| panic!("in the body")));
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    }));
    let mut body = service.oneshot(get()).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert!(AssertUnwindSafe(body.frame()).catch_unwind().await.is_err());
    drop(body);

    for record in [record, in_call, in_body] {
        assert_eq!(outcomes(&record), [Outcome::Panicked]);
    }
    assert!(
        Exchange::current().is_none(),
        "a panic left its exchange behind"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_does_not_slow_the_head() {
    let (service, record) = around(service_fn(|_: Request<()>| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let frames = stream::iter([data("a"), data("b"), data("c")]);
        Ok::<_, Infallible>(Response::new(StreamBody::new(frames)))
    }));
    let mut body = service.oneshot(get()).await.unwrap().into_body();
    while body.frame().await.is_some() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = record.0.lock().unwrap();
    assert_eq!(told[0].head, Duration::from_millis(100));
    assert_eq!(told[0].total, Duration::from_millis(700));
}

#[test]
fn a_body_dropped_on_another_thread_after_the_runtime_is_counted() {
    let (service, record) = around(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(StreamBody::new(stream::iter([data("a")]))))
    }));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let response = runtime.block_on(service.oneshot(get())).unwrap();
    drop(runtime);
    std::thread::spawn(|| drop(response)).join().unwrap();
    assert_eq!(outcomes(&record), [Outcome::Aborted]);
}
