//! Tells a real Alertmanager, which tells others.

use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;
use tower_vitals::{
    Vitals,
    notify::{Alertmanager, Notifiers},
};

use super::{INTERVAL, PAGE, evaluating, rule};
use crate::{
    Level,
    alertmanager::Server,
    programs::{eventually, get},
};

// === impl Server ===

impl Server {
    pub(super) fn notifier(&self) -> Alertmanager {
        Alertmanager::new(&self.url()).unwrap()
    }

    /// The alerts that fire.
    fn alerts(&self) -> Vec<Value> {
        let alerts = get(&self.address, "/api/v2/alerts", "").unwrap();
        serde_json::from_str(&alerts).unwrap()
    }

    /// When the alert ends that fires, unless it is sent again: since 1970.
    fn end(&self) -> Option<Duration> {
        let alerts = self.alerts();
        let end = alerts.first()?["endsAt"].as_str()?;
        let end = humantime::parse_rfc3339(end).unwrap();
        Some(end.duration_since(UNIX_EPOCH).unwrap())
    }

    /// The alert about which it told next, and whether it has ended.
    fn next(&self) -> (Value, String) {
        let told = self.told.next().json();
        let alerts = told["alerts"].as_array().unwrap();
        assert_eq!(alerts.len(), 1, "{told}");
        (
            alerts[0].clone(),
            told["status"].as_str().unwrap().to_owned(),
        )
    }

    /// A stack that tells it.
    fn instance(&self, level: &Level) -> Vitals {
        let notifier = self.notifier().several_instances();
        evaluating(rule(level), Notifiers::new().notifier(notifier))
    }

    /// Waits until something is sent again, after all that was sent before would have ended.
    fn until_sent_again(&self) {
        let first = eventually("it fires", || self.end());
        eventually("it is sent again", || {
            let end = self.end().unwrap();
            (end >= first + INTERVAL * 4).then_some(())
        });
    }
}

fn texts(object: &Value) -> BTreeMap<&str, &str> {
    let pairs = object.as_object().unwrap().iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect()
}

#[test]
#[ignore = "needs prometheus-alertmanager; .ci/run installs it"]
fn one_alert_of_two_instances_is_one_alert_until_the_last_one_has_ended() {
    let server = Server::start();
    let (first, second) = (Level::default(), Level::default());
    first.set(2);
    second.set(2);
    let one = server.instance(&first);
    let _other = server.instance(&second);
    let (fired, status) = server.next();
    assert_eq!(status, "firing");
    server.until_sent_again();
    let alerts = server.alerts();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let alert = &alerts[0];
    assert_eq!(
        texts(&alert["labels"]),
        BTreeMap::from([
            ("alertname", "queue_too_long"),
            ("environment", "production"),
            ("service", "shop"),
            ("severity", "critical"),
        ])
    );
    let annotations = texts(&alert["annotations"]);
    let names: Vec<_> = annotations.keys().copied().collect();
    assert_eq!(names, ["description", "runbook_url", "summary"]);
    assert_eq!(
        annotations["summary"],
        "Alert: queue_too_long - level_of_queue_too_long is 2.00 (threshold: 1.00)"
    );
    assert_eq!(annotations["runbook_url"], "https://wiki.example.com/queue");
    assert!(annotations["description"].starts_with("Orders wait for too long\n"));
    assert_eq!(alert["generatorURL"], PAGE);
    assert_eq!(alert["status"]["state"], "active");
    assert_eq!(fired["labels"], alert["labels"]);

    assert_eq!(server.told.rest(), []);

    first.set(0);
    eventually("it ends in one instance", || {
        let firing = one.alerts().firing();
        firing.is_empty().then_some(())
    });
    server.until_sent_again();
    assert_eq!(server.told.rest(), [], "it fires in the other one");

    second.set(0);
    let (ended, status) = server.next();
    assert_eq!(status, "resolved");
    assert_eq!(ended["labels"], fired["labels"]);
    assert_eq!(ended["fingerprint"], fired["fingerprint"]);
    // The other instance can have begun a moment before: the earlier beginning stays.
    assert!(ended["startsAt"].as_str() <= fired["startsAt"].as_str());
    assert!(server.alerts().is_empty());
    assert_eq!(server.told.rest(), []);
}

#[test]
#[ignore = "needs prometheus-alertmanager; .ci/run installs it"]
fn the_end_of_an_alert_reaches_alertmanager_at_once() {
    let (server, level) = (Server::start(), Level::default());
    level.set(2);
    let notifiers = Notifiers::new().notifier(server.notifier());
    let _vitals = evaluating(rule(&level), notifiers);
    let (fired, status) = server.next();
    assert_eq!(status, "firing");
    let would_end = server.end().unwrap();
    level.set(0);
    let (ended, status) = server.next();
    assert_eq!(status, "resolved");
    assert_eq!(ended["fingerprint"], fired["fingerprint"]);
    let end = humantime::parse_rfc3339(ended["endsAt"].as_str().unwrap()).unwrap();
    let end = end.duration_since(UNIX_EPOCH).unwrap();
    assert!(end < would_end, "{ended}");
    assert_eq!(server.told.rest(), []);
}

#[test]
#[ignore = "needs prometheus-alertmanager; .ci/run installs it"]
fn an_alert_fires_as_long_as_it_is_sent_and_then_ends_by_itself() {
    let (server, level) = (Server::start(), Level::default());
    level.set(2);
    let vitals = server.instance(&level);
    let (fired, status) = server.next();
    assert_eq!(status, "firing");
    server.until_sent_again();
    assert_eq!(server.told.rest(), []);
    // As a process that is killed: nobody says that the alert has ended.
    drop(vitals);
    let (ended, status) = server.next();
    assert_eq!(status, "resolved");
    assert_eq!(ended["fingerprint"], fired["fingerprint"]);
    assert_eq!(ended["startsAt"], fired["startsAt"]);
    assert!(server.alerts().is_empty());
}
