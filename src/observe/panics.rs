//! Catches a panic of the inner service before there is a response, and answers in its place.

use std::{
    any::TypeId,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Poll,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response};
use http_body::Body;
use http_body_util::Empty;

use super::{body::ResponseBody, head::MethodKind, slot::Slot, tracker::Tracker};
use crate::facts::{caught_panic::CaughtPanic, exchange::Exchange, kept_text};

/// What is shown of a panic if the application does not choose it.
const TEXT: &str = "internal server error";

/// How a layer answers when it has caught a panic.
#[derive(Clone, Debug, Default)]
pub(crate) struct PanicAnswer {
    maker: Option<Maker>,
}

/// The application's own function that makes the answer.
#[derive(Clone)]
struct Maker(Arc<Make>);

type Make = dyn Fn(&PanicInfo<'_>) -> Response<Bytes> + Send + Sync;

/// A panic that was caught, for the function that answers in place of the service.
#[derive(Clone, Copy, Debug)]
pub struct PanicInfo<'a> {
    panic: &'a CaughtPanic,
    exchange: &'a Exchange,
}

/// Runs code of the inner service in the exchange, for a layer that catches panics. `None` after a panic: then [`answer`] has the
/// response.
#[inline(never)]
pub(super) fn run_and_catch<T>(slot: &mut Slot, code: impl FnOnce() -> T) -> Option<T> {
    let run = || {
        let entered = slot.enter();
        let value = code();
        drop(entered);
        slot.leave();
        value
    };
    let payload = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(value) => return Some(value),
        Err(payload) => payload,
    };
    if let Some(tracker) = slot.tracker() {
        tracker.running = false;
        let panic = CaughtPanic::new(payload);
        // A destructor can panic as well. The first panic counts.
        let catching = tracker.catching.get_or_insert_default();
        catching.panic.get_or_insert(panic);
    }
    None
}

/// The answer in place of the service that panicked. Pending if none did.
#[cold]
pub(super) fn answer<B, E, Error>(
    slot: &mut Slot,
    method: MethodKind,
) -> Poll<Result<Response<ResponseBody<B, E>>, Error>>
where
    B: Body<Data: 'static>,
{
    let catching = slot.tracker().and_then(|it| it.catching.as_mut());
    let panic = catching.and_then(|catching| catching.panic.take());
    let (Some(panic), Some(mut tracker)) = (panic, slot.take()) else {
        return Poll::Pending;
    };
    let (mut parts, mut body) = tracker.answer_of(&panic).into_parts();
    // The server knows the length.
    parts.headers.remove(header::CONTENT_LENGTH);
    if TypeId::of::<B::Data>() != TypeId::of::<Bytes>() {
        body = Bytes::new();
    }
    if method != MethodKind::Head {
        tracker.bytes = body.len() as u64;
    }
    parts.extensions.insert(panic);
    tracker.head(&mut parts, &Empty::<Bytes>::new(), method);
    tracker.catching.get_or_insert_default().body = Some(body).filter(|body| !body.is_empty());
    let body = ResponseBody::answer(tracker);
    Poll::Ready(Ok(Response::from_parts(parts, body)))
}

// === impl PanicAnswer ===

impl PanicAnswer {
    pub(crate) fn made_by<B: Into<Bytes>>(
        maker: impl Fn(&PanicInfo<'_>) -> Response<B> + Send + Sync + 'static,
    ) -> Self {
        let maker = move |panic: &PanicInfo<'_>| maker(panic).map(Into::into);
        Self {
            maker: Some(Maker(Arc::new(maker))),
        }
    }
}

// === impl PanicInfo ===

impl PanicInfo<'_> {
    /// The text of the panic. It can hold anything that the code knew: do not show it to a client.
    #[must_use]
    pub fn text(&self) -> &str {
        self.panic.text()
    }

    /// The id of the request, if there is a [`RequestIdLayer`](crate::RequestIdLayer).
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.exchange.id()
    }

    /// The path as received, without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.exchange.path()
    }
}

// === impl Tracker ===

impl Tracker {
    /// Notes what the answer to a panic needs of the request.
    #[inline(always)]
    pub(super) fn prepare_to_catch(&mut self, headers: &HeaderMap) {
        if self.engine.panics.is_some() && self.grpc.is_some() {
            let kind = headers.get(header::CONTENT_TYPE);
            self.catching.get_or_insert_default().grpc = kind.map(kept_text::value);
        }
    }

    /// The panic that a layer further in, or this one, has caught, as the evidence of the failure.
    pub(super) fn note_panic(&self, panic: &CaughtPanic) {
        let evidence = panic.evidence(self.exchange.needs());
        self.exchange.update(|overrides| {
            _ = overrides
                .rare_mut()
                .evidence
                .get_or_insert_with(|| Box::new(evidence))
        });
    }

    fn answer_of(&self, panic: &CaughtPanic) -> Response<Bytes> {
        let catching = self.catching.as_ref();
        if let Some(kind) = catching.and_then(|catching| catching.grpc.as_ref()) {
            return grpc_answer(kind);
        }
        let answer = &self.engine.panics;
        match answer.as_ref().and_then(|answer| answer.maker.as_ref()) {
            Some(maker) => self.made_by(maker, panic).unwrap_or_else(plain_answer),
            None => plain_answer(),
        }
    }

    /// The application's answer, unless its maker panics as well.
    fn made_by(&self, Maker(make): &Maker, panic: &CaughtPanic) -> Option<Response<Bytes>> {
        let exchange = &*self.exchange;
        let make = || make(&PanicInfo { panic, exchange });
        let Ok(mut answer) = catch_unwind(AssertUnwindSafe(make)) else {
            self.context().metrics().hook_failed();
            return None;
        };
        if !answer.status().is_server_error() {
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Some(answer)
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Maker").finish_non_exhaustive()
    }
}

/// Whether a layer further in, or this one, answered in place of a panic.
#[inline]
pub(super) fn caught(response: &response::Parts) -> Option<&CaughtPanic> {
    response.extensions.get()
}

fn plain_answer() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(TEXT.as_bytes()));
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// A response of trailers only, with the status `INTERNAL`.
fn grpc_answer(kind: &HeaderValue) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind.clone());
    headers.insert("grpc-status", HeaderValue::from_static("13"));
    headers.insert("grpc-message", HeaderValue::from_static(TEXT));
    answer
}
