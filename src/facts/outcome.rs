//! Names the ways in which a request can end.

/// How a request ended.
///
/// The six outcomes and the requests in flight add up to the requests that started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The server took the whole response. Whether the client received it is not known here.
    Completed,
    /// The response's body failed.
    BodyError,
    /// The response was dropped before its body ended: the client left.
    Aborted,
    /// The request was dropped before there was a response.
    Cancelled,
    /// The service returned `Err`.
    Error,
    /// The service panicked, before the response or while it produced the body.
    Panicked,
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Completed,
        Self::BodyError,
        Self::Aborted,
        Self::Cancelled,
        Self::Error,
        Self::Panicked,
    ];

    /// The value of the metric label and of the log field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::BodyError => "body_error",
            Self::Aborted => "aborted",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Panicked => "panicked",
        }
    }
}
