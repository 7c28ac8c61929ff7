//! Watches the numbers of a service, and says which of them somebody must know.
//!
//! A [`Rule`] compares a [`Signal`] with a threshold. While it is broken, its alert is pending, and then fires. [`Alerts`] holds
//! the rules of a service. By default there are four: see [`presets::usual`]. A thread evaluates them, every 60 seconds by default.
//!
//! ```
//! use std::time::Duration;
//! use tower_vitals::{Vitals, alerts::{AlertSeverity, Rule, Signal}};
//!
//! let slow_reports = Rule::new("slow_reports", Signal::p95_ms())
//!     .endpoint("/reports/{year}")
//!     .above(10_000.0)
//!     .window(Duration::from_secs(15 * 60))
//!     .severity(AlertSeverity::Warning);
//! let vitals = Vitals::builder().isolated().alert(slow_reports).build()?;
//! for alert in vitals.alerts().firing() {
//!     println!("{}", alert.message);
//! }
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! The numbers are those of the [statistics](crate::statistics) and of `/metrics`, so all of them agree.
//!
//! # When it speaks
//!
//! - Each change of an alert is an event at `INFO`, and each evaluation one at `DEBUG`. A thread of its own writes them.
//! - `vitals_alert_state{alert}`, `vitals_alert_evaluations_total{outcome}` and `vitals_alert_last_evaluation_timestamp_seconds`.
//! - The informational health check `alerts`, while no rule was evaluated for two intervals and 5 seconds.
//!
//! # States
//!
//! An alert is `inactive`, `pending`, `firing`, `resolved`, `no_data` or `error`: see [`AlertState`]. It fires once the rule has
//! been broken for [`pending_for`](Rule::pending_for), and stops once it has not been for
//! [`keep_firing_for`](Rule::keep_firing_for). A firing alert without data is held for the same time, and then stops with that
//! as its reason. Time in which the process was suspended proves nothing, in either direction.
//!
//! # Few requests
//!
//! One failure of one request is a share of 100 %, and no alarm. So a rule over a share judges its window only with
//! [`at_least`](Rule::at_least) requests in it, and else longer times, if they have as many:
//!
//! | requests | broken if the share is above the threshold, and also |
//! | --- | --- |
//! | enough in the window | |
//! | enough in an hour | one failed in the window, and two in 15 minutes |
//! | enough in six hours | one failed in 15 minutes, and two in an hour |
//!
//! Times that are not longer than the window are left out. A rule for [each endpoint](Rule::each_endpoint) judges the window
//! alone. A rule for [one endpoint](Rule::endpoint) has all three, and so have shares of calls and of counters of the application.
//!
//! # Latency
//!
//! Rules over quantiles count how many requests took longer than the threshold. The threshold becomes an edge of the buckets
//! that are published, so what Prometheus computes from them gives the same verdict.
//!
//! # How often somebody is told
//!
//! An incident has a first message and a last one. In between, the message is repeated after each [`repeat`](Rule::repeat), until
//! somebody acknowledges the alert or the rule is not broken any more.
//!
//! - A silence mutes all alerts that fit. A critical alert that fires mutes milder ones with the same signal and labels.
//! - An alert can flap: it fires, ends and fires again. Then its first four firings are told, and later ones every 15 minutes at most.
//! - If a firing was told, its end is told, too.
//!
//! Each is an event with the field `told`. With feature `notify`, [notifiers](crate::guides::notifications) tell people.

mod alert;
mod asked;
mod checked;
mod document;
mod endpoints;
mod engine;
mod environment;
mod evaluate;
mod few;
mod fingerprint;
mod fleet_part;
mod fleet_time;
mod growth;
mod handle;
mod history;
mod in_fleet;
mod judge;
mod lines;
#[cfg(feature = "health")]
mod listed;
mod listener;
mod member;
mod new_errors;
mod notes;
mod notices;
mod numbers;
mod outgoing;
mod own;
mod part;
pub mod presets;
mod promised;
#[cfg(feature = "prometheus")]
mod promql;
mod readable;
mod reconciled;
mod rule;
mod runbooks;
mod running;
mod set;
mod severity;
mod shared;
mod shown;
mod signal;
mod silence;
mod state;
mod stored;
mod stored_alert;
mod stored_fleet;
mod tally;
#[cfg(feature = "fleet")]
mod thresholds;
mod timing;
mod tracked;
mod undo;
mod unit;
mod verdict;
mod wall_clock;
mod watch;
mod windows;

#[cfg(all(test, feature = "notify"))]
pub(crate) use self::alert::Transition;
#[cfg(feature = "health")]
pub(crate) use self::listed::ListedRule;
#[cfg(feature = "prometheus")]
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "prometheus")))]
pub use self::promql::Promql;
#[cfg(any(feature = "fleet", all(test, feature = "notify")))]
pub(crate) use self::shared::{Begun, Held, Unreached, Written};
#[cfg(feature = "fleet")]
pub(crate) use self::silence::FIRST_ALONE;
#[cfg(feature = "fleet")]
pub(crate) use self::thresholds::thresholds;
#[cfg(feature = "notify")]
pub(crate) use self::{
    alert::Notice,
    listener::{Evaluation, Listener},
    member::GoOn,
    part::Part,
    readable::Readable,
};
pub use self::{
    alert::{Alert, Muted},
    fingerprint::Fingerprint,
    handle::AlertsHandle,
    history::HistoryEntry,
    own::CounterOf,
    rule::Rule,
    set::Alerts,
    severity::AlertSeverity,
    signal::Signal,
    silence::{NewSilence, Silence},
    state::{AlertState, ResolveReason},
    unit::SignalUnit,
};
#[cfg(feature = "generate")]
pub(crate) use self::{
    checked::{CheckedRule, Scope},
    own::Own,
    promql::{Published, duration},
    runbooks::Runbooks,
    signal::Kind,
};
pub(crate) use self::{
    fingerprint::Labels,
    numbers::Numbers,
    rule::Comparison,
    running::{Host, Running},
    set::{CheckedAlerts, Existing},
    shared::Shared,
    signal::Gauge,
    stored::Stored,
};

#[cfg(test)]
pub(crate) mod tests;
