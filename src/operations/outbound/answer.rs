//! Judges how a call of another service ended by the answer of that service.

use http::{HeaderMap, StatusCode, header};

use crate::facts::{
    grpc::{Code, Format},
    work::CallOutcome,
};

/// What the head of an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// How the call ended.
    Ended(CallOutcome),
    /// The service works. The call ends with its body.
    Works,
    /// The service works so far. The trailers tell how the call ended.
    Open,
}

// === impl Head ===

impl Head {
    /// `is_grpc`: the request was a gRPC call.
    pub(super) fn of(is_grpc: bool, status: StatusCode, headers: &HeaderMap) -> Self {
        let of_status = of_status(status);
        if !is_grpc {
            return match of_status {
                CallOutcome::Success => Self::Works,
                failed => Self::Ended(failed),
            };
        }
        let kind = headers.get(header::CONTENT_TYPE);
        match (kind.and_then(Format::of), of_status) {
            (Some(Format::Grpc), CallOutcome::Success) => match Code::read(headers) {
                Some(code) => Self::Ended(of_code(code)),
                None => Self::Open,
            },
            // Its status is in the body.
            (Some(Format::Web | Format::WebText), CallOutcome::Success) => Self::Works,
            // What answered is no gRPC service.
            (None, CallOutcome::Success) => Self::Ended(CallOutcome::Error),
            (_, failed) => Self::Ended(failed),
        }
    }
}

/// How a gRPC call ended that has these trailers. Without a status nobody knows, so it failed.
pub(super) fn of_trailers(trailers: &HeaderMap) -> CallOutcome {
    of_code(Code::read(trailers).unwrap_or(Code::UNKNOWN))
}

fn of_status(status: StatusCode) -> CallOutcome {
    match status.as_u16() {
        408 | 504 => CallOutcome::Timeout,
        429 | 500.. => CallOutcome::Error,
        _ => CallOutcome::Success,
    }
}

fn of_code(code: Code) -> CallOutcome {
    match code {
        Code::CANCELLED => CallOutcome::Cancelled,
        Code::DEADLINE_EXCEEDED => CallOutcome::Timeout,
        Code::RESOURCE_EXHAUSTED => CallOutcome::Error,
        code if code.is_failure() => CallOutcome::Error,
        _ => CallOutcome::Success,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use CallOutcome::{Cancelled, Error, Success, Timeout};

    #[test]
    fn a_status_is_a_failure_of_the_service_or_it_is_the_callers() {
        for (status, outcome) in [
            (101, None),
            (200, None),
            (302, None),
            (400, None),
            (401, None),
            (404, None),
            (408, Some(Timeout)),
            (409, None),
            (429, Some(Error)),
            (500, Some(Error)),
            (502, Some(Error)),
            (503, Some(Error)),
            (504, Some(Timeout)),
            (599, Some(Error)),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            let head = Head::of(false, code, &HeaderMap::new());
            assert_eq!(head, outcome.map_or(Head::Works, Head::Ended), "{status}");
        }
    }

    #[test]
    fn a_grpc_status_is_a_failure_of_the_service_or_it_is_the_callers() {
        let outcomes = [
            Success, Cancelled, Error, Success, Timeout, Success, Success, Success, Error, Success,
            Success, Success, Error, Error, Error, Error, Success,
        ];
        for (code, outcome) in outcomes.into_iter().enumerate() {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-status", code.to_string().parse().unwrap());
            assert_eq!(of_trailers(&headers), outcome, "{code}");
            let kind = HeaderValue::from_static("application/grpc+proto");
            headers.insert("content-type", kind);
            let head = Head::of(true, StatusCode::OK, &headers);
            assert_eq!(head, Head::Ended(outcome), "{code}");
        }
        assert_eq!(of_trailers(&HeaderMap::new()), Error, "no status");
    }

    #[test]
    fn a_grpc_call_is_open_until_its_trailers_and_fails_if_no_grpc_service_answers() {
        let answer = |kind: &'static str, status| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(kind));
            Head::of(true, status, &headers)
        };
        let grpc = "application/grpc";
        assert_eq!(answer(grpc, StatusCode::OK), Head::Open);
        let broken = answer(grpc, StatusCode::BAD_GATEWAY);
        assert_eq!(broken, Head::Ended(Error));
        assert_eq!(answer("text/html", StatusCode::OK), Head::Ended(Error));
        let missing = answer("text/html", StatusCode::NOT_FOUND);
        assert_eq!(missing, Head::Ended(Error));
        let web = answer("application/grpc-web", StatusCode::OK);
        assert_eq!(web, Head::Works);
    }
}
