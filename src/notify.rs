//! Tells people what happened: which alert fires, that it fires still, and that it ended.
#![expect(dead_code, reason = "the notifiers are not public yet")]

mod address;
mod alertmanager;
mod courier;
mod current;
mod dispatch;
mod email;
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

pub(crate) use self::{dispatch::StoredTold, notifiers::CheckedNotifiers, running::Running};
pub use self::{
    notification::{Ended, Notification, NotificationKind, Origin},
    notifier::{Notifier, NotifyError},
    notifiers::Notifiers,
    routes::Routes,
    running::NotifierTest,
};
