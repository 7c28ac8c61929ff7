//! Takes secrets out of a query, and keeps the values that are none.

use super::{FILTERED, MOST_PASSES, Scrubbing, beside, counts, names, plain::plain};

// === impl Scrubbing ===

impl Scrubbing {
    /// The query with every value filtered that has the name or the form of a secret. At most `limit` bytes of it are read: the
    /// pairs that do not fit are left out, and an ellipsis stands for them. `None` if no free text is kept.
    pub(crate) fn query(&self, query: &str, limit: usize) -> Option<String> {
        if !self.keeps_free_text() {
            return None;
        }
        let fits = query.len() <= limit;
        let (read, rest) = match fits {
            true => (query, ""),
            // What is cut off of a pair could be what tells that it is a secret.
            false => {
                let end = query.bytes().take(limit + 1).rposition(|byte| byte == b'&');
                (end.map_or("", |end| &query[..end]), "&…")
            }
        };
        let pairs = read.split('&').map(|pair| self.pair(pair, read));
        let kept = pairs.collect::<Vec<_>>().join("&");
        // A secret can go over several pairs, and a rule of the application sees all of them.
        Some(self.text(&kept).into_owned() + rest)
    }

    fn pair(&self, pair: &str, query: &str) -> String {
        let Some((name, value)) = pair.split_once('=') else {
            return match self.is_secret_text(pair) {
                true => FILTERED.to_owned(),
                false => pair.to_owned(),
            };
        };
        if self.is_secret_text(name) {
            return FILTERED.to_owned();
        }
        let secret = (self.is_secret_name(name) && !counts::is_count(name, value, &self.keys))
            || beside::is_secret_in_query(name, value, query)
            || self.is_secret_text(value);
        match secret {
            true => format!("{name}={FILTERED}"),
            false => pair.to_owned(),
        }
    }

    /// Whether the name is one of a secret, however it is encoded. A name whose encodings have no end is.
    fn is_secret_name(&self, name: &str) -> bool {
        let mut name = name.to_owned();
        for _ in 0..MOST_PASSES {
            if names::is_secret(&name, &self.keys) {
                return true;
            }
            match plain(&name) {
                Some(decoded) => name = decoded,
                None => return false,
            }
        }
        true
    }

    fn is_secret_text(&self, text: &str) -> bool {
        let spaced = text.replace('+', " ");
        *self.text(&spaced) != *spaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_values_but_no_secret() {
        let scrubbing = Scrubbing::new().key("tax");
        for (query, expected) in [
            ("", ""),
            ("page=2&sort=name", "page=2&sort=name"),
            ("page=2&token=abc", "page=2&token=[Filtered]"),
            ("%74oken=abc", "%74oken=[Filtered]"),
            ("%2574oken=abc&page=2", "%2574oken=[Filtered]&page=2"),
            ("user.apiKey=1", "user.apiKey=[Filtered]"),
            ("taxNumber=7", "taxNumber=[Filtered]"),
            ("mail=ann%40example.com&a=1", "mail=[Filtered]&a=1"),
            ("ann%40example.com", "[Filtered]"),
            ("ann@example.com=1", "[Filtered]"),
            ("card=4111+1111+1111+1111", "card=[Filtered]"),
            ("q=a+b", "q=a+b"),
            ("code=abc&state=x", "code=[Filtered]&state=x"),
            ("code=404&state=x", "code=404&state=x"),
            ("code=abc&page=2", "code=abc&page=2"),
            ("code=4/0AX4XfWh7Tq2", "code=[Filtered]"),
            ("sv=2024&sig=abc", "sv=2024&sig=[Filtered]"),
            ("flag&x=", "flag&x="),
        ] {
            assert_eq!(
                scrubbing.query(query, 512).as_deref(),
                Some(expected),
                "{query}"
            );
        }
        assert_eq!(Scrubbing::health_data().query("page=2", 512), None);
    }

    #[test]
    fn a_query_is_cut_between_its_pairs() {
        let scrubbing = Scrubbing::new();
        let cut = |query| scrubbing.query(query, 8).unwrap();
        assert_eq!(cut("a=1&b=22"), "a=1&b=22");
        assert_eq!(cut("a=1&b=222"), "a=1&…");
        assert_eq!(cut("a=1&b=22&c=3"), "a=1&b=22&…");
        assert_eq!(cut("a=1&b=222&c=3"), "a=1&…");
        assert_eq!(cut("abcdefghijk"), "&…");
        assert_eq!(cut("ü=üüüüüüü&a"), "&…");
    }
}
