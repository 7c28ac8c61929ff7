//! Keeps what is known of a gRPC call until it ends.

use bytes::Buf;
use http::HeaderMap;

use crate::facts::grpc::{self, web::WebBody};

/// What is known of a gRPC call. Boxed: most requests are none, and each move of a tracker copies all that it has.
#[derive(Debug)]
pub(super) struct GrpcCall {
    pub(super) call: grpc::Call,
    /// The body, if the status of the call comes in it.
    pub(super) web: Option<Box<WebBody>>,
}

// === impl GrpcCall ===

impl GrpcCall {
    /// The call of a request whose content type is gRPC.
    #[inline(always)]
    pub(super) fn of(headers: &HeaderMap) -> Option<Box<Self>> {
        let call = grpc::Call::of(headers)?;
        Some(Box::new(Self { call, web: None }))
    }

    /// The code that the response gave, in its head or at its end.
    pub(super) fn code(&self) -> Option<grpc::Code> {
        let in_body = self.web.as_ref().and_then(|web| web.code());
        grpc::Code::agreed(self.call.code, in_body)
    }

    /// Reads a piece of the response's body.
    pub(super) fn read(&mut self, data: &impl Buf, is_first: bool) {
        if let Some(web) = &mut self.web {
            web.read(data);
        } else if is_first {
            self.call.may_prove &= grpc::may_begin_message(data);
        }
    }
}
