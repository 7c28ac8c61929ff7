//! Shows a request that has ended to the application's own rules.

use std::time::Duration;

use tracing::Level;

use super::{
    Facts,
    category::ErrorCategory,
    exchange::{Exchange, Outcome},
    judge,
    labels::StatusLabel,
    route::Endpoint,
    severity::Severity,
};

/// A request that has ended, as the rules for [levels](crate::AccessLogLayer::level) and
/// [samples](crate::AccessLogLayer::sample) of the access log see it.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    exchange: &'a Exchange,
    facts: &'a Facts,
}

// === impl Ended ===

impl<'a> Ended<'a> {
    pub(crate) const fn new(exchange: &'a Exchange, facts: &'a Facts) -> Self {
        Self { exchange, facts }
    }

    /// The exchange, with its id and its path.
    #[must_use]
    pub const fn exchange(&self) -> &'a Exchange {
        self.exchange
    }

    /// The route as metrics show it, such as `/orders/{id}`, or `unmatched`.
    #[must_use]
    pub fn endpoint(&self) -> &'a str {
        Endpoint::name(self.facts.endpoint.as_ref())
    }

    /// The status as metrics show it: 500 after an `Err` or a panic, 499 if the client left before there was a response.
    #[must_use]
    pub fn status(&self) -> u16 {
        StatusLabel::of(self.facts).code()
    }

    /// How the request ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.facts.outcome
    }

    /// How bad the request was. `None` if the client left.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        judge::severity(self.facts)
    }

    /// The [category](crate::category) of a failure, also of one of the client.
    #[must_use]
    pub fn category(&self) -> Option<ErrorCategory> {
        judge::category(self.facts)
    }

    /// The time to the end of the response.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.facts.total
    }

    /// Whether the server failed: 5xx, a gRPC status that is a server's, an `Err`, a panic, or a missed deadline.
    #[must_use]
    pub fn is_server_failure(&self) -> bool {
        judge::is_server_failure(self.facts)
    }

    /// The level that the event has without a rule: `ERROR` if the server failed, `WARN` if the request was so slow that its
    /// severity is `warning` or `critical`, else `INFO`.
    #[must_use]
    pub fn default_level(&self) -> Level {
        default_level(self.severity(), self.facts)
    }

    /// Whether the event is written whatever the sample.
    pub(crate) fn is_never_sampled_away(&self) -> bool {
        self.severity() == Some(Severity::Critical) || self.status() >= 500
    }
}

/// The level of the event of a request of this severity. What was only slow is no error.
pub(crate) fn default_level(severity: Option<Severity>, facts: &Facts) -> Level {
    match severity {
        None | Some(Severity::Normal | Severity::Slow) => Level::INFO,
        Some(Severity::Critical) if judge::is_server_failure(facts) => Level::ERROR,
        Some(Severity::Warning | Severity::Critical) => Level::WARN,
    }
}
