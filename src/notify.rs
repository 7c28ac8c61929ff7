//! Tells people what happened: which alert fires, that it fires still, and that it ended.

mod alertmanager;
mod dispatch;
mod email;
mod labels;
mod notification;
mod notifier;
mod pagerduty;
mod plain;
mod routes;
#[cfg(test)]
mod samples;
mod secret;
#[cfg(feature = "notify")]
mod signature;
mod slack;
mod webhook;
mod whatsapp;
mod wording;

pub use self::{
    notification::{Ended, Notification, NotificationKind, Origin},
    notifier::{Notifier, NotifyError},
    routes::Routes,
};
