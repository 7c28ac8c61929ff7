//! Says why a request gets no answer.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::answer;
use crate::text;

/// The most bytes of a value that a sentence shows.
const LONGEST: usize = 256;

/// Why a request gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) sentence: Cow<'static, str>,
    /// The methods that the path has, if the method is the reason.
    allow: Option<&'static str>,
    /// After how many seconds to ask again, if that is known.
    retry_after: Option<u16>,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(status: StatusCode, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            sentence: sentence.into(),
            allow: None,
            retry_after: None,
        }
    }

    pub(super) fn bad(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, sentence)
    }

    /// A value of the request that is not what it must be.
    pub(super) fn bad_value(name: &str, value: &str, expected: &str) -> Self {
        let value = text::printable(value, LONGEST);
        Self::bad(format!(
            "{name}: invalid value \"{value}\": expected {expected}"
        ))
    }

    pub(super) fn forbidden(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, sentence)
    }

    pub(super) fn not_found(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, sentence)
    }

    pub(super) fn unavailable(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
    }

    /// It can be asked again in a second.
    pub(super) fn busy(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self {
            retry_after: Some(1),
            ..Self::unavailable(sentence)
        }
    }

    /// The same for every wrong token: it tells nothing about the right one.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "send the token once, as `Authorization: Bearer` and the token",
        )
    }

    pub(super) fn method(allow: &'static str) -> Self {
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, format!("{allow} only"))
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = answer::told(self.status, &self.sentence);
        let headers = response.headers_mut();
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
