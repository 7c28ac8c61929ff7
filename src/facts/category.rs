//! Names the categories of failures, and those that a status has by itself.

use http::StatusCode;

use super::grpc::Code;

/// What kind of failure it was.
///
/// There are nine categories. A tenth would change every dashboard that counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCategory {
    /// The client is not authenticated, or has no permission.
    Authentication,
    /// The request is not valid.
    Validation,
    /// The resource does not exist.
    NotFound,
    /// The request conflicts with the state of the resource.
    Conflict,
    /// The server failed, and nothing better is known.
    ServerError,
    /// A service that the application calls failed.
    ExternalService,
    /// A database failed.
    Database,
    /// Something took too long.
    Timeout,
    /// The client sends too many requests.
    RateLimit,
}

// === impl ErrorCategory ===

impl ErrorCategory {
    /// Every category.
    pub const ALL: [Self; 9] = [
        Self::Authentication,
        Self::Validation,
        Self::NotFound,
        Self::Conflict,
        Self::ServerError,
        Self::ExternalService,
        Self::Database,
        Self::Timeout,
        Self::RateLimit,
    ];

    /// Those that are failures of the server, by itself or by what it needs.
    pub(crate) const OF_SERVER: [Self; 4] = [
        Self::ExternalService,
        Self::Database,
        Self::Timeout,
        Self::ServerError,
    ];

    /// The value of the metric label and of the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Validation => "validation",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::ServerError => "server_error",
            Self::ExternalService => "external_service",
            Self::Database => "database",
            Self::Timeout => "timeout",
            Self::RateLimit => "rate_limit",
        }
    }

    /// Whether the server fails, by itself or by what it needs, and not the client.
    pub(crate) fn is_of_server(self) -> bool {
        Self::OF_SERVER.contains(&self)
    }

    /// The category of an HTTP status by itself. A status below 400 or above 599 has none.
    #[must_use]
    pub const fn of_status(status: StatusCode) -> Option<Self> {
        Some(match status.as_u16() {
            401 | 403 | 407 | 511 => Self::Authentication,
            404 | 410 => Self::NotFound,
            409 | 412 | 423 => Self::Conflict,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimit,
            400..=499 => Self::Validation,
            502 => Self::ExternalService,
            500..=599 => Self::ServerError,
            _ => return None,
        })
    }

    /// Whether a server gives this status if it knows nothing better.
    pub(crate) const fn is_generic(status: StatusCode) -> bool {
        matches!(status.as_u16(), 500 | 503)
    }

    /// The category of a gRPC status by itself. `OK` and `CANCELLED` have none.
    pub(crate) const fn of_code(code: Code) -> Option<Self> {
        Some(match code.number() {
            7 | 16 => Self::Authentication,
            3 | 9 | 11 => Self::Validation,
            5 => Self::NotFound,
            6 | 10 => Self::Conflict,
            14 => Self::ExternalService,
            4 => Self::Timeout,
            8 => Self::RateLimit,
            0 | 1 => return None,
            _ => Self::ServerError,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_category_of_the_closed_set_or_none() {
        use ErrorCategory::*;
        for (code, category) in [
            (100, None),
            (199, None),
            (226, None),
            (299, None),
            (399, None),
            (400, Some(Validation)),
            (401, Some(Authentication)),
            (403, Some(Authentication)),
            (404, Some(NotFound)),
            (408, Some(Timeout)),
            (409, Some(Conflict)),
            (418, Some(Validation)),
            (422, Some(Validation)),
            (429, Some(RateLimit)),
            (451, Some(Validation)),
            (499, Some(Validation)),
            (500, Some(ServerError)),
            (502, Some(ExternalService)),
            (503, Some(ServerError)),
            (504, Some(Timeout)),
            (511, Some(Authentication)),
            (599, Some(ServerError)),
            (999, None),
        ] {
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(ErrorCategory::of_status(status), category, "{code}");
        }
    }
}
