//! Makes notifications for the tests of this room.

use std::{collections::BTreeMap, time::Duration};

use super::notification::{Ended, Notification, NotificationKind};
use crate::{
    alerts::{Alert, AlertSeverity, AlertState, ResolveReason},
    statistics::WallTime,
};

/// Everything that a program could take for something else than text.
pub(super) const HOSTILE: &str = concat!(
    "<!channel> @here <@U123> <!subteam^S1> <https://evil.example|click> *b* _i_ `c` ``` ~s~ \"q\" 'a' & &lt; \\ ",
    "\r\nBcc: evil@example.com\n\t\u{202e}gnp\u{2066}\u{0}\u{2028}</script><img src=x onerror=alert(1)>     {{1}} 😀é"
);

/// An alert of one endpoint of a service that was deployed five minutes before.
pub(super) fn firing() -> Notification {
    let mut one = Notification::example();
    for (name, value) in [
        ("endpoint", "/orders/{id}"),
        ("method", "POST"),
        ("job", "mail"),
    ] {
        one.labels.insert(name.to_owned(), value.to_owned());
    }
    one.origin.deployed = Some(("1.4.2".to_owned(), later(one.at, -300)));
    one
}

/// The same, ten minutes later.
pub(super) fn repeated(kind: NotificationKind) -> Notification {
    let mut one = firing();
    one.kind = kind;
    one.at = later(one.at, 600);
    one
}

/// Its end after an hour and a second.
pub(super) fn resolved() -> Notification {
    let mut one = firing();
    one.kind = NotificationKind::Resolved;
    one.at = later(one.at, 3_605);
    one.ended = Some(Ended {
        at: later(firing().at, 3_601),
        after: Duration::from_millis(3_601_400),
        reason: ResolveReason::Recovered,
    });
    one
}

/// What the application says, or that it was deployed, or a test.
pub(super) fn told(kind: NotificationKind, severity: AlertSeverity) -> Notification {
    let mut one = firing();
    one.kind = kind;
    one.severity = severity;
    (one.fingerprint, one.fired_at, one.signal) = (None, None, None);
    (one.value, one.threshold, one.runbook) = (None, None, None);
    one.labels.clear();
    one.name = "Database connection pool at 85% capacity".to_owned();
    one.summary.clone_from(&one.name);
    one.text = "17 of 20 connections are in use".to_owned();
    one
}

/// `firing` with this text wherever there can be one.
pub(super) fn everywhere(text: &str) -> Notification {
    let mut one = firing();
    for place in [
        &mut one.name,
        &mut one.summary,
        &mut one.text,
        &mut one.origin.service,
        &mut one.origin.environment,
    ] {
        text.clone_into(place);
    }
    one.labels.insert(text.to_owned(), text.to_owned());
    for value in one.labels.values_mut() {
        text.clone_into(value);
    }
    one.signal = Some(text.to_owned());
    one.runbook = Some(text.to_owned());
    one.origin.release = Some(text.to_owned());
    one.origin.deployed = Some((text.to_owned(), one.at));
    one.origin.url = Some(text.to_owned());
    one
}

/// `firing` with a text of five million bytes, a hundred thousand wherever else there can be one, and a thousand labels.
pub(super) fn enormous() -> Vec<Notification> {
    ["a", "<", "\"", "\\", "\n", "😀", "é ", "& "]
        .map(|text| {
            let mut one = everywhere(&text.repeat(100_000 / text.len()));
            one.text = text.repeat(5_000_000 / text.len());
            for number in 0..1_000 {
                let name = format!("label{number}{}", text.repeat(100));
                one.labels.insert(name, text.repeat(100));
            }
            one
        })
        .into()
}

/// The moment so many seconds later.
pub(super) fn later(at: WallTime, seconds: i64) -> WallTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let since = at.since_1970();
    WallTime::new(if seconds < 0 {
        since.saturating_sub(distance)
    } else {
        since + distance
    })
}

/// An alert of a whole service, which fires.
pub(super) fn alert() -> Alert {
    Alert {
        fingerprint: "f85a8fde4ff0f4c0".parse().unwrap(),
        name: "down".to_owned(),
        severity: AlertSeverity::Critical,
        state: AlertState::Firing,
        labels: BTreeMap::new(),
        signal: "health_check_failed".to_owned(),
        value: Some(1.0),
        threshold: 0.0,
        message: "Alert: down".to_owned(),
        summary: String::new(),
        runbook: None,
        since: firing().at,
        fired_at: Some(firing().at),
        resolved_at: None,
        resolve_reason: None,
        acknowledged_by: None,
        acknowledged_at: None,
        muted: None,
        error: None,
        alone: false,
        is_broken: true,
        is_new: false,
    }
}
