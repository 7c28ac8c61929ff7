//! Keeps short texts of requests in a buffer of the thread: many requests share one allocation.

use std::{cell::RefCell, iter};

use bytes::{Bytes, BytesMut};

/// How many bytes are allocated at once. They stay in memory as long as a text in them does.
const CHUNK: usize = 4_096;

thread_local! {
    static CURRENT: RefCell<BytesMut> = RefCell::default();
}

/// Keeps a text of `length` bytes, which has these parts.
#[inline]
pub(crate) fn keep<'a>(length: usize, parts: impl Iterator<Item = &'a [u8]> + Clone) -> Bytes {
    let kept = CURRENT.try_with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        if buffer.capacity() < length {
            buffer.reserve(length.max(CHUNK));
        }
        take(&mut buffer, parts.clone())
    });
    kept.unwrap_or_else(|_| take(&mut BytesMut::with_capacity(length), parts))
}

#[inline]
fn take<'a>(buffer: &mut BytesMut, parts: impl Iterator<Item = &'a [u8]>) -> Bytes {
    for part in parts {
        buffer.extend_from_slice(part);
    }
    buffer.split().freeze()
}

/// Keeps a copy of a text.
#[inline]
pub(crate) fn copy(text: &[u8]) -> Bytes {
    keep(text.len(), iter::once(text))
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
