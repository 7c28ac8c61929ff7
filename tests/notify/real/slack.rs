//! Compares what Slack gets with the models and the client of its own SDK.

use serde_json::Value;
use tower_vitals::{
    Deployment,
    alerts::AlertSeverity,
    notify::{Notifiers, Slack},
};

use super::{HOSTILE, judge, rule, told};
use crate::{LONG, Level, inbox::Inbox, python};

const PATH: &str = "/services/T0/B0/secret";

#[test]
#[ignore = "needs a PYTHON with slack_sdk; .ci/run installs it"]
fn what_is_posted_to_slack_is_what_its_sdk_posts_and_reads() {
    let (inbox, level) = (Inbox::answering(200, "ok"), Level::default());
    let slack = Slack::new(&inbox.url(PATH)).unwrap();
    let vitals = told([rule(&level)], Notifiers::new().notifier(slack));
    judge(&vitals, &level, 2);
    judge(&vitals, &level, 0);
    vitals.record_deployment(&Deployment::new("1.4.2").by("ci").environment("test"));
    // The last ones wait for a second, and are one message.
    for title in ["first", HOSTILE, ""] {
        vitals.notify(AlertSeverity::Warning, title, HOSTILE);
    }
    assert_eq!(vitals.flush(LONG), 0);
    let posted = inbox.rest();
    assert!(posted.len() >= 3, "{posted:?}");
    let messages: Vec<Value> = posted.iter().map(|one| one.json()).collect();
    let checked = python::run(
        &mut python::program("check_slack.py"),
        &Value::from(messages).to_string(),
    );
    assert_eq!(checked, format!("{} messages are valid\n", posted.len()));

    let mut sdk = python::program("post_slack.py");
    python::run(sdk.arg(inbox.url(PATH)), "");
    let of_sdk = inbox.next();
    for ours in &posted {
        assert_eq!(ours.kind(), of_sdk.kind());
        assert_eq!(ours.kind(), ["POST", PATH, "application/json"]);
    }
    // The yardstick is held to the same check, as far as it has what we send.
    let (ours, of_sdk) = (posted[0].json(), of_sdk.json());
    for (name, value) in of_sdk.as_object().unwrap() {
        let ours = &ours[name];
        assert_eq!(
            std::mem::discriminant(ours),
            std::mem::discriminant(value),
            "{name}"
        );
    }
}
