//! What is known of a service when somebody looks at it. Nothing here is judged, and no secret is here.

use std::time::Duration;

use super::setting::Setting;

/// What is known of a service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) service: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) environment: String,
    pub(crate) settings: Vec<Setting>,
    pub(crate) counted: CountedFacts,
    /// The deployments that are known.
    pub(crate) deployments: usize,
    pub(crate) excluded: String,
    /// The patterns that no request has matched.
    pub(crate) unused: Vec<String>,
    /// `None` without checks.
    pub(crate) checks: Option<Vec<CheckFacts>>,
    /// Everybody reads the texts of errors of checks.
    pub(crate) public_details: bool,
    pub(crate) probes: Vec<String>,
    /// `None` if the API is off.
    pub(crate) access: Option<AccessFacts>,
    /// `None` without a state file.
    pub(crate) state: Option<StateFacts>,
    pub(crate) sentry: SentryFacts,
    pub(crate) rules: usize,
    /// The rules that could not be judged, with the reason.
    pub(crate) failed_rules: Vec<(String, String)>,
    /// `None` if the crate cannot tell anybody.
    pub(crate) notifiers: Option<Vec<NotifierFacts>>,
    /// Whether a message says where to look.
    pub(crate) has_page: bool,
    /// `None` if the service is in no fleet.
    pub(crate) fleet: Option<FleetFacts>,
}

/// What was counted since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountedFacts {
    pub(crate) serves_metrics: bool,
    pub(crate) started: u64,
    pub(crate) excluded: u64,
    pub(crate) hook_failures: u64,
    pub(crate) endpoints: usize,
    pub(crate) endpoint_cap: usize,
    pub(crate) overflow: u64,
    pub(crate) lost_lines: u64,
    pub(crate) lost_ticks: u64,
    pub(crate) given_up: u64,
}

/// One check.
#[derive(Clone, Debug)]
pub(crate) struct CheckFacts {
    pub(crate) name: String,
    /// The service is not ready without it.
    pub(crate) critical: bool,
    pub(crate) status: &'static str,
    pub(crate) answered: bool,
}

/// Who may ask the API.
#[derive(Clone, Debug)]
pub(crate) struct AccessFacts {
    pub(crate) word: &'static str,
    pub(crate) short_token: bool,
}

/// How the state file does.
#[derive(Clone, Debug)]
pub(crate) struct StateFacts {
    pub(crate) failed_writes: u64,
    /// Nothing is written any more.
    pub(crate) off: bool,
}

/// How reports to Sentry do.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentryFacts {
    pub(crate) on: bool,
    /// Whether it is on, and why.
    pub(crate) state: &'static str,
    /// Events that did not arrive.
    pub(crate) dropped: u64,
    pub(crate) unscrubbed: u64,
    pub(crate) held_back: u64,
    /// The share of requests that are transactions.
    pub(crate) transactions: f32,
}

/// How a notifier does.
#[derive(Clone, Debug)]
pub(crate) struct NotifierFacts {
    pub(crate) name: String,
    /// Alerts of a rule reach it.
    pub(crate) routed: bool,
    pub(crate) sent: u64,
    /// Notifications that did not arrive.
    pub(crate) lost: u64,
}

/// What is known of other instances.
#[derive(Clone, Debug, Default)]
pub(crate) struct FleetFacts {
    /// Why nothing is known of them.
    pub(crate) silence: Option<String>,
    /// How many give a sign of life.
    pub(crate) instances: usize,
    /// The ids of those that give none any more.
    pub(crate) lost: Vec<String>,
    /// The ids of those with other thresholds than the others.
    pub(crate) other_settings: Vec<String>,
    /// How far the clock of this machine is off that of Redis.
    pub(crate) clock_off: Duration,
}
