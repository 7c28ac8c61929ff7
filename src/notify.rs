//! Tells people what happened: which alert fires, that it fires still, and that it ended.
#![cfg_attr(
    not(test),
    expect(dead_code, reason = "not all notifiers are public yet")
)]

mod address;
mod alertmanager;
mod courier;
mod current;
mod dispatch;
mod email;
mod environment;
mod http;
mod labels;
mod lines;
mod mailbox;
mod notification;
mod notifier;
mod notifiers;
mod pagerduty;
mod plain;
mod queue;
mod retry;
mod routes;
mod running;
mod said;
#[cfg(test)]
mod samples;
mod secret;
mod signature;
#[cfg(test)]
mod sink;
mod slack;
mod webhook;
mod whatsapp;
mod wording;

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
};
pub(crate) use self::{dispatch::StoredTold, notifiers::CheckedNotifiers, running::Running};
