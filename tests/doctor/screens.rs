//! What `status`, `alerts`, `silence` and `ack` show and do.

use std::time::Duration;

use serde_json::{Value, json};
use tower_vitals::{
    Deployment, Release,
    alerts::{AlertSeverity, Alerts, Rule, Signal, SignalUnit},
    health::{Check, Health, Role},
};

use crate::served::{BASE, Served, TOKEN, stack, vitals};

/// Rules that are broken, or not, whatever the service does.
fn alerts(severity: AlertSeverity) -> Alerts {
    let rule = |name: &str| {
        Rule::new(name, Signal::requests_per_second())
            .below(1e9)
            .pending_for(Duration::ZERO)
    };
    Alerts::none()
        .interval(Duration::from_secs(3_600))
        .rule(rule("quiet").severity(severity))
        .rule(rule("patient").pending_for(Duration::from_secs(3_600)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_is_one_screen_and_its_exit_code_follows_critical_alerts() {
    for (severity, code) in [(AlertSeverity::Warning, 0), (AlertSeverity::Critical, 1)] {
        let builder = stack()
            .service_name("shop")
            .release(Release::new("1.4.2").environment("staging"))
            .alerts(alerts(severity));
        let served = Served::start(builder).await;
        served
            .vitals
            .record_deployment(&Deployment::new("1.4.2").by("ada"));
        served.get("/orders/7").await;
        // In its first millisecond a service has no number a second.
        while served.vitals.alerts().evaluate().is_empty() {
            tokio::task::yield_now().await;
        }
        let ran = served.vitals(&["status"]).await;
        assert_eq!(ran.code, code, "{ran:?}");
        ran.says("service      shop");
        ran.says("release      1.4.2 in staging");
        ran.says("errors       0.0 %");
        ran.says("health       -");
        ran.says("alerts       1 firing, 1 pending, 0 silences");
        for words in [
            "deployed     1.4.2",
            "ago, by ada",
            "requests",
            "/s",
            "p50 p95 p99",
            "quiet",
        ] {
            assert!(ran.out.contains(words), "{words}: {ran:?}");
        }
        let json = served.json(&["status"]).await;
        assert_eq!(json["alerts_firing"], 1);
        assert_eq!(json["alerts_pending"], 1);
        assert_eq!(json["deployment"]["version"], "1.4.2");
        assert_eq!(json["firing"][0]["name"], "quiet");
        assert!(
            json["p95_ms"].is_number() && json["requests_per_second"].is_number(),
            "{json}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_names_the_worst_check_and_is_one_if_the_service_is_unhealthy() {
    let answer = |up: bool| move || async move { if up { Ok(()) } else { Err("down") } };
    for (database, code, line) in [
        (true, 0, "health       degraded: cache is unhealthy"),
        (false, 1, "health       unhealthy: database is unhealthy"),
    ] {
        let health = Health::builder()
            .check(Check::new("cache", answer(!database)).role(Role::Optional))
            .check(Check::new("database", answer(database)))
            .start()
            .unwrap();
        while health.reports().iter().any(|check| check.age.is_none()) {
            tokio::task::yield_now().await;
        }
        let served = Served::start(stack().health(health.service())).await;
        let ran = served.vitals(&["status"]).await;
        assert_eq!(ran.code, code, "{ran:?}");
        ran.says(line);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_are_shown_silenced_acknowledged_and_shown_again() {
    let served = Served::start(stack().alerts(alerts(AlertSeverity::Warning))).await;
    let none = served.vitals(&["alerts"]).await;
    assert_eq!(none.code, 0, "{none:?}");
    assert_eq!(
        none.out,
        "no alert is active\n\nno alert fired in this time\n"
    );
    served.vitals.alerts().evaluate();
    let ran = served.vitals(&["alerts", "--hours", "1"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out
            .starts_with("STATE    SEVERITY  ALERT    LABELS  SINCE"),
        "{ran:?}"
    );
    for words in ["firing", "pending", "quiet", "patient", "BEGAN", "fires"] {
        assert!(ran.out.contains(words), "{words}: {ran:?}");
    }
    let json = served.json(&["alerts"]).await;
    let fingerprint = json["active"][0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(json["history"][0]["name"], "quiet");

    let silenced = [
        "silence",
        "quiet",
        "--for",
        "30m",
        "--label",
        "endpoint=/orders",
        "--by",
        "ada",
        "--comment",
        "an import",
    ];
    let ran = served.vitals(&silenced).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.starts_with("✓ silence 1 of quiet until 20"),
        "{ran:?}"
    );
    let silence = served.vitals.alerts().silences().remove(0);
    let labels: Value = serde_json::to_value(&silence.labels).unwrap();
    assert_eq!(labels, json!({ "alert": "quiet", "endpoint": "/orders" }));
    assert_eq!(
        (silence.by.as_str(), silence.comment.as_str()),
        ("ada", "an import")
    );
    let ran = served.vitals(&["silence", "--end", "1"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "✓ silence 1 has ended\n"),
        "{ran:?}"
    );
    assert!(served.vitals.alerts().silences().is_empty());

    let ran = served.vitals(&["ack", &fingerprint, "--by", "ada"]).await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "✓ quiet is acknowledged by ada\n"),
        "{ran:?}"
    );
    let json = served.json(&["alerts"]).await;
    assert_eq!(json["active"][0]["acknowledged_by"], "ada");

    // The service refuses.
    for refused in [
        &["silence", "--end", "7"][..],
        &["silence", "quite"],
        &["silence", "quiet", "--for", "40d"],
        &["silence", "quiet", "--for", "soon"],
        &["ack", "0000000000000000"],
    ] {
        let ran = served.vitals(refused).await;
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (1, ""),
            "{refused:?}: {ran:?}"
        );
        assert!(ran.err.starts_with("✗ "), "{ran:?}");
    }
    // The arguments are wrong.
    for wrong in [
        &["silence"][..],
        &["silence", "quiet", "--end", "1"],
        &["silence", "quiet", "--label", "x"],
        &["alerts", "--hours", "0"],
        &["alerts", "--hours", "169"],
        &["ack"],
        &["ack", "../evaluate"],
        &["status", "--format", "xml"],
    ] {
        assert_eq!(served.vitals(wrong).await.code, 2, "{wrong:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_answer_each_command_exits_with_two() {
    let served = Served::start(stack()).await;
    let (url, nobody) = (served.url(BASE), "http://127.0.0.1:1/m".to_owned());
    for command in [&["status"][..], &["alerts"]] {
        for (url, token) in [(&url, "wrong"), (&nobody, TOKEN)] {
            let environment = [
                ("MONITORING_URL", url.as_str()),
                ("MONITORING_TOKEN", token),
            ];
            let ran = vitals(command, &environment).await;
            assert_eq!(
                (ran.code, ran.out.as_str()),
                (2, ""),
                "{command:?}: {ran:?}"
            );
        }
    }
    let ran = vitals(&["silence", "quiet"], &[("MONITORING_URL", &nobody)]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
}

/// 1,000 that are good to know, and a critical one after them.
fn many_alerts() -> Alerts {
    let rule = |name: String| {
        let signal = Signal::asked("asked", SignalUnit::Count, || Some(2.0));
        Rule::new(name, signal)
            .above(1.0)
            .pending_for(Duration::ZERO)
    };
    let info = |index| rule(format!("warm_{index}")).severity(AlertSeverity::Info);
    Alerts::none()
        .interval(Duration::from_secs(3_600))
        .rules((0..1_000).map(info))
        .rule(rule("too_hot".to_owned()).severity(AlertSeverity::Critical))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_critical_alert_behind_a_thousand_others_is_seen() {
    let served = Served::start(stack().alerts(many_alerts())).await;
    served.vitals.alerts().evaluate();
    let ran = served.vitals(&["status"]).await;
    assert_eq!(ran.code, 1, "{:?}", ran.err);
    ran.says("alerts       1001 firing, 0 pending, 0 silences");
    assert!(
        ran.out.contains("Alert: too_hot"),
        "the critical one is told"
    );
    assert!(ran.out.lines().any(|line| line.trim() == "and 1 more"));
    let json = served.json(&["status"]).await;
    assert_eq!(json["alerts_firing"], 1_001);
    let ran = served.vitals(&["alerts"]).await;
    assert_eq!(ran.code, 1, "{:?}", ran.err);
    let mut lines = ran.out.lines();
    assert!(lines.nth(1).unwrap().contains("too_hot"));
    assert!(lines.any(|line| line == "and 1 more"));
    let json = served.json(&["alerts"]).await;
    assert_eq!(
        (&json["active_left_out"], &json["history_left_out"]),
        (&json!(1), &json!(0))
    );
}
