//! Compares the token that a request carries with the one that is expected.

use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// What is expected of a token, for who gives one that cannot be sent.
pub(crate) const SENDABLE: &str =
    "a header cannot carry white space around the token, or control characters in it";

/// Whether a client can send this token.
pub(crate) fn can_be_sent(token: &str) -> bool {
    token.trim_ascii() == token && !token.contains(|one: char| one.is_ascii_control())
}

/// Whether the headers carry this token, once: `Authorization: Bearer` and the token. Nobody carries an empty one.
///
/// How long it takes depends on what was sent, and neither on the token nor on its length.
pub(crate) fn carries(headers: &HeaderMap, token: &str) -> bool {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let only = sent.next().filter(|_| sent.next().is_none());
    let sent = only.and_then(|value| bearer(value.as_bytes()));
    sent.is_some_and(|sent| is_same(sent, token.as_bytes()))
}

/// The token of credentials. The scheme is a word without case, and ends with one or more spaces.
fn bearer(credentials: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = credentials.split_at_checked(6)?;
    let bearer = scheme.eq_ignore_ascii_case(b"bearer") && token.starts_with(b" ");
    bearer.then(|| token.trim_ascii_start())
}

fn is_same(sent: &[u8], token: &[u8]) -> bool {
    let lengths = sent.len().ct_eq(&token.len());
    // Every byte that was sent is compared with one of the token, however long that is.
    let pairs = sent.iter().zip(token.iter().cycle());
    let same = pairs.fold(lengths, |same, (one, other)| same & one.ct_eq(other));
    !token.is_empty() && bool::from(same)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).unwrap();
            headers.append(header::AUTHORIZATION, value);
        }
        headers
    }

    #[test]
    fn a_token_is_carried_only_whole_once_and_as_a_bearer() {
        let token = "päss";
        for (values, carried) in [
            (&["Bearer päss".as_bytes()][..], true),
            (&["bEARER   päss".as_bytes()], true),
            (&[], false),
            (&[b"Bearer"], false),
            (&[b"Bearer "], false),
            (&["Bearerpäss".as_bytes()], false),
            (&["Basic päss".as_bytes()], false),
            (&["päss".as_bytes()], false),
            (&["Bearer päs".as_bytes()], false),
            (&["Bearer pässpäss".as_bytes()], false),
            (&["Bearer päss2".as_bytes()], false),
            (&["Bearer PÄSS".as_bytes()], false),
            (&[b"Bearer p\xe4ss"], false),
            (&["Bearer päss".as_bytes(), "Bearer päss".as_bytes()], false),
            (&["Bearer päss".as_bytes(), b"Basic x"], false),
        ] {
            assert_eq!(carries(&headers(values), token), carried, "{values:?}");
        }
    }

    #[test]
    fn nobody_carries_an_empty_token() {
        for value in [&b"Bearer "[..], b"Bearer", b""] {
            assert!(!carries(&headers(&[value]), ""), "{value:?}");
        }
    }
}
