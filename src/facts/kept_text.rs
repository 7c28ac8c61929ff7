//! Keeps short texts of requests in a buffer of the thread: many requests share one allocation.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;

/// How many bytes are allocated at once. They stay in memory as long as a text in them does.
const CHUNK: usize = 1_024;

/// If a buffer has less room, a new one takes its place. Most texts are shorter.
const ROOM: usize = 64;

thread_local! {
    static CURRENT: RefCell<BytesMut> = RefCell::default();
}

/// Keeps a copy of a text.
#[inline]
pub(crate) fn copy(text: &[u8]) -> Bytes {
    let kept = CURRENT.try_with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        if buffer.capacity() < ROOM {
            buffer.reserve(CHUNK);
        }
        buffer.extend_from_slice(text);
        buffer.split().freeze()
    });
    kept.unwrap_or_else(|_| Bytes::copy_from_slice(text))
}

/// Keeps a copy of a header's value. A clone would keep what the server has read from the connection.
pub(crate) fn value(value: &HeaderValue) -> HeaderValue {
    HeaderValue::from_maybe_shared(copy(value.as_bytes())).unwrap_or_else(|_| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_its_own_however_many_are_kept() {
        let texts: Vec<_> = (0..1_000).map(|n| n.to_string().repeat(n % 50)).collect();
        let kept: Vec<_> = texts.iter().map(|text| copy(text.as_bytes())).collect();
        for (text, kept) in texts.iter().zip(kept) {
            assert_eq!(kept, text);
        }
        let long = vec![b'x'; 10 * CHUNK];
        assert_eq!(copy(&long), long);
        assert_eq!(copy(b""), "");
    }
}
