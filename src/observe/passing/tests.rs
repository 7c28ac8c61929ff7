//! What is told of an excluded request, for each way in which it can end.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use futures::{FutureExt, stream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tower::{Service, ServiceExt, service_fn};

use super::super::{Engine, EngineHandle, Observed, Observer, ObserverContext};
use crate::{
    exclude::{Exclusion, Patterns},
    facts::{Facts, exchange::Outcome, layer_kinds::LayerKinds, marks::Mark},
    marked::Marked,
    metrics::Metrics,
};

/// Writes down what it is told.
#[derive(Clone, Debug)]
struct Told {
    kinds: LayerKinds,
    all: Arc<Mutex<Vec<String>>>,
}

type Frames = Vec<Result<Frame<Bytes>, &'static str>>;
type Answer =
    Response<StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, &'static str>>>>>;

impl Told {
    fn new(kinds: LayerKinds) -> Self {
        let all = Arc::default();
        Self { kinds, all }
    }

    /// Around a service; this layer excludes the path `/quiet` by itself only if `excludes`.
    fn around<S>(&self, inner: S, excludes: bool) -> Observed<S> {
        let mut engine = Engine::of(self.clone());
        if excludes {
            engine.exclude = Exclusion {
                patterns: Patterns::new(["/quiet"]).unwrap(),
                ..Exclusion::default()
            };
        }
        Observed::new(inner, EngineHandle::Counted(Arc::new(engine)))
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.all.lock().unwrap())
    }

    fn note(&self, text: String) {
        self.all.lock().unwrap().push(text);
    }
}

impl Observer for Told {
    fn kinds(&self) -> LayerKinds {
        self.kinds
    }

    fn end(&self, _: &ObserverContext<'_>, _: &Facts) {
        self.note("observed".into());
    }

    fn excluded(&self, cx: &ObserverContext<'_>, outcome: Outcome, failure: Option<&Facts>) {
        assert_eq!(cx.exchange.path(), "/quiet");
        let status = |facts: &Facts| facts.status.map_or(0, |status| status.as_u16());
        let failure = failure.map(|facts| (status(facts), facts.bytes));
        self.note(format!("{outcome:?} {failure:?}"));
    }

    fn passed(&self, active: LayerKinds, _: Option<&Metrics>) {
        if active.overlaps(self.kinds) {
            self.note("passed".into());
        }
    }
}

const ONE: LayerKinds = LayerKinds(1 << 14);
const OTHER: LayerKinds = LayerKinds(1 << 15);

fn quiet(grpc: bool) -> Request<()> {
    let mut request = Request::builder().uri("/quiet");
    if grpc {
        request = request
            .header("content-type", "application/grpc")
            .header("grpc-timeout", "1n");
    }
    request.body(()).unwrap()
}

fn answer(status: u16, frames: Frames) -> Answer {
    let body = StreamBody::new(stream::iter(frames));
    Response::builder().status(status).body(body).unwrap()
}

fn data() -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(Bytes::from_static(b"ab")))
}

/// A service with one answer.
fn answering(
    status: u16,
    frames: impl Fn() -> Frames + Clone,
) -> impl Service<
    Request<()>,
    Response = Answer,
    Error = Infallible,
    Future = Ready<Result<Answer, Infallible>>,
> + Clone {
    service_fn(move |_| ready(Ok(answer(status, frames()))))
}

/// Sends one request, polls `polls` frames, and drops the rest.
async fn send<S, B>(service: S, polls: usize)
where
    S: Service<Request<()>, Response = Response<B>, Error: std::fmt::Debug>,
    B: http_body::Body + Unpin,
{
    let mut body = service.oneshot(quiet(false)).await.unwrap().into_body();
    for _ in 0..polls {
        let _ = body.frame().await;
    }
}

#[tokio::test]
async fn an_excluded_request_is_told_once_however_it_ends() {
    let told = Told::new(ONE);
    let trailers = || vec![data(), Ok(Frame::trailers(HeaderMap::new()))];
    let failing = || vec![data(), Err("broken")];
    for (status, frames, polls, expected) in [
        (200, vec![data()], 2, "passed"),
        (200, vec![data(), data()], 1, "passed"),
        (200, trailers(), 2, "passed"),
        (204, vec![], 0, "passed"),
        (404, vec![data()], 2, "passed"),
        (404, failing(), 3, "BodyError Some((404, 2))"),
        (503, vec![data()], 2, "Completed Some((503, 2))"),
        (503, vec![data(), data()], 1, "Aborted Some((503, 2))"),
        (200, failing(), 3, "BodyError Some((200, 2))"),
    ] {
        let frames = Mutex::new(Some(frames));
        let take = || frames.lock().unwrap().take().unwrap();
        let inner = service_fn(|_| ready(Ok::<_, Infallible>(answer(status, take()))));
        send(told.around(inner, true), polls).await;
        assert_eq!(told.take(), [expected], "{status}");
    }
}

#[tokio::test]
async fn an_excluded_request_without_a_response_is_told_once() {
    let told = Told::new(ONE);
    let failing = service_fn(|_| ready(Err::<Answer, _>("broken")));
    let failed = told.around(failing, true).oneshot(quiet(false)).await;
    assert!(failed.is_err());
    assert_eq!(told.take(), ["Error Some((0, 0))"]);

    let waiting = || service_fn(|_| std::future::pending::<Result<Answer, Infallible>>());
    for (grpc, expected) in [(false, "passed"), (true, "Cancelled Some((0, 0))")] {
        let mut waits = Box::pin(told.around(waiting(), true).oneshot(quiet(grpc)));
        assert!(waits.as_mut().now_or_never().is_none());
        drop(waits);
        assert_eq!(
            told.take(),
            [expected],
            "after its deadline, if it is a call"
        );
    }

    let panics = |_| async { panic!("in its future") as Result<Answer, Infallible> };
    let panics = told.around(service_fn(panics), true);
    let run = AssertUnwindSafe(panics.oneshot(quiet(false))).catch_unwind();
    assert!(run.await.is_err());
    assert_eq!(told.take(), ["Panicked Some((0, 0))"]);

    let call = |_| -> Ready<Result<Answer, Infallible>> { panic!("in its call") };
    let mut panics = told.around(service_fn(call), true);
    let call = AssertUnwindSafe(|| drop(panics.call(quiet(false))));
    assert!(catch_unwind(call).is_err());
    assert_eq!(told.take(), ["Panicked Some((0, 0))"]);
}

#[tokio::test]
async fn layers_within_a_layer_that_excludes_tell_their_own_kinds_alone() {
    let (outer, same, other) = (Told::new(ONE), Told::new(ONE), Told::new(OTHER));
    for (status, expected) in [(200, "passed"), (503, "Completed Some((503, 2))")] {
        let inner = answering(status, || vec![data()]);
        let inner = other.around(same.around(inner, true), false);
        send(outer.around(inner, true), 2).await;
        assert_eq!(outer.take(), [expected]);
        assert_eq!(other.take(), [expected]);
        assert_eq!(same.take(), [""; 0]);
    }
}

#[tokio::test]
async fn a_mark_from_further_in_reaches_all_who_exclude() {
    let (outer, other) = (Told::new(ONE), Told::new(OTHER));
    let inner = Marked::new(answering(503, || vec![data()]), Mark::Unobserved);
    send(outer.around(other.around(inner, false), true), 2).await;
    for told in [outer, other] {
        assert_eq!(told.take(), ["Completed None"], "its 503 is its answer");
    }
}
