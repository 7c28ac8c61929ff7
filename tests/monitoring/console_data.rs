//! What the console is told.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tower_vitals::{
    Deployment,
    alerts::{AlertSeverity, Alerts, NewSilence},
    health::{Health, Role, Status},
    monitoring::{Access, Monitoring},
    notify::{Notification, Notifier, Notifiers, NotifyError, Routes},
    timing::SeverityBands,
};

use crate::{
    firing::Broken,
    served::{Served, TOKEN, ask, bearer, with, with_token},
};

/// Everything that a page could take for something else than text.
const HOSTILE: &str =
    "</script><img src=x onerror=alert(1)> \"q\" 'a' & \\ \u{202e}gnp\u{2066} \u{1f600}";

const SECTIONS: [&str; 15] = [
    "service",
    "now",
    "stuck",
    "hour",
    "endpoints",
    "errors",
    "failures",
    "health",
    "alerts",
    "history",
    "silences",
    "deployments",
    "instances",
    "notifiers",
    "inside",
];

fn sections(answer: &Value) -> Vec<&str> {
    let keys = answer.as_object().unwrap().keys().map(String::as_str);
    keys.filter(|key| SECTIONS.contains(key)).collect()
}

/// The rows of a table, as objects.
fn rows(table: &Value) -> Vec<Value> {
    let columns = table["columns"].as_array().unwrap();
    let row = |row: &Value| {
        let names = columns.iter().map(|name| name.as_str().unwrap().to_owned());
        let values = row.as_array().unwrap();
        assert_eq!(values.len(), columns.len());
        Value::Object(names.zip(values.iter().cloned()).collect())
    };
    table["rows"].as_array().unwrap().iter().map(row).collect()
}

fn sum(list: &Value) -> f64 {
    let numbers = list.as_array().unwrap().iter();
    numbers.filter_map(Value::as_f64).sum()
}

/// Asks until the console says what is expected. It is drawn once a second at most.
async fn until(served: &Served, expected: impl Fn(&Value) -> bool) -> Value {
    let asked = async {
        loop {
            let shown = served.json("/console.json").await;
            if expected(&shown) {
                return shown;
            }
        }
    };
    let shown = tokio::time::timeout(Duration::from_secs(30), asked).await;
    shown.unwrap()
}

#[tokio::test]
async fn numbers_on_the_console_are_those_of_the_api_and_the_metrics_after_a_known_load() {
    let served = Served::start(with_token()).await;
    for (path, many) in [("/orders/1", 12), ("/broken/2", 3), ("/nothing", 2)] {
        for _ in 0..many {
            ask(served.address, "GET", path, &[], "").await;
        }
    }
    let shown = served.json("/console.json").await;
    assert_eq!(sections(&shown).len(), SECTIONS.len(), "{shown}");
    assert_eq!(shown["whole"], true);
    let endpoints = served.json("/endpoints?window=5m").await;
    let total = &endpoints["total"];
    let now = &shown["now"];
    for key in [
        "requests",
        "errors",
        "error_rate",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "max_ms",
        "severities",
    ] {
        assert_eq!(now[key], total[key], "{key}");
    }
    assert_eq!((&now["requests"], &now["errors"]), (&json!(17), &json!(3)));
    assert_eq!(now["in_flight"], 0);
    let shown_rows = rows(&shown["endpoints"]);
    let all = endpoints["endpoints"].as_array().unwrap();
    assert_eq!((shown_rows.len(), all.len()), (3, 3));
    for (row, endpoint) in shown_rows.iter().zip(all) {
        for key in [
            "method",
            "endpoint",
            "requests",
            "errors",
            "client_errors",
            "error_rate",
            "mean_ms",
            "p50_ms",
            "p95_ms",
            "p99_ms",
            "max_ms",
            "total_ms",
        ] {
            assert_eq!(row[key], endpoint[key], "{key}");
        }
        for severity in ["normal", "slow", "warning", "critical"] {
            assert_eq!(row[severity], endpoint["severities"][severity]);
        }
        assert_eq!(sum(&row["trend"]), row["requests"].as_f64().unwrap());
        assert_eq!(row["trend"].as_array().unwrap().len(), 12);
    }
    let errors = served.json("/errors?window=5m").await;
    assert_eq!(shown["errors"]["errors"], errors["errors"]);
    let categories = &shown["errors"]["hour"]["categories"];
    for (category, count) in errors["by_category"].as_object().unwrap() {
        assert_eq!(
            sum(&categories[category]),
            count.as_f64().unwrap(),
            "{category}"
        );
    }
    let hour = &shown["hour"];
    let bands = ["normal", "slow", "warning", "critical"];
    assert_eq!(bands.map(|band| sum(&hour[band])).iter().sum::<f64>(), 17.0);
    for key in [
        "requests_per_second",
        "error_rate",
        "p95_ms",
        "in_flight",
        "normal",
    ] {
        let series = hour[key].as_array().unwrap();
        assert_eq!(
            (series.len(), &series[0]),
            (60, &Value::Null),
            "{key}: a gap is none"
        );
    }
    let counters = served.json("/metrics").await["counters"].take();
    assert_eq!(counters["http_requests_total"], 17);
    assert_eq!(shown["failures"]["total"], 3);
    for failure in shown["failures"]["failures"].as_array().unwrap() {
        assert_eq!(failure["endpoint"], "/broken/{id}");
        assert_eq!(
            (&failure["status"], &failure["method"]),
            (&json!(500), &json!("GET"))
        );
        assert!(
            failure["request_id"]
                .as_str()
                .is_some_and(|id| !id.is_empty())
        );
    }
    for (window, steps) in [("15m", 15), ("1h", 60), ("24h", 48)] {
        let path = "/console/endpoint.json?method=GET&endpoint=%2Forders%2F%7Bid%7D&window=";
        let one = served.json(&format!("{path}{window}")).await;
        // Since the last tick, what was counted is as new as the question.
        let [mut of_one, mut of_all] = [one["total"].clone(), all[0].clone()];
        for total in [&mut of_one, &mut of_all] {
            total["last_updated"].take();
        }
        assert_eq!(of_one, of_all, "{window}");
        let bands = ["normal", "slow", "warning", "critical"];
        let requests: f64 = bands.iter().map(|band| sum(&one[*band])).sum();
        assert_eq!(requests, 12.0, "{window}");
        assert_eq!(one["p95_ms"].as_array().unwrap().len(), steps, "{window}");
    }
    let none = "/console/endpoint.json?method=PUT&endpoint=%2Forders%2F%7Bid%7D";
    assert_eq!(served.json(none).await["total"], Value::Null);
    for wrong in ["", "?method=GET", "?method=GET&endpoint=x&window=2h"] {
        let path = format!("/console/endpoint.json{wrong}");
        assert_eq!(served.ask("GET", &path).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn a_page_that_was_open_before_is_sent_what_changed_since() {
    let broken = Broken::default();
    let served = Served::start(with_token().alerts(broken.alerts())).await;
    let first = served.json("/console.json").await;
    let cursor = first["cursor"].as_str().unwrap().to_owned();
    assert_eq!(first["alerts"]["rules"][0]["state"], "inactive");
    broken.set(true);
    assert_eq!(served.post("/evaluate", "").await.status, 200);
    let fires = |shown: &Value| shown["alerts"]["rules"][0]["state"] == "firing";
    until(&served, fires).await;
    let changed = served.json(&format!("/console.json?since={cursor}")).await;
    assert_eq!(changed["whole"], false);
    let alert = &changed["alerts"]["alerts"][0];
    assert_eq!(
        (&alert["name"], &alert["metric_value"]),
        (&json!("too_hot"), &json!(6.5))
    );
    let rule = &changed["alerts"]["rules"][0];
    assert_eq!(
        (&rule["value"], &rule["threshold"]),
        (&json!(6.5), &json!(5.0))
    );
    assert_eq!(
        (&rule["firing"], &rule["unit"]),
        (&json!(1), &json!("count"))
    );
    assert_eq!(
        changed["history"]["history"][0]["fingerprint"],
        alert["fingerprint"]
    );
    for same in ["service", "stuck", "failures", "silences", "notifiers"] {
        assert_eq!(changed.get(same), None, "{same} did not change");
    }
}

#[tokio::test]
async fn who_has_seen_all_is_told_so_without_a_body() {
    let served = Served::start(with_token()).await;
    // A minute can end between two questions, and then the hour is another one.
    for _ in 0..5 {
        let first = served.ask("GET", "/console.json").await;
        let tag = first.header("etag").unwrap().to_owned();
        assert_eq!(first.header("cache-control"), Some("no-store"));
        let cursor = first.json()["cursor"].as_str().unwrap().to_owned();
        let path = format!("/console.json?since={cursor}");
        let known = [bearer(TOKEN), ("if-none-match", tag.clone())];
        let again = served.ask_with("GET", &path, &known, "").await;
        if again.status == 200 {
            continue;
        }
        assert_eq!((again.status, &*again.body), (304, ""));
        assert_eq!(again.header("etag"), Some(&*tag));
        let stranger = served.ask_with("GET", &path, &known[1..], "").await;
        assert_eq!(stranger.status, 401, "a tag is no token");
        return;
    }
    panic!("a quiet service changes all the time");
}

#[tokio::test]
async fn hostile_names_come_as_the_texts_that_they_are() {
    let served = Served::start(with_token()).await;
    let hostile: &'static str = Box::leak(format!("/{HOSTILE}").into_boxed_str());
    let took = Duration::from_millis(1);
    let metrics = served.vitals.metrics();
    metrics.record_request(&Method::GET, hostile, StatusCode::OK, took);
    let told = Deployment::new(HOSTILE).by(HOSTILE).changes(HOSTILE);
    served.vitals.record_deployment(&told);
    let silence = NewSilence::of(Duration::from_secs(60)).label("alert", HOSTILE);
    let silence = silence.by(HOSTILE).comment("x".repeat(900));
    served.vitals.alerts().silence(silence).unwrap();
    let answer = served.ask("GET", "/console.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let shown = answer.json();
    assert_eq!(rows(&shown["endpoints"])[0]["endpoint"], *hostile);
    let deployed = &shown["deployments"]["deployments"][0];
    for key in ["version", "by", "changes"] {
        assert_eq!(deployed[key], HOSTILE, "{key}");
    }
    let silence = &shown["silences"]["silences"][0];
    assert_eq!(
        (&silence["by"], &silence["labels"]["alert"]),
        (&json!(HOSTILE), &json!(HOSTILE))
    );
    let query: String = hostile.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/console/endpoint.json?method=GET&endpoint={query}");
    assert_eq!(served.json(&path).await["total"]["endpoint"], *hostile);
}

#[tokio::test]
async fn two_thousand_endpoints_are_less_than_a_megabyte() {
    let served = Served::start(with_token().endpoint_cap(2_100)).await;
    for number in 0..2_050 {
        let name = format!("/api/v1/tenants/{{tenant}}/things/{number}/{{id}}");
        let endpoint: &'static str = Box::leak(name.into_boxed_str());
        for millis in [1, 17, 133, 2_300] {
            let took = Duration::from_millis(millis);
            let metrics = served.vitals.metrics();
            metrics.record_request(&Method::GET, endpoint, StatusCode::OK, took);
        }
    }
    let answer = served.ask("GET", "/console.json").await;
    let length = answer.body.len();
    assert!(length < 1_000_000, "{length} bytes");
    let shown = answer.json();
    assert_eq!(shown["endpoints"]["endpoints_count"], 2_050);
    assert_eq!(shown["endpoints"]["rows"].as_array().unwrap().len(), 2_000);
    println!("{length} bytes");
}

#[tokio::test]
async fn checks_have_their_past_and_their_errors_only_where_details_are_allowed() {
    let token = || Monitoring::new(Access::Token(TOKEN.to_owned()));
    for (monitoring, shows) in [(token(), false), (token().check_errors(), true)] {
        let health = Health::builder().manual("worker", Role::Critical);
        let health = health.start().unwrap();
        let served = Served::start(with(monitoring).health(health.service())).await;
        health.set("worker", Status::Healthy, None);
        health.set("worker", Status::Unhealthy, Some("sentinel of a check"));
        health.set("worker", Status::Healthy, None);
        health.set("worker", Status::Degraded, Some("sentinel of a check"));
        let shown = served.json("/console.json").await["health"].take();
        assert_eq!(
            (&shown["status"], &shown["errors_shown"]),
            (&json!("degraded"), &json!(shows))
        );
        let check = &shown["checks"][0];
        let error = if shows {
            json!("sentinel of a check")
        } else {
            Value::Null
        };
        assert_eq!(
            (&check["name"], &check["error"]),
            (&json!("worker"), &error)
        );
        let statuses = check["strip"]["statuses"].as_array().unwrap();
        assert_eq!((statuses.len(), &statuses[0]), (60, &Value::Null));
        assert_eq!(statuses[59], "unhealthy", "the worst of the minute");
        for key in ["last_change", "answered_at"] {
            assert!(check[key].is_string(), "{key}: {check}");
        }
    }
}

#[tokio::test]
async fn the_text_of_an_error_is_for_those_who_may_read_it() {
    let token = Access::Token(TOKEN.to_owned());
    for (access, cause) in [
        (token, json!("password=[Filtered] of the cause")),
        (Access::Public, Value::Null),
    ] {
        let served = Served::start(with(Monitoring::new(access))).await;
        ask(served.address, "GET", "/fails?sentinel=1", &[], "").await;
        let shown = served.json("/console.json").await;
        let failure = &shown["failures"]["failures"][0];
        assert_eq!(
            (&failure["endpoint"], &failure["cause"]),
            (&json!("/fails"), &cause)
        );
        assert!(!shown.to_string().contains("sentinel"), "{shown}");
    }
}

/// Refuses what it is to tell, or takes it.
struct Takes(&'static str, bool);

impl Notifier for Takes {
    fn name(&self) -> &str {
        self.0
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        let text = "sentinel of an error".to_owned();
        if self.1 {
            Ok(())
        } else {
            Err(NotifyError::Refused { text })
        }
    }
}

#[tokio::test]
async fn the_console_says_whether_people_are_told() {
    let routes = Routes::new().severity(AlertSeverity::Info, ["good", "bad"]);
    let notifiers = Notifiers::new().notifier(Takes("good", true));
    let notifiers = notifiers.notifier(Takes("bad", false)).routes(routes);
    let served = Served::start(with_token().alerts(Alerts::none()).notifiers(notifiers)).await;
    let told = served
        .vitals
        .notify(AlertSeverity::Info, "a title", "a text");
    assert_eq!(told, 2);
    let ended = |shown: &Value| {
        let all = shown["notifiers"]["notifiers"].as_array().unwrap();
        all.iter().all(|one| one["waiting"] == 0)
    };
    let shown = until(&served, ended).await;
    let [good, bad] = &shown["notifiers"]["notifiers"].as_array().unwrap()[..] else {
        panic!("{shown}");
    };
    assert_eq!((&good["name"], &good["sent"]), (&json!("good"), &json!(1)));
    assert!(good["last_sent_at"].is_string() && good["last_failure"].is_null());
    assert_eq!(
        (&bad["refused"], &bad["last_failure"]),
        (&json!(1), &json!("refused"))
    );
    assert!(
        !shown.to_string().contains("sentinel"),
        "an error has no text"
    );
}

#[tokio::test]
async fn a_request_that_hangs_is_on_the_console() {
    let ms = Duration::from_millis;
    let bands = SeverityBands::new(ms(1), ms(2), ms(3)).unwrap();
    let quiet = Served::start(with_token()).await;
    assert_eq!(quiet.json("/console.json").await["stuck"]["watched"], false);
    let served = Served::start(with_token().bands(bands).log_stuck()).await;
    let address = served.address;
    let hangs = tokio::spawn(async move { ask(address, "GET", "/hangs", &[], "").await });
    let shown = until(&served, |shown| shown["stuck"]["count"] == 1).await;
    let stuck = &shown["stuck"];
    assert_eq!(stuck["watched"], true);
    assert_eq!(stuck["requests"][0]["endpoint"], "/hangs");
    assert!(stuck["requests"][0]["since"].is_string());
    assert_eq!(shown["now"]["in_flight"], 1);
    hangs.abort();
}
