//! Decides which of several nested layers of one kind reports a request.

/// A set of kinds of layer. If two layers of one kind observe a request, the outermost one is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LayerKinds(pub(crate) u16);

// === impl LayerKinds ===

impl LayerKinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const REQUEST_ID: Self = Self(1);
    pub(crate) const TIMING: Self = Self(1 << 1);
    pub(crate) const ACCESS_LOG: Self = Self(1 << 2);
    pub(crate) const CATEGORY: Self = Self(1 << 3);
    pub(crate) const STUCK: Self = Self(1 << 4);
    pub(crate) const SENTRY: Self = Self(1 << 5);
    pub(crate) const TRACE_CONTEXT: Self = Self(1 << 6);
    pub(crate) const SPAN: Self = Self(1 << 7);
    pub(crate) const CATCH_PANIC: Self = Self(1 << 8);
    pub(crate) const FAILURES: Self = Self(1 << 9);

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
