use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::statistics::given::Window;

/// Answers as a fleet would.
struct Fake(Result<FleetNumbers, FleetSilence>);

impl AskFleet for Fake {
    fn over(&self, _: Duration) -> Result<FleetNumbers, FleetSilence> {
        self.0.clone()
    }
}

fn at(seconds: u64) -> WallTime {
    WallTime::new(Duration::from_secs(seconds))
}

pub(crate) fn instance(id: &str, requests: u64, p95_ms: f64) -> Instance {
    Instance {
        id: id.to_owned(),
        version: Some("1.4.2".to_owned()),
        started: at(1_000),
        last_seen: at(2_000),
        is_lost: false,
        has_ended: false,
        requests,
        errors: 1,
        p50_ms: Some(p95_ms / 2.0),
        p95_ms: Some(p95_ms),
        p99_ms: Some(p95_ms * 2.0),
        p95_to_others: None,
        other_settings: false,
        health: Some("healthy".to_owned()),
    }
}

pub(crate) fn numbers(instances: Vec<Instance>) -> FleetNumbers {
    let mut window = Window::new();
    let took = Duration::from_millis(20);
    window.request(&http::Method::GET, "/orders/{id}", 200, Some(took));
    FleetNumbers {
        statistics: window.statistics(),
        instances,
        unlisted_starts: 3,
    }
}

fn shown(instances: &[Instance]) -> Value {
    serde_json::to_value(ShownInstance::of_each(instances)).unwrap()
}

fn told(instances: &[Instance], key: &str) -> BTreeMap<String, Value> {
    let shown = shown(instances);
    let all = shown.as_array().unwrap().iter();
    all.map(|one| (one["id"].as_str().unwrap().to_owned(), one[key].clone()))
        .collect()
}

#[test]
fn a_fleet_is_shown_as_statistics_are_with_each_instance() {
    let numbers = numbers(vec![instance("shop-1", 40, 20.0)]);
    let shown = serde_json::to_value(ShownFleet::of(&numbers, 100)).unwrap();
    assert_eq!(shown["window_seconds"], 300.0);
    let local: Vec<_> = numbers.statistics.endpoints(EndpointOrder::default());
    assert_eq!(shown["endpoints"], serde_json::to_value(local).unwrap());
    assert_eq!(shown["endpoints"][0]["requests"], 1);
    assert_eq!(shown["errors"], json!([]));
    assert_eq!(shown["unlisted_starts"], 3);
    let fewer = serde_json::to_value(ShownFleet::of(&numbers, 0)).unwrap();
    assert_eq!(
        (&fewer["endpoints"], &fewer["endpoints_count"]),
        (&json!([]), &json!(1))
    );
    assert_eq!(
        shown["instances"],
        json!([{
            "id": "shop-1", "version": "1.4.2", "started": "1970-01-01T00:16:40.000Z",
            "last_seen": "1970-01-01T00:33:20.000Z", "lost": false, "ended": false, "requests": 40, "errors": 1,
            "p50_ms": 10.0, "p95_ms": 20.0, "p99_ms": 40.0, "p95_to_others": null, "slow": false,
            "other_settings": false, "health": "healthy",
        }])
    );
}

#[test]
fn an_instance_is_slow_if_its_p95_is_twice_that_of_the_others() {
    let with = |id: &str, requests, times| Instance {
        p95_to_others: times,
        ..instance(id, requests, 20.0)
    };
    let all = [
        with("a", 20, Some(1.99)),
        with("b", 20, Some(2.0)),
        // Too few requests say nothing.
        with("c", 19, None),
    ];
    let slow: Vec<_> = told(&all, "slow").into_values().collect();
    assert_eq!(slow, [false, true, false].map(|slow| json!(slow)));
    let times: Vec<_> = told(&all, "p95_to_others").into_values().collect();
    assert_eq!(times, [json!(1.99), json!(2.0), json!(null)]);
}

#[test]
fn starts_of_one_instance_stand_below_each_other() {
    let mut again = instance("a", 1, 1.0);
    again.started = at(1_500);
    let all = [again, instance("b", 2, 1.0), instance("a", 3, 1.0)];
    let shown = shown(&all);
    let order: Vec<_> = shown
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["requests"].as_u64().unwrap())
        .collect();
    assert_eq!(order, [3, 1, 2]);
}

#[test]
fn who_is_alone_is_told_so_and_a_silent_redis_is_no_empty_fleet() {
    let window = Duration::from_secs(60);
    let alone = ask(None, window).unwrap_err();
    assert_eq!(alone.status, StatusCode::NOT_FOUND);
    assert!(alone.sentence.contains("in no fleet"), "{alone:?}");
    let silence = FleetSilence {
        reason: "Redis is not reached".to_owned(),
    };
    let silent = ask(Some(&Fake(Err(silence))), window).unwrap_err();
    assert_eq!(silent.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        silent.sentence,
        "nothing is known of other instances: Redis is not reached"
    );
    let answer = silent.response();
    assert_eq!(answer.headers()["retry-after"], "1");
    let all = numbers(vec![instance("a", 1, 1.0)]);
    assert_eq!(
        ask(Some(&Fake(Ok(all))), window).unwrap().instances.len(),
        1
    );
}
