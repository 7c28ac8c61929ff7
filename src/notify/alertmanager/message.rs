//! Writes alerts as Alertmanager's API version 2 takes them.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{
    labels,
    notification::{Notification, NotificationKind},
};
use crate::statistics::WallTime;

/// Where the alerts are posted to, below the address of Alertmanager.
pub(super) const PATH: &str = "/api/v2/alerts";

/// After how many intervals without a message an alert has ended, as Prometheus has it.
const INTERVALS: u32 = 4;

/// The interval of what is told once.
const INTERVAL: Duration = Duration::from_secs(60);

/// The body of the request. A deployment is no alert, so it is left out. `None` if nothing is left.
///
/// Alertmanager ends an alert of which it is not told for four intervals. Without `ends` it is told of no end: the same alert can
/// fire in another instance of the service. Of several times until which an alert fires, it takes the last one. But with each message
/// about an end it tells people that the alert has ended, and with the next one of the other instance that it fires.
pub(super) fn alerts(notifications: &[Notification], now: WallTime, ends: bool) -> Option<Value> {
    let is_told = |one: &&Notification| match one.kind {
        NotificationKind::Deployed => false,
        NotificationKind::Resolved => ends,
        _ => true,
    };
    let alerts = notifications.iter().filter(is_told);
    let alerts: Vec<_> = alerts.map(|one| alert(one, now)).collect();
    (!alerts.is_empty()).then(|| alerts.into())
}

fn alert(notification: &Notification, now: WallTime) -> Value {
    let interval = notification.again_in.unwrap_or(INTERVAL);
    let holds = interval.saturating_mul(INTERVALS);
    let ends = match (notification.kind, notification.ended) {
        (_, Some(ended)) => ended.at,
        (NotificationKind::Resolved, None) => notification.at,
        _ => WallTime::new(now.since_1970().saturating_add(holds)),
    };
    // The clock can have jumped, and Alertmanager refuses an alert that ends before it starts.
    let starts = notification.fired_at.unwrap_or(notification.at).min(ends);
    let mut alert = json!({
        "labels": labels::labels(notification),
        "annotations": labels::annotations(notification),
        "startsAt": starts,
        "endsAt": ends,
    });
    if let Some(page) = labels::page(notification) {
        alert["generatorURL"] = page.into();
    }
    alert
}

#[cfg(test)]
mod tests {
    use super::{
        super::super::samples::{enormous, firing, later, repeated, resolved, told},
        *,
    };
    use crate::alerts::AlertSeverity;

    fn alerts(all: &[Notification]) -> Value {
        super::alerts(all, later(firing().at, 7), true).unwrap()
    }

    #[test]
    fn an_alert_that_fires_ends_after_four_intervals_unless_it_is_sent_again() {
        let alerts = alerts(&[firing(), repeated(NotificationKind::Escalated)]);
        let alerts = alerts.as_array().unwrap();
        assert_eq!(alerts.len(), 2);
        for alert in alerts {
            assert_eq!(alert["startsAt"], "2027-01-15T08:00:00.123Z");
            assert_eq!(alert["endsAt"], "2027-01-15T08:04:07.123Z");
            assert_eq!(alert["labels"]["alertname"], "high_error_rate");
            assert_eq!(alert["labels"].get("instance"), None);
            assert_eq!(alert["generatorURL"], "https://shop.example.com/monitoring");
        }
        assert_eq!(alerts[0]["labels"], alerts[1]["labels"]);
    }

    #[test]
    fn an_alert_that_ended_has_its_end() {
        let both = alerts(&[firing(), resolved()]);
        assert_eq!(both[1]["startsAt"], "2027-01-15T08:00:00.123Z");
        assert_eq!(both[1]["endsAt"], "2027-01-15T09:00:01.123Z");
        assert_eq!(both[0]["labels"], both[1]["labels"]);
    }

    #[test]
    fn an_end_is_left_out_where_the_alert_can_fire_in_another_instance() {
        let all = [resolved(), firing(), resolved()];
        let alerts = super::alerts(&all, later(firing().at, 7), false).unwrap();
        assert_eq!(alerts.as_array().unwrap().len(), 1);
        assert_eq!(alerts[0]["endsAt"], "2027-01-15T08:04:07.123Z");
        assert_eq!(super::alerts(&[resolved()], resolved().at, false), None);
    }

    #[test]
    fn an_alert_never_ends_before_it_starts() {
        let mut alert = firing();
        alert.fired_at = Some(later(alert.at, 1_000));
        let alerts = alerts(&[alert]);
        assert_eq!(alerts[0]["startsAt"], alerts[0]["endsAt"]);
        let mut alert = firing();
        alert.again_in = Some(Duration::MAX);
        let forever = super::alerts(&[alert], firing().at, true).unwrap();
        assert_eq!(forever[0]["endsAt"], "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn a_deployment_is_no_alert() {
        let deployed = told(NotificationKind::Deployed, AlertSeverity::Info);
        let said = told(NotificationKind::Said, AlertSeverity::Info);
        let alerts = alerts(&[deployed, said]);
        assert_eq!(alerts.as_array().unwrap().len(), 1);
        assert_eq!(
            alerts[0]["labels"]["alertname"],
            "Database connection pool at 85% capacity"
        );
        assert_eq!(super::alerts(&[], firing().at, true), None);
    }

    #[test]
    fn an_address_that_is_none_is_left_out() {
        for alert in alerts(&enormous()).as_array().unwrap() {
            assert_eq!(alert.get("generatorURL"), None);
            assert_eq!(alert["annotations"].get("runbook_url"), None);
        }
    }
}
