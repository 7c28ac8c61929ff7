use super::{
    super::super::samples::{self, HOSTILE, enormous, everywhere, firing, resolved, told},
    *,
};
use crate::alerts::AlertSeverity;

#[test]
fn a_message_has_the_shape_of_version_4() {
    let message = message(&[firing()], "webhook");
    let description = message["alerts"][0]["annotations"]["description"].clone();
    let labels = json!({
        "alertname": "high_error_rate",
        "endpoint": "/orders/{id}",
        "environment": "production",
        "job": "mail",
        "method": "POST",
        "service": "shop",
        "severity": "critical",
    });
    let annotations = json!({
        "summary": "Alert: high_error_rate - error_rate_percent is 6.50 (threshold: 5.00)",
        "description": description,
        "runbook_url": "https://wiki.example.com/errors",
        "kind": "firing",
    });
    let expected = json!({
        "version": "4",
        "groupKey": r#"{}:{environment="production", service="shop"}"#,
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "webhook",
        "groupLabels": { "environment": "production", "service": "shop" },
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": "https://shop.example.com/monitoring",
        "alerts": [{
            "status": "firing",
            "labels": labels,
            "annotations": annotations,
            "startsAt": "2027-01-15T08:00:00.123Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://shop.example.com/monitoring",
            "fingerprint": "f85a8fde4ff0f4c0",
        }],
    });
    assert_eq!(message, expected);
}

#[test]
fn a_message_is_resolved_when_all_have_ended() {
    let mut other = resolved();
    other.labels.insert("method".to_owned(), "GET".to_owned());
    let both = message(&[resolved(), other.clone()], "webhook");
    assert_eq!(both["status"], "resolved");
    assert_eq!(both["alerts"][0]["endsAt"], "2027-01-15T09:00:01.123Z");
    assert_eq!(both["commonLabels"].get("method"), None);
    assert_eq!(both["commonLabels"]["endpoint"], "/orders/{id}");
    let mixed = message(&[other, firing()], "webhook");
    assert_eq!(mixed["status"], "firing");
    assert_eq!(mixed["alerts"][0]["status"], "resolved");
    assert_eq!(mixed["commonAnnotations"].get("kind"), None);
    // The same group, whatever happened.
    assert_eq!(both["groupKey"], mixed["groupKey"]);
}

#[test]
fn what_is_no_alert_has_a_fingerprint_of_its_own() {
    let said = told(NotificationKind::Said, AlertSeverity::Info);
    let mut later = said.clone();
    later.at = samples::later(said.at, 60);
    let message = message(&[said, later], "webhook");
    assert_eq!(message["alerts"][0]["annotations"]["kind"], "said");
    let fingerprint = &message["alerts"][0]["fingerprint"];
    assert_eq!(fingerprint.as_str().unwrap().len(), 16);
    assert_eq!(fingerprint, &message["alerts"][1]["fingerprint"]);
}

#[test]
fn a_message_of_a_webhook_has_all_that_it_is_given_at_once() {
    let webhook = crate::notify::Webhook::new("https://hooks.example.com/").unwrap();
    let many = crate::notify::Notifier::at_once(&webhook);
    let message_of_many = message(&vec![firing(); many], "webhook");
    assert_eq!(message_of_many["truncatedAlerts"], 0);
    let alerts = message_of_many["alerts"].as_array().unwrap();
    assert_eq!((many, alerts.len()), (20, 20));
    let none = message(&[], "webhook");
    assert_eq!(
        (&none["alerts"], &none["groupKey"]),
        (&json!([]), &json!("{}:{}"))
    );
}

#[test]
fn hostile_and_enormous_texts_are_valid_json_of_some_size() {
    let mut all = enormous();
    all.push(everywhere(HOSTILE));
    let message = message(&all, "webhook");
    let text = serde_json::to_string(&message).unwrap();
    assert!(text.len() < 250_000 * all.len(), "{}", text.len());
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), message);
    assert!(!text.contains('\u{202e}'));
}
