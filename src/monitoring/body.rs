//! Reads the body of a request, within a size and a time.

use std::{future::poll_fn, pin::pin, time::Duration};

use bytes::Buf;
use http::{HeaderMap, StatusCode, header};
use http_body::Body;
use serde::de::DeserializeOwned;
use tokio::time;

use super::refusal::Refusal;
use crate::{runtime::Clock, text};

/// The largest body, in bytes.
const LARGEST: usize = 64 << 10;

/// How long a body may take.
const LONGEST: Duration = Duration::from_secs(10);

/// The body of a request, which says that it is JSON. An empty one says nothing, and is an empty object.
pub(super) async fn received(
    headers: &HeaderMap,
    body: impl Body,
    clock: &Clock,
) -> Result<Vec<u8>, Refusal> {
    let bytes = bytes(body, clock).await?;
    if bytes.is_empty() {
        return Ok(b"{}".to_vec());
    }
    if !is_json(headers) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be JSON, with `Content-Type: application/json`",
        ));
    }
    Ok(bytes)
}

/// A body as a value of this type.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    // A list of its values would be read as well.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Refusal::bad("body: expected an object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // It can show parts of the body.
        let error = text::printable(&error.to_string(), 256);
        Refusal::bad(format!("body: {error}"))
    })
}

/// Whether there is one content type, and it is JSON, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let only = all.next().filter(|_| all.next().is_none());
    let text = only.and_then(|value| value.to_str().ok());
    text.is_some_and(|text| {
        let (kind, _) = text.split_once(';').unwrap_or((text, ""));
        kind.trim().eq_ignore_ascii_case("application/json")
    })
}

async fn bytes(body: impl Body, clock: &Clock) -> Result<Vec<u8>, Refusal> {
    if body.is_end_stream() {
        return Ok(Vec::new());
    }
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(too_large());
    }
    if !clock.is_there() {
        let sentence = "a body can only be read within a Tokio runtime that has a clock";
        return Err(Refusal::unavailable(sentence));
    }
    match time::timeout(LONGEST, collected(body)).await {
        Ok(collected) => collected,
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not come within {} seconds", LONGEST.as_secs()),
        )),
    }
}

async fn collected(body: impl Body) -> Result<Vec<u8>, Refusal> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| Refusal::bad("the body could not be read"))?;
        // Trailers say nothing here.
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        if bytes.len() + data.remaining() > LARGEST {
            return Err(too_large());
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            bytes.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(bytes)
}

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a body has at most {LARGEST} bytes"),
    )
}
