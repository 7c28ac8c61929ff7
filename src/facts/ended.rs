//! Shows a request that has ended to the application's own rules.

use std::time::Duration;

use tracing::Level;

use super::{
    Facts, category::ErrorCategory, judge, labels::StatusLabel, outcome::Outcome, route::Endpoint,
    severity::Severity,
};

/// A request that has ended, as the rules for [levels](crate::AccessLogLayer::level) and
/// [samples](crate::AccessLogLayer::sample) of the access log see it.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) method: &'static str,
    pub(crate) path: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) trace_id: Option<&'a str>,
}

// === impl Ended ===

impl<'a> Ended<'a> {
    /// The method as metrics show it: one of the nine methods of HTTP, or `_OTHER`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The path as received, without its query.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// The id of the request, if there is one.
    #[must_use]
    pub const fn id(&self) -> Option<&'a str> {
        self.id
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
