//! Keeps texts of a request in one piece of memory, which the next request uses again.

use std::mem;

use http::uri::PathAndQuery;

/// How many texts are kept beside the target.
pub(crate) const KEPT_TEXTS: usize = 7;

/// The bytes that are allocated at first. Most requests need no more.
const ROOM: usize = 128;

/// The most bytes that stay for the next request.
const MOST_ROOM: usize = 1_024;

/// The target of a request, and short texts of it, each of which may be missing. Clones of what the request has would be larger,
/// and would keep the buffer of the connection for as long as a stream is open.
#[derive(Debug, Default)]
pub(crate) struct RequestTexts {
    /// The target, and behind it the texts.
    all: Vec<u8>,
    /// Where the path ends.
    path: u32,
    /// Where the target ends.
    target: u32,
    /// Where each text ends.
    ends: [u32; KEPT_TEXTS],
    /// As bits.
    present: u8,
}

// === impl RequestTexts ===

// A request has less than 4 GiB of target and headers.
impl RequestTexts {
    /// Keeps a target, before all texts.
    #[inline]
    pub(crate) fn keep_target(&mut self, target: &PathAndQuery) {
        let text = target.as_str();
        self.make_room();
        // The path of `http://shop.example?page=2` is `/`.
        if text.starts_with('?') {
            self.all.push(b'/');
        }
        self.all.extend_from_slice(text.as_bytes());
        self.path = target.path().len() as u32;
        self.target = self.all.len() as u32;
    }

    /// Keeps the texts.
    #[inline]
    pub(crate) fn keep(&mut self, texts: [Option<&[u8]>; KEPT_TEXTS]) {
        self.make_room();
        for (place, text) in texts.iter().enumerate() {
            if let Some(text) = text {
                self.all.extend_from_slice(text);
                self.present |= 1 << place;
            }
            self.ends[place] = self.all.len() as u32;
        }
    }

    /// The path, or an empty text if there is no target.
    pub(crate) fn path(&self) -> &str {
        self.beginning(self.path)
    }

    /// The path with its query.
    pub(crate) fn target(&self) -> &str {
        self.beginning(self.target)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        let begin = place
            .checked_sub(1)
            .map_or(self.target, |before| self.ends[before]);
        let range = begin as usize..self.ends[place] as usize;
        (self.present >> place & 1 == 1).then(|| self.all.get(range))?
    }

    /// Forgets all texts, and keeps the memory if it is small.
    pub(crate) fn clear(&mut self) {
        let mut all = mem::take(&mut self.all);
        if all.capacity() > MOST_ROOM {
            all = Vec::new();
        }
        all.clear();
        *self = Self {
            all,
            ..Self::default()
        };
    }

    #[inline]
    fn make_room(&mut self) {
        if self.all.capacity() == 0 {
            self.all.reserve_exact(ROOM);
        }
    }

    fn beginning(&self, end: u32) -> &str {
        let text = self.all.get(..end as usize).unwrap_or_default();
        str::from_utf8(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(first: &[u8]) -> [Option<&[u8]>; KEPT_TEXTS] {
        [
            Some(first),
            None,
            Some(b""),
            None,
            None,
            None,
            Some(b"last"),
        ]
    }

    #[test]
    fn each_kept_text_is_in_its_place_with_a_target_and_without() {
        for target in [
            None,
            Some("/orders/17?key=secret"),
            Some("*"),
            Some("/a%20b?"),
            Some("?page=2"),
        ] {
            let mut kept = RequestTexts::default();
            let parsed = target.map(PathAndQuery::from_static);
            if let Some(target) = &parsed {
                kept.keep_target(target);
            }
            kept.keep(texts(b"first"));
            // The standard has a path before each query.
            let shown = parsed.as_ref().map(ToString::to_string);
            assert_eq!(kept.target(), shown.unwrap_or_default());
            assert_eq!(kept.path(), parsed.as_ref().map_or("", PathAndQuery::path));
            let all: Vec<_> = (0..KEPT_TEXTS).map(|place| kept.get(place)).collect();
            assert_eq!(all, texts(b"first"));
        }
    }

    #[test]
    fn what_was_kept_is_forgotten_and_much_memory_is_given_back() {
        for (length, stays) in [(10, true), (10 * MOST_ROOM, false)] {
            let mut kept = RequestTexts::default();
            kept.keep_target(&PathAndQuery::from_static("/orders/17?key=secret"));
            kept.keep(texts(&vec![b'x'; length]));
            kept.clear();
            assert_eq!(
                format!("{kept:?}"),
                format!("{:?}", RequestTexts::default())
            );
            assert_eq!(kept.all.capacity() > 0, stays);
        }
    }
}
