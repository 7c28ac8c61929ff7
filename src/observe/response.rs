//! Decides when a response has ended, from its head and its frames.

use bytes::Buf;
use http::{HeaderMap, StatusCode, response};
use http_body::{Body, Frame};
use tokio::time::Instant;

use super::{
    Beginning,
    grpc_call::GrpcCall,
    head::{MethodKind, content_type_and_length, has_no_body},
    panics,
    tracker::{Head, Tracker},
};
use crate::facts::{
    client_left,
    exchange::Outcome,
    grpc::{self, web::WebBody},
    marks::Mark,
    router,
};

// === impl Tracker ===

impl Tracker {
    /// Notes the head of the response. Returns `true` if a body is still to come.
    pub(super) fn head<B: Body>(
        &mut self,
        response: &mut response::Parts,
        body: &B,
        method: MethodKind,
    ) -> bool {
        let now = Instant::now();
        let after = now.saturating_duration_since(self.exchange.started());
        let wait = self.exchange.waited(now);
        self.head = Some(Head::new(response.status, after, wait));
        self.excluded |= self.exchange.marks().has(Mark::Unobserved);
        let panic = panics::caught(response).cloned();
        if !self.excluded {
            if let Some(panic) = &panic {
                self.note_panic(panic);
            }
            self.examine_response(response);
            self.engine.observer.head(&self.context(), response);
            if self.beginning == Beginning::AtHead {
                self.beginning = Beginning::AtOnce;
            }
        } else if self.beginning == Beginning::AtHead {
            self.engine.observer.head_of_own_route(&self.context());
            self.beginning = Beginning::Never;
        }
        let (format, length) = content_type_and_length(&response.headers);
        self.is_grpc_response = format.is_some();
        if let Some((format, grpc)) = format.zip(self.grpc.as_mut()) {
            let code = grpc::Code::read(&response.headers);
            self.exchange.note_grpc_message(code, &response.headers);
            grpc.call.code = code;
            grpc.call.may_prove = response.status == StatusCode::OK && code.is_none();
            grpc.web = WebBody::new(format).map(Box::new);
        } else if format.is_none() {
            // The request had a gRPC content type, but the response is plain HTTP.
            self.grpc = None;
        }
        self.note_head();
        // The status of such a call comes after the length.
        self.ends_in_trailers = self.is_grpc_response && self.web().is_none();
        if panic.is_some() {
            self.expected_length = None;
            self.end(Outcome::Panicked);
            return false;
        }
        if self.client_left(response) {
            self.expected_length = None;
            self.end(Outcome::Cancelled);
            return false;
        }
        let hint = body.size_hint().exact();
        self.expected_length = length.or(hint);
        if has_no_body(response.status, method)
            || body.is_end_stream()
            || (self.expected_length == Some(0) && !self.ends_in_trailers)
        {
            // No body was expected, so its length cannot be wrong.
            self.expected_length = None;
            self.end(Outcome::Completed);
            return false;
        }
        self.streamed = hint.is_none();
        true
    }

    /// Tells the exchange of its head: what its code captures from now on has the severity of the head.
    fn note_head(&self) {
        if let Some(head) = self.head {
            let failed = match &self.grpc {
                Some(grpc) => grpc.call.code.is_some_and(grpc::Code::is_failure),
                None => head.status.is_server_error(),
            };
            self.exchange.note_head(head.own_nanos(), failed);
        }
    }

    /// Notes a frame of the body. Returns the outcome if the server will not poll again.
    #[inline]
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>, at_end: bool) -> Option<Outcome> {
        let Some(data) = frame.data_ref() else {
            return self.trailers(frame.trailers_ref()?);
        };
        if let Some(grpc) = &mut self.grpc {
            grpc.read(data, self.bytes == 0);
        }
        self.bytes = self.bytes.saturating_add(data.remaining() as u64);
        // hyper stops polling at the expected length.
        let ended = at_end || (self.sent_all() && !self.ends_in_trailers);
        ended.then_some(Outcome::Completed)
    }

    fn trailers(&mut self, trailers: &HeaderMap) -> Option<Outcome> {
        if let Some(GrpcCall { call, .. }) = self.grpc.as_deref_mut() {
            let code = grpc::Code::read(trailers);
            call.code = grpc::Code::agreed(call.code, code);
            self.exchange.note_grpc_message(code, trailers);
        }
        Some(Outcome::Completed)
    }

    /// The body of the response, if the status of a gRPC call comes in it.
    pub(super) fn web(&self) -> Option<&WebBody> {
        self.grpc.as_ref()?.web.as_deref()
    }

    /// Whether the expected length was sent.
    pub(super) fn sent_all(&self) -> bool {
        let expected = self.expected_length;
        expected.is_some_and(|expected| self.bytes >= expected)
    }

    /// Whether the response answers a client that left before it had sent its request, and says that something failed.
    fn client_left(&self, response: &response::Parts) -> bool {
        let marks = self.exchange.marks();
        let failed = || {
            let code = self.grpc.as_ref().and_then(|grpc| grpc.call.code);
            response.status.as_u16() >= 400 || code.is_some_and(|code| code != grpc::Code::OK)
        };
        if marks.has(Mark::BodyFollowed) {
            return marks.has(Mark::ClientLeft) && failed();
        }
        let error = || router::failure(&response.extensions);
        !self.has_whole_request
            && failed()
            && error().is_some_and(|(error, _)| client_left::is_told_by_failure(error))
    }
}
