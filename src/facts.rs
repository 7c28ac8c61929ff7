//! Holds what is known of one request. Every layer and every report reads it, and it imports none of them.
//!
//! The words that all rooms use:
//!
//! | word | meaning |
//! | --- | --- |
//! | exchange | one request and its response |
//! | head | status and headers of a response; most times are times to the head |
//! | own time | the time to the head without the waits for the client's body |
//! | outcome | how an exchange ended |
//! | facts | what is known of an exchange when it has ended |
//! | evidence | what the error behind a failure tells about it |
//! | judgement | severity and category: pure functions of the facts |
//! | outer, inner | nearer to the server, nearer to the handler |
//! | kind, active | of two nested layers of one kind, the outer one is active |
//! | override | a setting of an inner layer that an active layer uses for this request |
//! | excluded | on a path that a layer does not observe |
//! | mark | a note that something further in leaves on an exchange |
//! | suspect | a request that a route of this crate may answer, by its path |
//! | report | what leaves for a sink such as Sentry; a sink that cannot take it drops it |

#[cfg(feature = "health")]
#[cfg_attr(not(feature = "sentry"), path = "facts/asked_check/off.rs")]
pub(crate) mod asked_check;
mod boxes;
pub(crate) mod category;
pub(crate) mod caught_panic;
#[cfg(feature = "axum")]
mod cause;
pub(crate) mod chain;
pub(crate) mod client_left;
pub(crate) mod client_wait;
pub(crate) mod current;
pub(crate) mod ended;
pub(crate) mod evidence;
pub mod exchange;
pub(crate) mod failed_calls;
#[cfg(feature = "axum")]
pub(crate) mod failure;
pub(crate) mod given_id;
pub(crate) mod grpc;
pub(crate) mod handler_context;
mod interned;
mod job;
pub(crate) mod judge;
pub(crate) mod kept_text;
mod known_errors;
pub(crate) mod labels;
pub(crate) mod layer_kinds;
#[cfg_attr(not(feature = "sentry"), path = "facts/links/off.rs")]
pub(crate) mod links;
pub(crate) mod log_policy;
pub(crate) mod logged_request;
pub(crate) mod marks;
mod noted_call;
mod outcome;
pub(crate) mod overrides;
pub(crate) mod passing;
mod pool;
pub(crate) mod query;
pub(crate) mod report_policy;
pub(crate) mod request_context;
pub(crate) mod request_texts;
pub(crate) mod route;
#[cfg_attr(not(feature = "axum"), path = "facts/router/off.rs")]
pub(crate) mod router;
pub(crate) mod rules;
#[cfg_attr(not(feature = "sentry"), path = "facts/sentry_data/off.rs")]
pub(crate) mod sentry_data;
pub(crate) mod severity;
pub(crate) mod shared;
mod shown_error;
mod start;
#[cfg(any(all(feature = "logging", feature = "sqlx"), test))]
pub(crate) mod statement;
#[cfg(any(all(feature = "logging", feature = "sqlx"), test))]
pub(crate) mod table_names;
#[cfg(feature = "sentry")]
pub(crate) mod told_errors;
pub(crate) mod trace_context;
pub(crate) mod type_name;
pub(crate) mod work;

use std::{sync::Arc, time::Duration};

use http::StatusCode;

use self::{
    category::ErrorCategory, evidence::Evidence, failed_calls::FailedCall,
    handler_context::HandlerContext, log_policy::LogPolicy, outcome::Outcome,
    report_policy::ReportPolicy, route::Endpoint, severity::SeverityBands,
};

/// What is known of a request when it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) outcome: Outcome,
    /// The status of the response's head, if there was one.
    pub(crate) status: Option<StatusCode>,
    /// The time to the head of the response. Without a head: to the `Err`, the panic or the drop.
    pub(crate) head: Duration,
    /// How much of the time to the head was waiting for the client to send the request's body.
    pub(crate) wait: Duration,
    /// The time to the end of the response.
    pub(crate) total: Duration,
    /// The bytes of the response's body, without framing.
    pub(crate) bytes: u64,
    /// The bytes of the request's body that the service has read. 0 if the request has no body, and `None` if nobody follows it.
    pub(crate) request_bytes: Option<u64>,
    /// The sizes of both bodies are counted.
    pub(crate) body_sizes: bool,
    /// The body ended after its head, and its length was not known before.
    pub(crate) streamed: bool,
    /// The body did not have the length that its head declared.
    pub(crate) length_mismatch: bool,
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) bands: SeverityBands,
    /// The time that the bands judge: the own time to the head, or all time to the end if the route has it so.
    pub(crate) judged: Duration,
    /// How the call ended, if it was a gRPC call.
    pub(crate) grpc: Option<grpc::Status>,
    pub(crate) evidence: Option<Box<Evidence>>,
    pub(crate) handler: Option<Arc<HandlerContext>>,
    /// The report policy of the route.
    pub(crate) report_policy: Option<Arc<ReportPolicy>>,
    /// What the route says about its event in the log.
    pub(crate) log_policy: Option<Arc<LogPolicy>>,
}

// === impl Facts ===

impl Facts {
    /// The time to the head without the time that the client took to send.
    pub(crate) fn own_time(&self) -> Duration {
        self.head.saturating_sub(self.wait)
    }

    /// Whether a gRPC deadline ended the request: it was dropped at or after its deadline.
    pub(crate) fn missed_deadline(&self) -> bool {
        let dropped = matches!(self.outcome, Outcome::Cancelled | Outcome::Aborted);
        let code = self.grpc.as_ref().map(|grpc| grpc.code);
        dropped && code == Some(grpc::Code::DEADLINE_EXCEEDED)
    }

    /// The text of the error behind a failure.
    pub(crate) fn cause(&self) -> Option<&str> {
        let evidence = self.evidence.as_ref()?;
        judge::category(self).and(evidence.text.as_deref())
    }

    /// The same, to be kept.
    #[cfg(all(feature = "health", feature = "statistics"))]
    pub(crate) fn cause_text(&self) -> Option<Arc<str>> {
        let evidence = self.evidence.as_ref()?;
        judge::category(self).and(evidence.text.clone())
    }

    /// The category that the handler set.
    pub(crate) fn handler_category(&self) -> Option<ErrorCategory> {
        self.handler.as_ref()?.category
    }

    /// The call of another service that failed last, if that service has not worked since.
    pub(crate) fn failed_call(&self) -> Option<FailedCall> {
        self.handler.as_ref()?.failed_calls.last()
    }
}
