use serde_json::Value;

use super::{
    super::{
        notification::NotificationKind,
        samples::{firing, resolved, told},
        sink::Sink,
    },
    *,
};
use crate::alerts::AlertSeverity;

const LONG: Duration = Duration::from_secs(20);

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}";

#[test]
fn an_incident_is_opened_and_closed_and_a_deployment_is_a_change() {
    let sink = Sink::answering(ACCEPTED);
    let pagerduty = PagerDuty::new("the-key").unwrap();
    let pagerduty = pagerduty.url(&sink.url("/eu/")).unwrap();
    assert_eq!(pagerduty.at_once(), 1);
    let deployed = told(NotificationKind::Deployed, AlertSeverity::Info);
    for one in [firing(), resolved(), deployed] {
        pagerduty.notify(&[one], LONG).unwrap();
    }
    let requests = sink.requests();
    let requests: Vec<_> = requests.iter().map(|one| Sink::parted(one)).collect();
    let paths = requests
        .iter()
        .map(|(head, _)| head.lines().next().unwrap());
    assert_eq!(
        paths.collect::<Vec<_>>(),
        [
            "POST /eu/v2/enqueue HTTP/1.1",
            "POST /eu/v2/enqueue HTTP/1.1",
            "POST /eu/v2/change/enqueue HTTP/1.1"
        ]
    );
    for (_, body) in &requests {
        assert_eq!(body["routing_key"], "the-key");
    }
    let actions = requests
        .iter()
        .map(|(_, body)| body["event_action"].clone());
    let actions: Vec<_> = actions.collect();
    assert_eq!(actions, ["trigger".into(), "resolve".into(), Value::Null]);
    assert_eq!(requests[0].1["dedup_key"], requests[1].1["dedup_key"]);
}

#[test]
fn a_key_that_no_integration_has_is_refused() {
    for key in ["", "two words", "line\n", "ключ"] {
        let error = PagerDuty::new(key).unwrap_err();
        assert_eq!(
            (error.field(), error.value()),
            ("pagerduty.routing_key", "…")
        );
    }
}
