//! Keeps short texts of requests in a buffer of the thread: many requests share one allocation.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// How many bytes are allocated at once. They stay in memory as long as a text in them does.
const CHUNK: usize = 4_096;

thread_local! {
    static CURRENT: RefCell<BytesMut> = RefCell::default();
}

/// Keeps a text of `length` bytes, which `write` fills.
#[inline]
pub(crate) fn keep(length: usize, write: impl Fn(&mut [u8])) -> Bytes {
    let kept = CURRENT.try_with(|buffer| {
        let mut buffer = buffer.borrow_mut();
        if buffer.capacity() < length {
            buffer.reserve(length.max(CHUNK));
        }
        take(&mut buffer, length, &write)
    });
    kept.unwrap_or_else(|_| take(&mut BytesMut::new(), length, write))
}

#[inline]
fn take(buffer: &mut BytesMut, length: usize, write: impl Fn(&mut [u8])) -> Bytes {
    buffer.resize(length, 0);
    write(buffer);
    buffer.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_its_own_however_many_are_kept() {
        let texts: Vec<_> = (0..1_000).map(|n| n.to_string().repeat(n % 50)).collect();
        let kept: Vec<_> = texts
            .iter()
            .map(|text| keep(text.len(), |to| to.copy_from_slice(text.as_bytes())))
            .collect();
        for (text, kept) in texts.iter().zip(kept) {
            assert_eq!(kept, text);
        }
        let long = vec![b'x'; 10 * CHUNK];
        assert_eq!(keep(long.len(), |to| to.fill(b'x')), long);
        assert_eq!(keep(0, |_| {}), "");
    }
}
