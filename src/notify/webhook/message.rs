//! Writes notifications as Alertmanager's webhook does, in version 4.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::{
    labels,
    notification::{Notification, NotificationKind},
    plain, wording,
};
use crate::alerts::Fingerprint;

/// When an alert ends that fires still: the zero of Go's time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The body of the request. `receiver` is the name of the notifier.
///
/// The annotation `kind` is the word of [`NotificationKind`]: what the application says, a deployment and a test are alerts that
/// fire and never end.
pub(super) fn message(notifications: &[Notification], receiver: &str) -> Value {
    let group = group(notifications);
    let pairs: Vec<_> = group
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    let page = notifications.iter().find_map(labels::page);
    let fires = notifications.iter().any(|one| !has_ended(one));
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{{}}}", pairs.join(", ")),
        // A message has all that it is about.
        "truncatedAlerts": 0,
        "status": status(!fires),
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": common(notifications.iter().map(labels::labels)),
        "commonAnnotations": common(notifications.iter().map(annotations)),
        "externalURL": page.unwrap_or_default(),
        "alerts": notifications.iter().map(alert).collect::<Vec<_>>(),
    })
}

fn alert(notification: &Notification) -> Value {
    let starts = notification.fired_at.unwrap_or(notification.at);
    let ends = match (has_ended(notification), notification.ended) {
        (true, Some(ended)) => ended.at.to_string(),
        (true, None) => notification.at.to_string(),
        (false, _) => NEVER.to_owned(),
    };
    let fingerprint = notification.fingerprint;
    json!({
        "status": status(has_ended(notification)),
        "labels": labels::labels(notification),
        "annotations": annotations(notification),
        "startsAt": starts,
        "endsAt": ends,
        "generatorURL": labels::page(notification).unwrap_or_default(),
        "fingerprint": fingerprint.unwrap_or_else(|| Fingerprint::of(&notification.name, &notification.labels)),
    })
}

/// What all have in common: they are of one service.
fn group(notifications: &[Notification]) -> BTreeMap<&'static str, String> {
    let Some(first) = notifications.first() else {
        return BTreeMap::new();
    };
    let environment = plain::line(&first.origin.environment, 1_000);
    let group = [
        ("environment", environment),
        ("service", wording::service(&first.origin)),
    ];
    let group = group.into_iter();
    group.filter(|(_, value)| !value.is_empty()).collect()
}

fn annotations(notification: &Notification) -> BTreeMap<String, String> {
    let mut annotations = labels::annotations(notification);
    let kind = notification.kind.as_str();
    annotations.insert("kind".to_owned(), kind.to_owned());
    annotations
}

/// The pairs that are in all of them.
fn common(mut all: impl Iterator<Item = BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut common = all.next().unwrap_or_default();
    for one in all {
        common.retain(|name, value| one.get(name) == Some(value));
    }
    common
}

fn has_ended(notification: &Notification) -> bool {
    notification.kind == NotificationKind::Resolved
}

fn status(has_ended: bool) -> &'static str {
    match has_ended {
        true => "resolved",
        false => "firing",
    }
}

#[cfg(test)]
mod tests;
