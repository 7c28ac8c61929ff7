use super::{
    super::super::samples::{
        HOSTILE, enormous, everywhere, firing, later, repeated, resolved, told,
    },
    *,
};
use crate::alerts::AlertSeverity;

fn body(notification: &Notification) -> Value {
    let text = event(notification).body(&Secret::new("R".repeat(32)));
    // 512 KB, however they are counted.
    assert!(text.len() <= 512_000, "{}", text.len());
    serde_json::from_str(&text).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn length(value: &Value) -> usize {
    value.as_str().unwrap().encode_utf16().count()
}

/// PagerDuty's published schema of events, and the limits of its documentation.
fn assert_schema(body: &Value) {
    let fields = [
        "payload",
        "routing_key",
        "event_action",
        "dedup_key",
        "client",
        "client_url",
        "links",
        "images",
    ];
    assert!(keys(body).iter().all(|key| fields.contains(key)), "{body}");
    assert_eq!(length(&body["routing_key"]), 32);
    let action = body["event_action"].as_str().unwrap();
    assert!(["trigger", "acknowledge", "resolve"].contains(&action));
    let key = body["dedup_key"].as_str().unwrap();
    assert!((1..=255).contains(&key.len()), "{key}");
    let fields = [
        "summary",
        "timestamp",
        "severity",
        "source",
        "component",
        "group",
        "class",
        "custom_details",
    ];
    let payload = &body["payload"];
    assert!(keys(payload).iter().all(|key| fields.contains(key)));
    let severity = payload["severity"].as_str().unwrap();
    assert!(["critical", "warning", "error", "info"].contains(&severity));
    assert_common(body);
}

/// What the schemas of alerts and of changes have in common.
fn assert_common(body: &Value) {
    let payload = &body["payload"];
    assert!((1..=1_024).contains(&length(&payload["summary"])));
    assert!(length(&payload["source"]) >= 1);
    let timestamp = payload["timestamp"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(timestamp).is_ok());
    assert!(payload["custom_details"].is_object());
    for link in body["links"].as_array().unwrap() {
        assert!(link["href"].as_str().unwrap().starts_with("https://"));
        assert_eq!(keys(link), ["href", "text"]);
    }
}

#[test]
fn an_alert_triggers_an_incident() {
    let details = json!({
        "description": "More requests fail than they should",
        "service": "shop (production)",
        "measured": "error_rate_percent 6.50, threshold 5.00",
        "endpoint": "POST /orders/{id}",
        "labels": { "endpoint": "/orders/{id}", "job": "mail", "method": "POST" },
        "since": "2027-01-15 08:00:00 UTC",
        "release": "1.4.2",
        "last_deployment": "1.4.2 at 2027-01-15 07:55:00 UTC, 5m before it began",
        "value": 6.5,
        "threshold": 5.0,
    });
    let expected = json!({
        "routing_key": "R".repeat(32),
        "event_action": "trigger",
        "dedup_key": "shop/production/f85a8fde4ff0f4c0",
        "client": "shop Monitoring",
        "client_url": "https://shop.example.com/monitoring",
        "links": [
            { "href": "https://wiki.example.com/errors", "text": "Runbook" },
            { "href": "https://shop.example.com/monitoring", "text": "Where to look" },
        ],
        "payload": {
            "summary": "Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)",
            "source": "shop",
            "severity": "critical",
            "timestamp": "2027-01-15T08:00:00.123Z",
            "component": "/orders/{id}",
            "group": "production",
            "class": "error_rate_percent",
            "custom_details": details,
        },
    });
    let event = event(&firing());
    assert_eq!(event.path, "/v2/enqueue");
    assert!(!format!("{event:?}").contains("routing_key"));
    assert_eq!(body(&firing()), expected);
    assert_schema(&expected);
}

#[test]
fn an_end_resolves_the_incident_that_the_alert_opened() {
    let end = body(&resolved());
    assert_eq!(end["event_action"], "resolve");
    assert_eq!(end["payload"]["timestamp"], "2027-01-15T08:00:00.123Z");
    let summary = end["payload"]["summary"].as_str().unwrap();
    assert!(summary.ends_with("after 1h 1s: the rule is not broken any more"));
    assert_schema(&end);
    for kind in [NotificationKind::Repeated, NotificationKind::Escalated] {
        let again = body(&repeated(kind));
        assert_eq!(again["event_action"], "trigger");
        assert_eq!(again["dedup_key"], end["dedup_key"]);
    }
    assert_eq!(body(&firing())["dedup_key"], end["dedup_key"]);
}

#[test]
fn a_key_stays_the_same_across_instances_restarts_and_releases() {
    let key = dedup_key(&firing());
    let mut other = firing();
    (other.at, other.value) = (later(other.at, 86_400), Some(7.25));
    other.summary =
        "Alert: high_error_rate - error_rate_percent is 7.25 (threshold: 6.00)".to_owned();
    (other.threshold, other.fired_at) = (Some(6.0), None);
    (other.origin.release, other.origin.deployed) = (Some("1.5.0".to_owned()), None);
    (other.origin.url, other.runbook) = (None, None);
    other.text = "request 8c1f failed".to_owned();
    assert_eq!(dedup_key(&other), key);
    // Another service, another environment and another alert are other incidents.
    for change in [
        |one: &mut Notification| one.origin.service.push('2'),
        |one: &mut Notification| one.origin.environment.push('2'),
        |one: &mut Notification| one.fingerprint = "f85a8fde4ff0f4c1".parse().ok(),
    ] {
        let mut other = firing();
        change(&mut other);
        assert_ne!(dedup_key(&other), key);
    }
}

#[test]
fn long_names_make_keys_that_are_short_and_differ() {
    let key = |service: String| {
        let mut one = firing();
        one.origin.service = service;
        one.origin.environment = "ü".repeat(150);
        let key = dedup_key(&one);
        assert!(key.len() <= 255, "{}", key.len());
        key
    };
    let long = "s".repeat(100);
    assert_ne!(key(format!("{long}1")), key(format!("{long}2")));
    assert!(key("s".repeat(80)).starts_with(&format!("{}/", "s".repeat(80))));
}

#[test]
fn what_is_said_twice_is_one_incident() {
    let said = told(NotificationKind::Said, AlertSeverity::Warning);
    let mut again = said.clone();
    again.at = later(again.at, 60);
    again.text = "18 of 20".to_owned();
    assert_eq!(body(&said)["dedup_key"], body(&again)["dedup_key"]);
    assert_eq!(body(&said)["payload"]["severity"], "warning");
    assert_schema(&body(&said));
}

#[test]
fn a_deployment_is_a_change() {
    let mut deployed = told(NotificationKind::Deployed, AlertSeverity::Info);
    deployed.summary = "shop 1.4.2 was deployed".to_owned();
    assert_eq!(event(&deployed).path, "/v2/change/enqueue");
    let body = body(&deployed);
    assert_eq!(keys(&body), ["links", "payload", "routing_key"]);
    let payload = ["custom_details", "source", "summary", "timestamp"];
    assert_eq!(keys(&body["payload"]), payload);
    assert_eq!(body["payload"]["summary"], "shop 1.4.2 was deployed");
    assert_common(&body);
}

#[test]
fn a_summary_is_cut_at_its_limit() {
    let summary = |length: usize| {
        let mut said = told(NotificationKind::Said, AlertSeverity::Info);
        said.summary = "é".repeat(length);
        body(&said)["payload"]["summary"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(summary(1_024), "é".repeat(1_024));
    assert_eq!(summary(1_025), format!("{}…", "é".repeat(1_023)));
}

#[test]
fn five_million_bytes_fit() {
    for mut one in enormous() {
        assert_schema(&body(&one));
        one.kind = NotificationKind::Deployed;
        assert_common(&body(&one));
    }
    assert_schema(&body(&everywhere("")));
}

#[test]
fn hostile_text_is_text() {
    let body = body(&everywhere(HOSTILE));
    assert_schema(&body);
    assert_eq!(body["links"], json!([]));
    assert_eq!(body.get("client_url"), None);
    assert!(!body.to_string().contains('\u{202e}'));
    let line = |name: &str| body["payload"][name].as_str().unwrap().to_owned();
    for name in ["summary", "source", "component", "group", "class"] {
        assert!(!line(name).contains(char::is_control), "{name}");
    }
}
