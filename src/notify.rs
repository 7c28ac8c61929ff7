//! Tells people what happened: which alert fires, that it fires still, and that it ended.
#![allow(dead_code, reason = "no stack tells anybody yet")]

mod address;
mod alertmanager;
mod courier;
mod dispatch;
mod email;
mod http;
mod labels;
mod lines;
mod notification;
mod notifier;
mod pagerduty;
mod plain;
mod queue;
mod retry;
mod routes;
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
    notification::{Ended, Notification, NotificationKind, Origin},
    notifier::{Notifier, NotifyError},
    routes::Routes,
};
