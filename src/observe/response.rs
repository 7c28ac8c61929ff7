//! Decides when a response has ended, from its head and its frames.

use bytes::Buf;
use http::{HeaderMap, StatusCode, header, response};
use http_body::{Body, Frame};

use super::tracker::Tracker;
use crate::facts::{exchange::Outcome, grpc};

// === impl Tracker ===

impl Tracker {
    /// Notes the head of the response. Returns the tracker if a body is still to come.
    pub(super) fn head<B: Body>(
        mut self,
        response: &mut response::Parts,
        body: &B,
        is_head_request: bool,
    ) -> Option<Self> {
        self.head = Some((response.status, self.exchange.started().elapsed()));
        if !self.excluded {
            self.examine_response(response);
            self.engine.observer.head(&self.context(), response);
        }
        // These have no body: hyper drops it without polling it. After 101 the connection has another protocol.
        let no_body = is_head_request
            || response.status.is_informational()
            || matches!(
                response.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let (is_grpc, length) = content_type_and_length(&response.headers);
        self.is_grpc_response = is_grpc;
        if self.is_grpc_response {
            if let Some(call) = &mut self.grpc {
                call.code = grpc::Code::read(&response.headers);
            }
        } else {
            // The request had a gRPC content type, but the response is plain HTTP.
            self.grpc = None;
        }
        let hint = body.size_hint().exact();
        self.expected_length = length.or(hint);
        if no_body
            || body.is_end_stream()
            || (self.expected_length == Some(0) && !self.is_grpc_response)
        {
            // No body was expected, so its length cannot be wrong.
            self.expected_length = None;
            self.end(Outcome::Completed);
            return None;
        }
        self.streamed = hint.is_none();
        Some(self)
    }

    /// Notes a frame of the body. Returns the outcome if the server will not poll again.
    pub(super) fn frame<D: Buf>(&mut self, frame: &Frame<D>, at_end: bool) -> Option<Outcome> {
        if let Some(trailers) = frame.trailers_ref() {
            if let Some(call) = &mut self.grpc {
                call.code = call.code.or_else(|| grpc::Code::read(trailers));
            }
            return Some(Outcome::Completed);
        }
        let length = frame.data_ref().map_or(0, Buf::remaining);
        self.bytes = self.bytes.saturating_add(length as u64);
        // hyper stops polling at the expected length.
        let sent_all = self
            .expected_length
            .is_some_and(|declared| self.bytes >= declared);
        ((at_end || sent_all) && !self.is_grpc_response).then_some(Outcome::Completed)
    }
}

/// Whether the content type is gRPC, and the `content-length`. One pass over the few headers of a response is cheaper than
/// two look-ups by hash.
fn content_type_and_length(headers: &HeaderMap) -> (bool, Option<u64>) {
    let (mut kind, mut length) = (None, None);
    for (name, value) in headers {
        match *name {
            header::CONTENT_TYPE => kind = kind.or(Some(value)),
            header::CONTENT_LENGTH => length = length.or(Some(value)),
            _ => {}
        }
    }
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    (kind.is_some_and(grpc::is_content_type), length)
}
