//! Keeps what the error behind a failure tells about it.

use std::sync::Arc;

use super::{category::ErrorCategory, links::Links};

/// What an error tells about a failure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// From its type, or from the type of one of its causes.
    pub(crate) by_type: Option<ErrorCategory>,
    /// From keywords in its text.
    pub(crate) by_keyword: Option<ErrorCategory>,
    /// The texts of the error and its causes in one line.
    pub(crate) text: Option<Arc<str>>,
    /// The names of the types of the error and of its root.
    pub(crate) error_type: Option<String>,
    /// The error and its causes one by one.
    pub(crate) links: Links,
    /// A task that panicked is among the causes.
    pub(crate) of_panic: bool,
    /// A timeout is among the causes.
    pub(crate) of_timeout: bool,
}

/// What the layers around one request need of the error behind its failure, as a set. Nothing else is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Needs(pub(super) u16);

// === impl Evidence ===

impl Evidence {
    /// Keeps each part that is known here, and takes the others from `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            by_type: self.by_type.or(other.by_type),
            by_keyword: self.by_keyword.or(other.by_keyword),
            text: self.text.or(other.text),
            error_type: self.error_type.or(other.error_type),
            links: self.links.or(other.links),
            of_panic: self.of_panic || other.of_panic,
            of_timeout: self.of_timeout || other.of_timeout,
        }
    }
}

// === impl Needs ===

impl Needs {
    pub(crate) const NONE: Self = Self(0);
    /// The error must be examined by the rules of this observer.
    pub(crate) const OWN_RULES: Self = Self(1);
    /// The text of an examined error.
    pub(crate) const TEXT: Self = Self(1 << 1);
    /// The chain of causes of an examined error, one by one.
    pub(crate) const LINKS: Self = Self(1 << 2);
    /// The name of the type of an examined error.
    pub(crate) const TYPE: Self = Self(1 << 3);

    /// Whether the error itself is needed. Its text is only taken from an error that another layer examines.
    pub(crate) const fn of_error(self) -> bool {
        self.0 & (Self::OWN_RULES.0 | Self::LINKS.0) != 0
    }

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
