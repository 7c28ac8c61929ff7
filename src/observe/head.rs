//! Reads what the head of a response tells of its body.

use http::{HeaderMap, StatusCode, header};

use crate::facts::grpc;

/// These have no body: hyper drops it without polling it. After 101 the connection has another protocol.
pub(super) fn has_no_body(status: StatusCode, is_head_request: bool) -> bool {
    is_head_request
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
