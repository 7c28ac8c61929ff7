//! Compares what PagerDuty gets with what its own client sends and checks.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tower_vitals::{
    Deployment,
    alerts::AlertSeverity,
    notify::{Notifiers, PagerDuty, Routes},
};

use super::{HOSTILE, judge, rule, told};
use crate::{
    LONG, Level,
    inbox::{Inbox, Request},
    python,
};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// What PagerDuty answers. Its client gives back the key of the answer.
const ANSWER: &str = r#"{"status":"success","message":"Event processed","dedup_key":"key"}"#;

fn names(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

/// How many of these are valid, which are all.
fn check(events: &[Request]) {
    let pairs = events.iter().map(|one| json!([one.path, one.body]));
    let pairs: Value = pairs.collect();
    let mut check = python::program("check_pagerduty.py");
    let checked = python::run(&mut check, &pairs.to_string());
    assert_eq!(checked, format!("{} events are valid\n", events.len()));
}

#[test]
#[ignore = "needs a PYTHON with pagerduty and pypd; .ci/run installs them"]
fn what_is_posted_to_pagerduty_is_what_its_client_posts_and_checks() {
    let (inbox, level) = (Inbox::answering(202, ANSWER), Level::default());
    let notifier = PagerDuty::new(KEY).unwrap().url(&inbox.url("")).unwrap();
    let everything = Routes::new()
        .severity(AlertSeverity::Critical, ["pagerduty"])
        .severity(AlertSeverity::Warning, ["pagerduty"])
        .severity(AlertSeverity::Info, ["pagerduty"]);
    let notifiers = Notifiers::new().notifier(notifier).routes(everything);
    let vitals = told([rule(&level)], notifiers);
    judge(&vitals, &level, 2);
    judge(&vitals, &level, 0);
    vitals.record_deployment(&Deployment::new("1.4.2").by("ci").environment("test"));
    assert_eq!(vitals.flush(LONG), 0);
    let [trigger, resolve, change] = inbox.rest().try_into().unwrap();
    for severity in [AlertSeverity::Warning, AlertSeverity::Info] {
        vitals.notify(severity, HOSTILE, &HOSTILE.repeat(10_000));
    }
    assert_eq!(vitals.flush(LONG), 0);
    let said = inbox.rest();
    assert_eq!(said.len(), 2);
    let ours = [trigger, resolve, change];
    check(&ours);
    check(&said);

    let mut client = python::program("post_pagerduty.py");
    python::run(
        client.args([&inbox.address().port().to_string(), "key"]),
        "",
    );
    let theirs: [Request; 3] = inbox.rest().try_into().unwrap();
    check(&theirs);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.kind(), theirs.kind());
        let (ours, theirs) = (ours.json(), theirs.json());
        assert!(names(&theirs).is_subset(&names(&ours)), "{ours} {theirs}");
        assert_eq!(ours["event_action"], theirs["event_action"]);
        assert_eq!(ours["routing_key"], KEY);
        if theirs.get("payload").is_some() {
            let (ours, theirs) = (names(&ours["payload"]), names(&theirs["payload"]));
            assert!(theirs.is_subset(&ours), "{ours:?} {theirs:?}");
        }
    }
    let [trigger, resolve, change] = ours.map(|one| one.json());
    assert_eq!(trigger["event_action"], "trigger");
    assert_eq!(resolve["event_action"], "resolve");
    assert_eq!(trigger["dedup_key"], resolve["dedup_key"]);
    assert_eq!(trigger["payload"]["source"], "shop");
    assert_eq!(trigger["payload"]["severity"], "critical");
    assert_eq!(names(&change), ["links", "payload", "routing_key"].into());
    assert_eq!(change["payload"].get("severity"), None);
}
