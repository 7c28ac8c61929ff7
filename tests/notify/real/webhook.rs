//! Compares what a webhook gets with what a real Alertmanager posts, and lets Python check the signature.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use tower_vitals::notify::{Notifiers, Webhook};

use super::{evaluating, judge, rule, told};
use crate::{
    Level,
    alertmanager::Server,
    inbox::{Inbox, Request},
    python,
};

const SECRET: &str = "the secret of the tests";

/// The form of a value: the names and forms in an object, and of a text what it is.
fn form(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(pairs) => {
            let pairs = pairs.iter();
            let pairs = pairs.map(|(name, value)| (name.clone(), form(name, value)));
            pairs.collect()
        }
        Value::Array(all) => all.iter().map(|one| form(name, one)).collect(),
        Value::Number(number) if number.is_u64() => "a whole number".into(),
        Value::String(text) => match name {
            "version" | "status" => text.as_str().into(),
            "endsAt" if text == "0001-01-01T00:00:00Z" => "never".into(),
            "startsAt" | "endsAt" if humantime::parse_rfc3339(text).is_ok() => "a time".into(),
            "fingerprint" if text.len() == 16 && u64::from_str_radix(text, 16).is_ok() => {
                "16 digits".into()
            }
            "groupKey" if text.starts_with("{}:{") && text.ends_with("\"}") => "a group".into(),
            "externalURL" | "generatorURL" if text.starts_with("http") => "an address".into(),
            "receiver" | "alertname" | "severity" | "service" | "environment" | "summary"
            | "description" | "runbook_url" | "kind" => "a text".into(),
            _ => format!("unknown: {text}").into(),
        },
        other => format!("unknown: {other}").into(),
    }
}

/// What differs on purpose: the groups are ours, and so is the annotation `kind`.
fn comparable(mut message: Value) -> Value {
    message["groupLabels"] = Value::Null;
    let annotations = "commonAnnotations";
    message[annotations].as_object_mut().unwrap().remove("kind");
    for alert in message["alerts"].as_array_mut().unwrap() {
        let annotations = alert["annotations"].as_object_mut().unwrap();
        annotations.remove("kind");
    }
    message
}

/// When an alert began, since 1970. Not all write the same number of digits.
fn started(alert: &Value) -> Duration {
    let at = humantime::parse_rfc3339(alert["startsAt"].as_str().unwrap()).unwrap();
    at.duration_since(UNIX_EPOCH).unwrap()
}

#[test]
#[ignore = "needs prometheus-alertmanager and a PYTHON; .ci/run installs them"]
fn a_webhook_gets_the_payload_of_alertmanager() {
    let (server, inbox, level) = (Server::start(), Inbox::answering(200, ""), Level::default());
    let webhook = Webhook::new(&inbox.url("/told"))
        .unwrap()
        .secret(SECRET)
        .unwrap();
    let notifiers = Notifiers::new()
        .notifier(webhook)
        .notifier(server.notifier());
    let _vitals = evaluating(rule(&level), notifiers);
    for (to, status) in [(2, "firing"), (0, "resolved")] {
        level.set(to);
        let (ours, theirs) = (inbox.next(), server.told.next());
        assert_eq!(ours.kind(), theirs.kind());
        let (ours, theirs) = (ours.json(), theirs.json());
        assert_eq!(ours["status"], status);
        assert_eq!(ours["alerts"][0]["annotations"]["kind"], status);
        let (ours, theirs) = (comparable(ours), comparable(theirs));
        assert_eq!(form("", &ours), form("", &theirs));
        let alert = |of: &Value| of["alerts"][0].clone();
        for same in ["labels", "generatorURL"] {
            assert_eq!(alert(&ours)[same], alert(&theirs)[same], "{same}");
        }
        assert_eq!(started(&alert(&ours)), started(&alert(&theirs)));
        assert_eq!(ours["commonLabels"], theirs["commonLabels"]);
        // Alertmanager is not told why an alert has ended.
        if status == "firing" {
            let annotations = "annotations";
            assert_eq!(alert(&ours)[annotations], alert(&theirs)[annotations]);
            assert_eq!(ours["commonAnnotations"], theirs["commonAnnotations"]);
        }
    }
}

/// What Python's `hmac` says of a message.
fn signature(message: &Request, secret: &str, body: &str) -> String {
    let header = &message.headers["x-vitals-signature"];
    let now = started(&message.json()["alerts"][0]).as_secs();
    let input = json!({ "secret": secret, "header": header, "body": body, "now": now });
    python::run(
        &mut python::program("check_signature.py"),
        &input.to_string(),
    )
}

#[test]
#[ignore = "needs a PYTHON; .ci/run installs it"]
fn the_signature_of_a_webhook_is_what_pythons_hmac_computes() {
    let (inbox, level) = (Inbox::answering(200, ""), Level::default());
    let webhook = Webhook::new(&inbox.url("/told"))
        .unwrap()
        .secret(SECRET)
        .unwrap();
    let vitals = told([rule(&level)], Notifiers::new().notifier(webhook));
    judge(&vitals, &level, 2);
    let message = inbox.next();
    let of = |secret, body: &str| signature(&message, secret, body);
    assert_eq!(of(SECRET, &message.body), "genuine\n");
    assert_eq!(of("another", &message.body), "forged\n");
    assert_eq!(
        of(SECRET, &message.body.replace("firing", "resolved")),
        "forged\n"
    );
}
