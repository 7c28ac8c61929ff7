//! Tells a run of a background job as the facts of an exchange, so that one set of judgements holds for both.

use std::time::Duration;

use super::{
    Facts, exchange::Exchange, outcome::Outcome, severity::SeverityBands, work::CallOutcome,
};

// === impl Facts ===

impl Facts {
    /// The facts of a run that has ended. It has no status, and no time is too long for it.
    pub(crate) fn of_job(exchange: &Exchange, outcome: CallOutcome, duration: Duration) -> Self {
        exchange.read(|overrides| Self {
            outcome: match outcome {
                CallOutcome::Success => Outcome::Completed,
                CallOutcome::Error | CallOutcome::Timeout => Outcome::Error,
                CallOutcome::Cancelled => Outcome::Cancelled,
                CallOutcome::Panicked => Outcome::Panicked,
            },
            status: None,
            head: duration,
            wait: Duration::ZERO,
            total: duration,
            bytes: 0,
            request_bytes: None,
            body_sizes: false,
            streamed: false,
            length_mismatch: false,
            endpoint: overrides.endpoint.clone(),
            bands: SeverityBands::default(),
            judged: Duration::ZERO,
            grpc: None,
            evidence: overrides.rare().evidence.clone(),
            handler: overrides.rare().handler.clone(),
            report_policy: None,
            log_policy: None,
        })
    }

    /// The name of the job, if it is no request.
    pub(crate) fn job(&self) -> Option<&'static str> {
        self.endpoint.as_ref()?.job()
    }
}
