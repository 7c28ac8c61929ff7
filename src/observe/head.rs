//! Reads what the head of a response tells of its body.

use http::{HeaderMap, Method, StatusCode, header};

use crate::facts::grpc;

/// What the method of a request tells of the body of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MethodKind {
    /// No answer has a body.
    Head,
    /// A tunnel begins where the head of a successful answer ends.
    Connect,
    Other,
}

// === impl MethodKind ===

impl MethodKind {
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// These have no body: hyper drops it without polling it. After 101 the connection has another protocol.
pub(super) fn has_no_body(status: StatusCode, method: MethodKind) -> bool {
    method == MethodKind::Head
        || method == MethodKind::Connect && status.is_success()
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// The format of gRPC that the content type names, and the `content-length`. One pass over the few headers of a response is
/// cheaper than two look-ups by hash.
pub(super) fn content_type_and_length(headers: &HeaderMap) -> (Option<grpc::Format>, Option<u64>) {
    let (mut kind, mut length) = (None, None);
    for (name, value) in headers {
        match *name {
            header::CONTENT_TYPE => kind = kind.or(Some(value)),
            header::CONTENT_LENGTH => length = length.or(Some(value)),
            _ => {}
        }
    }
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    (kind.and_then(grpc::Format::of), length)
}
