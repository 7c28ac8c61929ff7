//! Tells people what happened: which alert fires, that it fires still, and that it ended.

mod notification;
mod notifier;
mod secret;

pub use self::{
    notification::{Ended, Notification, NotificationKind, Origin},
    notifier::{Notifier, NotifyError},
};
