//! Keeps which other services failed while a request was worked on.

use super::category::ErrorCategory;

/// The most services that are kept of one request.
const MOST: usize = 8;

/// The services whose last call failed, the latest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailedCalls(Vec<FailedCall>);

/// A call of another service that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailedCall {
    pub(crate) service: &'static str,
    pub(super) timed_out: bool,
}

// === impl FailedCalls ===

impl FailedCalls {
    /// The service that failed last, and has not worked since.
    pub(crate) fn last(&self) -> Option<FailedCall> {
        self.0.last().copied()
    }

    pub(super) fn note(&mut self, call: FailedCall) {
        self.forget(call.service);
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        self.0.push(call);
    }

    pub(super) fn forget(&mut self, service: &str) {
        self.0.retain(|call| call.service != service);
    }

    pub(super) fn has(&self, service: &str) -> bool {
        self.0.iter().any(|call| call.service == service)
    }
}

// === impl FailedCall ===

impl FailedCall {
    /// The category of a request that failed because of it.
    pub(crate) const fn category(self) -> ErrorCategory {
        if self.timed_out {
            ErrorCategory::Timeout
        } else {
            ErrorCategory::ExternalService
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(service: &'static str) -> FailedCall {
        FailedCall {
            service,
            timed_out: false,
        }
    }

    #[test]
    fn the_service_that_failed_last_and_has_not_worked_since_is_kept() {
        let mut calls = FailedCalls::default();
        assert_eq!(calls.last(), None);
        for service in ["groq", "stripe", "groq"] {
            calls.note(failed(service));
        }
        assert_eq!(calls.last(), Some(failed("groq")));
        calls.forget("groq");
        assert_eq!(calls.last(), Some(failed("stripe")));
        calls.forget("stripe");
        assert_eq!(calls.last(), None);
    }

    #[test]
    fn a_request_keeps_eight_services() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let mut calls = FailedCalls::default();
        for name in names {
            calls.note(failed(name));
        }
        assert_eq!(calls.0.len(), 8);
        assert!(!calls.has("a"), "the oldest goes");
        assert_eq!(calls.last(), Some(failed("i")));
    }
}
