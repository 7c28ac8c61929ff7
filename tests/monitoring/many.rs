//! What is said of more alerts than a list has room for.

use std::time::Duration;

use serde_json::{Value, json};
use tower_vitals::alerts::{AlertSeverity, Alerts, Rule, Signal, SignalUnit};

use crate::served::{Served, with_token};

fn broken(name: &str, severity: AlertSeverity, waits: Duration) -> Rule {
    Rule::new(name, Signal::asked("heat", SignalUnit::Count, || Some(6.5)))
        .above(5.0)
        .pending_for(waits)
        .severity(severity)
}

/// Three that wait, 1,002 that are good to know, and a critical one as the last.
fn alerts() -> Alerts {
    let patient = |index| {
        let name = format!("patient_{index}");
        broken(&name, AlertSeverity::Critical, Duration::from_secs(3_600))
    };
    let warm = |index| {
        let name = format!("warm_{index}");
        broken(&name, AlertSeverity::Info, Duration::ZERO)
    };
    Alerts::none()
        .interval(Duration::from_secs(3_600))
        .rules((0..3).map(patient))
        .rules((0..1_002).map(warm))
        .rule(broken("too_hot", AlertSeverity::Critical, Duration::ZERO))
}

/// How many there are, and the first and the last one.
fn ends(list: &Value) -> (usize, &str, &str) {
    let all = list.as_array().unwrap();
    let [first, last] = [0, all.len() - 1].map(|index| all[index]["name"].as_str().unwrap());
    (all.len(), first, last)
}

#[tokio::test]
async fn of_too_many_alerts_the_most_urgent_are_shown_and_the_others_counted() {
    let served = Served::start(with_token().alerts(alerts())).await;
    let evaluated = served.post("/evaluate", "").await.json();
    assert_eq!(evaluated["triggered_alerts_count"], 1_003);
    let most = (1_000, "too_hot", "warm_998");
    assert_eq!(ends(&evaluated["triggered_alerts"]), most);

    let status = served.json("/status").await;
    assert_eq!(
        (
            &status["active_alerts_count"],
            &status["pending_alerts_count"]
        ),
        (&json!(1_003), &json!(3))
    );
    assert_eq!(ends(&status["active_alerts"]), most);

    for (path, count, shown) in [
        ("/alerts/active", "1003", most),
        ("/alerts/active?state=all", "1006", most),
        (
            "/alerts/active?state=pending",
            "3",
            (3, "patient_0", "patient_2"),
        ),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = served.ask(method, path).await;
            assert_eq!(answer.header("x-total-count"), Some(count), "{path}");
        }
        assert_eq!(ends(&served.json(path).await), shown, "{path}");
    }
    let history = served.ask("GET", "/alerts").await;
    assert_eq!(
        history.header("x-total-count"),
        Some("1000"),
        "no more are kept"
    );
    let none = served.ask("GET", "/alerts/active?state=error").await;
    assert_eq!(none.header("x-total-count"), Some("0"));

    let section = &served.json("/console.json").await["alerts"];
    assert_eq!(ends(&section["alerts"]), most);
    assert_eq!(section["left_out"], json!({ "firing": 3, "pending": 3 }));
}
