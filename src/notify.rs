//! Tells people what happened: which alert fires, that it fires still, and that it ended.
//!
//! A [`Notifier`] is a way to tell people, [`Routes`] say which alert goes where, and [`Notifiers`] holds both for
//! [`VitalsBuilder::notifiers`](crate::vitals::VitalsBuilder::notifiers). [Notifications](crate::guides::notifications) says how they work and
//! how each is set up.
//!
//! ```
//! use tower_vitals::{Vitals, alerts::AlertSeverity, notify::Notifiers};
//!
//! // SLACK_WEBHOOK_URL, PAGERDUTY_ROUTING_KEY and others.
//! let vitals = Vitals::builder()
//!     .isolated()
//!     .notifiers(Notifiers::from_env()?)
//!     .build()?;
//! vitals.notify(AlertSeverity::Info, "The import is done", "It took 3 minutes.");
//! # Ok::<(), tower_vitals::config::ConfigError>(())
//! ```
//!
//! # When it speaks
//!
//! - One line `a notifier fails` at `WARN` for a series of failures, and one line `a notifier works again` at `INFO` for its end. A thread
//!   of its own writes them.
//! - `vitals_notifications_total{notifier,outcome}`.
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "not all notifiers are public yet")
)]

mod address;
mod alertmanager;
mod arrived;
mod courier;
mod current;
mod delivered;
mod dispatch;
#[cfg(feature = "email")]
mod email;
mod environment;
mod http;
mod in_fleet;
mod labels;
mod letter;
mod lines;
mod losses;
mod mailbox;
mod notification;
mod notifier;
mod notifiers;
mod outbox;
mod pagerduty;
mod parts;
mod plain;
mod queue;
mod readable_map;
mod retry;
mod routes;
mod running;
mod said;
#[cfg(test)]
mod samples;
mod secret;
#[cfg(feature = "sentry")]
mod sentry_events;
mod signature;
#[cfg(test)]
mod sink;
mod slack;
mod webhook;
mod whatsapp;
mod wording;

#[cfg(feature = "email")]
pub use self::email::Email;
#[cfg(feature = "generate")]
pub(crate) use self::routes::CheckedRoutes;
#[cfg(feature = "sentry")]
pub use self::sentry_events::SentryEvents;
pub use self::{
    alertmanager::Alertmanager,
    notification::{Ended, Notification, NotificationKind, Origin},
    notifier::{Notifier, NotifyError},
    notifiers::Notifiers,
    pagerduty::PagerDuty,
    routes::Routes,
    running::NotifierTest,
    slack::Slack,
    webhook::Webhook,
    whatsapp::WhatsApp,
};
pub(crate) use self::{dispatch::StoredTold, notifiers::CheckedNotifiers, running::Running};
