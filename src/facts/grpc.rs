//! Reads the status, the deadline and the method of a gRPC call.

#[cfg(feature = "tonic")]
pub(crate) mod descriptors;
#[cfg_attr(not(feature = "tonic"), path = "grpc/status_error/off.rs")]
pub(crate) mod status_error;
pub(crate) mod web;

use std::{sync::Arc, time::Duration};

use bytes::Buf;
use http::{HeaderMap, HeaderValue, header};
use percent_encoding::percent_decode;

use crate::text::end_at_word;

/// The longest text of a status that is kept, in bytes.
const LONGEST_MESSAGE: usize = 16_384;

/// A gRPC status code, 0 to 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Code(u8);

/// How a body carries gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/grpc`: the status is in the trailers of HTTP.
    Grpc,
    /// `application/grpc-web`: the status is in the last frame of the body.
    Web,
    /// `application/grpc-web-text`: the same in base64.
    WebText,
}

/// A gRPC call, according to its content type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Call {
    pub(crate) deadline: Option<Duration>,
    pub(crate) code: Option<Code>,
    /// The head of the answer is one that a method gives: status 200, gRPC, and no `grpc-status` yet.
    pub(crate) may_prove: bool,
}

/// Which side of a gRPC method streams. It is not on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ClientStream,
    ServerStream,
    BidiStream,
    /// The descriptors of the method are not known.
    Unknown,
}

/// How a gRPC call ended.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) code: Code,
    /// The path of the method, where the server is known to have it.
    pub(crate) method: Option<Arc<str>>,
}

// === impl Code ===

impl Code {
    /// The names that the specification of gRPC uses.
    const CANONICAL: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];

    pub(crate) const OK: Self = Self(0);
    pub(crate) const CANCELLED: Self = Self(1);
    pub(crate) const UNKNOWN: Self = Self(2);
    pub(crate) const DEADLINE_EXCEEDED: Self = Self(4);
    pub(crate) const RESOURCE_EXHAUSTED: Self = Self(8);
    pub(crate) const UNIMPLEMENTED: Self = Self(12);
    pub(crate) const INTERNAL: Self = Self(13);

    /// The names that gRPC's own libraries use, and dashboards with them.
    const NAMES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];

    /// The status in headers or trailers, if there is one. An invalid one, and two that differ, are `UNKNOWN`.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all("grpc-status").iter().map(Self::parse);
        let first = values.next()?;
        Some(if values.all(|other| other == first) {
            first
        } else {
            Self::UNKNOWN
        })
    }

    /// Whether the server failed, if the server has the method.
    pub(crate) const fn is_failure(self) -> bool {
        matches!(self.0, 2 | 4 | 12..=15)
    }

    /// The status of a call that can have one in its head and one after it. Two that differ are `UNKNOWN`.
    pub(crate) fn agreed(head: Option<Self>, end: Option<Self>) -> Option<Self> {
        match (head, end) {
            (Some(head), Some(end)) if head != end => Some(Self::UNKNOWN),
            _ => head.or(end),
        }
    }

    fn parse(value: &HeaderValue) -> Self {
        Self::of_text(value.as_bytes())
    }

    /// The code of a status as it is written in a header or trailer.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        match text {
            [digit @ b'0'..=b'9'] => Self(digit - b'0'),
            [b'1', digit @ b'0'..=b'6'] => Self(10 + digit - b'0'),
            _ => Self::UNKNOWN,
        }
    }

    pub(crate) const fn number(self) -> u8 {
        self.0
    }

    /// The name as the specification of gRPC writes it: `INTERNAL`.
    pub(crate) fn canonical(self) -> &'static str {
        let name = Self::CANONICAL.get(usize::from(self.0));
        name.copied().unwrap_or("UNKNOWN")
    }

    pub(crate) fn name_of(number: u8) -> &'static str {
        let name = Self::NAMES.get(usize::from(number));
        name.copied().unwrap_or("Unknown")
    }
}

// === impl Kind ===

impl Kind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Unary,
        Self::ClientStream,
        Self::ServerStream,
        Self::BidiStream,
        Self::Unknown,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
            Self::Unknown => "unknown",
        }
    }
}

// === impl Format ===

impl Format {
    /// The format that a content type names, if it is one of gRPC. Case does not count, nor do parameters.
    pub(crate) fn of(kind: &HeaderValue) -> Option<Self> {
        const GRPC: &[u8] = b"application/grpc";
        let kind = kind.as_bytes();
        // One byte excludes most other content types.
        if !matches!(kind.get(12), Some(b'g' | b'G')) {
            return None;
        }
        let (name, rest) = kind.split_at_checked(GRPC.len())?;
        if !name.eq_ignore_ascii_case(GRPC) {
            return None;
        }
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b'+' | b';' | b' ' | b'\t'))
            .unwrap_or(rest.len());
        match rest[..end].to_ascii_lowercase().as_slice() {
            b"" => Some(Self::Grpc),
            b"-web" => Some(Self::Web),
            b"-web-text" => Some(Self::WebText),
            _ => None,
        }
    }
}

// === impl Call ===

impl Call {
    /// The call of a request whose content type is gRPC.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        Format::of(headers.get(header::CONTENT_TYPE)?).map(|_| Self {
            deadline: headers.get("grpc-timeout").and_then(timeout),
            ..Self::default()
        })
    }

    /// Whether the deadline has passed.
    ///
    /// The client's clock starts before ours, so its cancellation can arrive a little early. A sixteenth of the deadline, at
    /// most 10 ms, is allowed for that.
    pub(crate) fn is_late(&self, elapsed: Duration) -> bool {
        self.deadline.is_some_and(|deadline| {
            let way = (deadline / 16).min(Duration::from_millis(10));
            elapsed >= deadline - way
        })
    }
}

// === impl Status ===

impl Status {
    /// Whether the server failed. A method that does not exist is the client's mistake.
    pub(crate) const fn is_failure(&self) -> bool {
        match self.code {
            Code::UNIMPLEMENTED => self.method.is_some(),
            code => code.is_failure(),
        }
    }
}

/// The text of a status, as the application wrote it: on the wire it is percent-encoded.
pub(crate) fn message(value: &[u8]) -> Option<Arc<str>> {
    let kept = &value[..value.len().min(LONGEST_MESSAGE)];
    let mut text = percent_decode(kept).decode_utf8_lossy();
    if kept.len() < value.len() {
        end_at_word(text.to_mut());
    }
    (!text.is_empty()).then(|| text.into())
}

/// A deadline has one to eight digits and a unit. Anything else is ignored.
fn timeout(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(amount * 3_600)),
        b'M' => Some(Duration::from_secs(amount * 60)),
        b'S' => Some(Duration::from_secs(amount)),
        b'm' => Some(Duration::from_millis(amount)),
        b'u' => Some(Duration::from_micros(amount)),
        b'n' => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

/// Whether a message may begin so: with a flag that says whether it is compressed. Text does not.
pub(crate) fn may_begin_message(data: &impl Buf) -> bool {
    data.chunk().first().is_none_or(|flag| *flag <= 1)
}

/// Service and method of a gRPC path.
pub(crate) fn split(path: &str) -> Option<(&str, &str)> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    let fits = |name: &str| {
        let character = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
        (1..=128).contains(&name.len()) && name.bytes().all(character)
    };
    (fits(service) && fits(method)).then_some((service, method))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&'static [u8]]) -> Option<u8> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("grpc-status", HeaderValue::from_bytes(value).unwrap());
        }
        Code::read(&headers).map(Code::number)
    }

    #[test]
    fn a_status_is_one_of_seventeen() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[b"0"]), Some(0));
        assert_eq!(read(&[b"16"]), Some(16));
        assert_eq!(read(&[b"5", b"5"]), Some(5));
        for nonsense in ["", "abc", "999", "-1", "17", "05", " 0", "0 ", "+1", "1.0"] {
            assert_eq!(read(&[nonsense.as_bytes()]), Some(2), "{nonsense:?}");
        }
        assert_eq!(read(&[b"0", b"13"]), Some(2));
        assert_eq!(read(&[b"\xff"]), Some(2));
    }

    #[test]
    fn a_content_type_is_compared_as_http_has_it() {
        assert!(Call::of(&HeaderMap::new()).is_none());
        for (kind, format) in [
            ("application/grpc", Some(Format::Grpc)),
            ("application/grpc+proto", Some(Format::Grpc)),
            ("application/grpc;charset=utf-8", Some(Format::Grpc)),
            ("application/grpc ; charset=utf-8", Some(Format::Grpc)),
            ("Application/GRPC+Proto", Some(Format::Grpc)),
            ("application/grpc-web", Some(Format::Web)),
            ("application/gRPC-Web+proto", Some(Format::Web)),
            ("application/grpc-web-text", Some(Format::WebText)),
            ("APPLICATION/GRPC-WEB-TEXT+PROTO", Some(Format::WebText)),
            ("application/grpc-webtext", None),
            ("application/grpcx", None),
            ("application/g", None),
            ("application/json", None),
        ] {
            let value = HeaderValue::from_static(kind);
            assert_eq!(Format::of(&value), format, "{kind}");
        }
    }

    #[test]
    fn the_text_of_a_status_does_not_end_within_a_secret() {
        let secret = "postgres://admin:SENTINEL@db/shop";
        for before in LONGEST_MESSAGE - 30..LONGEST_MESSAGE {
            let text = format!("{} {secret} more", "%20".repeat(before / 3));
            let kept = message(text.as_bytes()).unwrap();
            assert!(!kept.contains("SENT"), "{before}");
        }
        let whole = "x".repeat(LONGEST_MESSAGE);
        assert_eq!(*message(whole.as_bytes()).unwrap(), whole);
        assert_eq!(*message(b"100%25 away").unwrap(), *"100% away");
    }

    #[test]
    fn a_deadline_is_digits_and_a_unit() {
        let read = |text: &'static str| timeout(&HeaderValue::from_static(text));
        assert_eq!(read("1S"), Some(Duration::from_secs(1)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(
            read("99999999H"),
            Some(Duration::from_secs(99_999_999 * 3_600))
        );
        for nonsense in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "999999999S",
            "1.5S",
            "+1S",
            "1 S",
        ] {
            assert_eq!(read(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn a_path_is_one_service_and_one_method() {
        assert_eq!(split("/a.B/C"), Some(("a.B", "C")));
        for malformed in [
            "/",
            "/a",
            "a/b",
            "/a/b/c",
            "/a/",
            "//b",
            "/a/b\u{e9}",
            "/a b/c",
            "/a/{*rest}",
        ] {
            assert_eq!(split(malformed), None, "{malformed:?}");
        }
    }
}
