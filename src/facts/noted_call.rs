//! Notes on an exchange how a call of another service ended.

use std::sync::Arc;

use super::{exchange::Exchange, failed_calls::FailedCall, marks::Mark, work::CallOutcome};

// === impl Exchange ===

impl Exchange {
    /// Notes how a call of another service ended. A success takes an earlier failure of the same service back. Nobody knows what
    /// a call that was cancelled would have been.
    pub(crate) fn note_call(&self, service: &'static str, outcome: CallOutcome) {
        if outcome.is_failure() {
            let timed_out = outcome == CallOutcome::Timeout;
            self.add(|handler| handler.failed_calls.note(FailedCall { service, timed_out }));
        } else if outcome == CallOutcome::Success && self.marks().has(Mark::HandlerAdded) {
            self.update(|overrides| {
                let handler = overrides.rare_mut().handler.as_mut();
                if let Some(handler) = handler.filter(|it| it.failed_calls.has(service)) {
                    Arc::make_mut(handler).failed_calls.forget(service);
                }
            });
        }
    }
}
