//! Describes something that happened to the service and not to one request.

use std::fmt;

/// The first part of the key of each notice and incident of this crate.
pub(crate) const FINGERPRINT: &str = "tower-vitals";

/// A notice for people, in no sink's own format.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    pub(crate) message: String,
    /// Notices with the same key are one issue, and one limit holds for all of them.
    pub(crate) key: Vec<String>,
    pub(crate) tags: Vec<(&'static str, String)>,
    pub(crate) details: Vec<(&'static str, Detail)>,
    /// The version and the environment that the notice is about, if they are not those of the process.
    pub(crate) version: Option<String>,
    pub(crate) environment: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
}

/// What became of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noticed {
    /// The client has it.
    Taken,
    /// There is no client.
    NoClient,
    /// There were too many like it in the last minute.
    HeldBack,
    /// The client failed.
    Failed,
}

/// The value of a detail.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    Text(String),
    Number(f64),
}

/// A sink that takes notices.
pub(crate) trait NoticeSink: fmt::Debug + Send + Sync {
    /// Takes a notice, or drops and counts it. Never blocks on the sink.
    fn notify(&self, notice: &Notice);

    /// Whether anybody gets the notices.
    fn is_on(&self) -> bool;
}

// === impl Notice ===

impl Notice {
    pub(crate) fn new(level: Level, message: String, key: Vec<String>) -> Self {
        Self {
            level,
            message,
            key,
            tags: Vec::new(),
            details: Vec::new(),
            version: None,
            environment: None,
        }
    }
}
