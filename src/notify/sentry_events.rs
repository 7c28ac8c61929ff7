//! Makes events for Sentry.

use std::time::Duration;

use super::{
    notification::{Notification, NotificationKind},
    notifier::{Notifier, NotifyError},
    plain,
};
use crate::{
    alerts::{AlertSeverity, Fingerprint},
    config::Environment,
    report::notice::{Detail, FINGERPRINT, Level, Notice, Noticed},
    sentry,
};

const DSN: &str = "SENTRY_DSN";

/// The longest text of an event, in bytes.
const LONGEST_TEXT: usize = 4_096;

/// Makes events for Sentry. Its name in routes is `sentry`.
///
/// The beginning of an alert, its escalation, what the application says and a test are an event each: at the level `error` if it is
/// critical, else `warning` or `info`. All events of one alert are one issue. Repeats, ends and deployments make none: an
/// issue has no end that somebody else can tell, and a deployment has its own event.
///
/// The client is the one that the application or a stack has bound to the process. At most ten events of one alert are made in a minute.
///
/// ```
/// use tower_vitals::notify::{Notifiers, SentryEvents};
///
/// let notifiers = Notifiers::new().notifier(SentryEvents::new());
/// ```
#[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "sentry")))]
#[derive(Clone, Copy, Debug, Default)]
pub struct SentryEvents(());

// === impl SentryEvents ===

impl SentryEvents {
    /// Makes events by the client of the process.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// Makes events if `SENTRY_DSN` is set. The address itself is not read: the client has it.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_environment(&Environment::process())
    }

    pub(super) fn from_environment(environment: &Environment<'_>) -> Option<Self> {
        environment.get(DSN).map(|_| Self::new())
    }
}

impl Notifier for SentryEvents {
    fn name(&self) -> &str {
        "sentry"
    }

    fn notify(&self, all: &[Notification], _: Duration) -> Result<(), NotifyError> {
        // There is one: see `at_once`.
        for notice in all.iter().filter_map(notice) {
            let text = match sentry::notify(None, &notice) {
                Noticed::Taken => continue,
                Noticed::NoClient => "no client of Sentry is bound",
                Noticed::HeldBack => "too many events of this kind",
                Noticed::Failed => "the client of Sentry failed",
            };
            let text = text.to_owned();
            return Err(NotifyError::Refused { text });
        }
        Ok(())
    }

    fn at_once(&self) -> usize {
        1
    }
}

/// The notice of a notification, if it makes one.
fn notice(notification: &Notification) -> Option<Notice> {
    let kind = notification.kind;
    match kind {
        NotificationKind::Firing
        | NotificationKind::Escalated
        | NotificationKind::Said
        | NotificationKind::Test => {}
        NotificationKind::Repeated | NotificationKind::Resolved | NotificationKind::Deployed => {
            return None;
        }
    }
    let level = match notification.severity {
        AlertSeverity::Critical => Level::Error,
        AlertSeverity::Warning => Level::Warning,
        AlertSeverity::Info => Level::Info,
    };
    let fingerprint = notification.fingerprint;
    let fingerprint =
        fingerprint.unwrap_or_else(|| Fingerprint::of(&notification.name, &notification.labels));
    let key = [FINGERPRINT, "alert", &fingerprint.to_string()].map(str::to_owned);
    let mut notice = Notice::new(level, notification.headline(), key.into());
    notice.tags.push(("alert", notification.name.clone()));
    notice.tags.push(("kind", kind.as_str().to_owned()));
    for label in ["endpoint", "method"] {
        let value = notification.labels.get(label).cloned();
        notice.tags.extend(value.map(|value| (label, value)));
    }
    let text = plain::bytes(&notification.text, LONGEST_TEXT);
    for (name, text) in [
        ("description", Some(text)),
        ("signal", notification.signal.clone()),
        ("runbook", notification.runbook.clone()),
    ] {
        let text = text.filter(|text| !text.is_empty());
        let detail = text.map(|text| (name, Detail::Text(text)));
        notice.details.extend(detail);
    }
    for (name, number) in [
        ("value", notification.value),
        ("threshold", notification.threshold),
    ] {
        let detail = number.map(|number| (name, Detail::Number(number)));
        notice.details.extend(detail);
    }
    Some(notice)
}

#[cfg(test)]
mod tests;
