//! What POST changes, and that nothing else changes anything.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_vitals::{
    alerts::{Alerts, Rule, Signal, SignalUnit},
    monitoring::{Access, Monitoring},
};

use crate::{
    firing::Broken,
    served::{BASE, Served, TOKEN, bearer, with, with_token},
};

#[tokio::test]
async fn get_changes_nothing() {
    let broken = Broken::default();
    broken.set(true);
    let served = Served::start(with_token().alerts(broken.alerts())).await;
    let alerts = served.vitals.alerts();
    for path in [
        "/metrics",
        "/status",
        "/alerts",
        "/alerts/active",
        "/silences",
        "/endpoints",
        "/errors",
        "/deployments",
        "/health",
        "/console.json",
        "/console/endpoint.json?method=GET&endpoint=x",
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(
                served.ask(method, path).await.status,
                200,
                "{method} {path}"
            );
        }
    }
    for path in [
        "/evaluate",
        "/silences/1/end",
        "/alerts/f85a8fde4ff0f4c0/ack",
        "/silences?labels=a&lasts=30m",
        "/deployments?version=1",
    ] {
        for method in ["GET", "HEAD"] {
            let status = served.ask(method, path).await.status;
            assert!(matches!(status, 400 | 405), "{method} {path}: {status}");
        }
    }
    assert_eq!(alerts.last_evaluation(), None, "nothing was evaluated");
    assert!(alerts.silences().is_empty());
    let deployments = served.vitals.statistics().deployments();
    assert!(deployments.deployments.is_empty());
}

#[tokio::test]
async fn a_silence_begins_is_listed_and_ends() {
    let broken = Broken::default();
    let served = Served::start(with_token().alerts(broken.alerts())).await;
    let body = r#"{"labels":{"alert":"too_hot"},"lasts":"30m","by":"ada","comment":"an import"}"#;
    let made = served.post("/silences", body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(
        (&made["by"], &made["comment"]),
        (&json!("ada"), &json!("an import"))
    );
    assert_eq!(made["labels"], json!({ "alert": "too_hot" }));
    assert_eq!(served.json("/silences").await, json!([made]));
    assert_eq!(served.json("/status").await["silences_count"], 1);
    let silences = served.vitals.alerts().silences();
    let lasts = silences[0].until().since_1970() - silences[0].from().since_1970();
    assert_eq!(lasts, Duration::from_secs(1_800));
    let end = format!("/silences/{}/end", made["id"]);
    let ended = served.post(&end, "").await;
    assert_eq!(
        (ended.status, ended.json()["ended"].clone()),
        (200, json!(true))
    );
    assert_eq!(served.post(&end, "").await.status, 404, "it has ended");
    assert_eq!(served.json("/silences").await, json!([]));
}

#[tokio::test]
async fn a_silence_lasts_as_long_or_until_when_it_is_asked_for() {
    let served = Served::start(with_token()).await;
    let body = |time: &str| format!(r#"{{"labels":{{"endpoint":"/a"}},{time},"by":"ada"}}"#);
    for (time, seconds) in [
        (r#""lasts":90"#, 90),
        (r#""lasts":"90""#, 90),
        (r#""lasts":"36h""#, 129_600),
        (r#""lasts":"1d""#, 86_400),
    ] {
        assert_eq!(
            served.post("/silences", &body(time)).await.status,
            201,
            "{time}"
        );
        let silence = served.vitals.alerts().silences().pop().unwrap();
        let lasts = silence.until().since_1970() - silence.from().since_1970();
        assert_eq!(lasts, Duration::from_secs(seconds), "{time}");
    }
    let now = served.json("/status").await["timestamp"]
        .as_str()
        .unwrap()
        .to_owned();
    let tomorrow = humantime::parse_rfc3339(&now).unwrap() + Duration::from_secs(86_400);
    let tomorrow = humantime::format_rfc3339_millis(tomorrow).to_string();
    let until = served
        .post("/silences", &body(&format!(r#""ends":"{tomorrow}""#)))
        .await;
    let shown = until.json()["until"].as_str().unwrap().to_owned();
    let off = humantime::parse_rfc3339(&shown).unwrap();
    let off = off.duration_since(humantime::parse_rfc3339(&tomorrow).unwrap());
    assert!(
        off.unwrap_or_default() < Duration::from_secs(60),
        "{shown} {tomorrow}"
    );
    let past = served
        .post("/silences", &body(r#""ends":"2020-01-01T00:00:00Z""#))
        .await;
    assert_eq!(
        (past.status, past.error()),
        (409, "ends: that time has passed".to_owned())
    );
    let far = served
        .post("/silences", &body(r#""ends":"2999-01-01T00:00:00Z""#))
        .await;
    assert_eq!(
        (far.status, far.error()),
        (409, "ends: expected at most 30 days from now".to_owned())
    );
}

#[tokio::test]
async fn an_alert_that_fires_is_acknowledged_by_its_fingerprint() {
    let broken = Broken::default();
    broken.set(true);
    let served = Served::start(with_token().alerts(broken.alerts())).await;
    let evaluated = served.post("/evaluate", "").await.json();
    let fingerprint = evaluated["triggered_alerts"][0]["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    let ack = format!("/alerts/{fingerprint}/ack");
    let noted = served.post(&ack, r#"{"by":"ada"}"#).await;
    assert_eq!(
        (noted.status, noted.json()["acknowledged_by"].clone()),
        (200, json!("ada"))
    );
    assert_eq!(
        served.json("/status").await["active_alerts"][0]["acknowledged_by"],
        "ada"
    );
    for other in ["0000000000000000", "x", "%2e%2e"] {
        let none = served
            .post(&format!("/alerts/{other}/ack"), r#"{"by":"ada"}"#)
            .await;
        assert_eq!(none.status, 404, "{other}");
    }
}

#[tokio::test]
async fn a_silence_that_no_alert_can_fit_is_refused() {
    let broken = Broken::default();
    let served = Served::start(with_token().alerts(broken.alerts())).await;
    broken.set(true);
    let fingerprint = served.vitals.alerts().evaluate()[0].fingerprint.to_string();
    let asked = async |name: &str, value: &str| {
        let labels = json!({ name: value });
        let body = json!({ "labels": labels, "lasts": 60, "by": "ada" }).to_string();
        served.post("/silences", &body).await
    };
    for (name, value, expected) in [
        ("alert", "too_hto", "expected the name of a rule"),
        ("alert", "", "expected the name of a rule"),
        ("severity", "fatal", "expected info, warning or critical"),
        ("severity", "Critical", "expected info, warning or critical"),
        ("fingerprint", "1f2e", "expected 16 hexadecimal digits"),
    ] {
        let answer = asked(name, value).await;
        assert_eq!(answer.status, 400, "{name}={value}: {answer:?}");
        let wrong = format!("labels.{name}: invalid value \"{value}\": {expected}");
        assert_eq!(answer.error(), wrong);
    }
    assert!(served.vitals.alerts().silences().is_empty());
    for (name, value) in [
        ("alert", "too_hot"),
        ("severity", "critical"),
        ("fingerprint", &fingerprint),
        // A gauge of the application can have it.
        ("anything", "else"),
    ] {
        let answer = asked(name, value).await;
        assert_eq!(answer.status, 201, "{name}={value}: {answer:?}");
    }
}

#[tokio::test]
async fn a_bad_body_is_refused_with_a_sentence_and_changes_nothing() {
    let served = Served::start(with_token()).await;
    let long = "ä".repeat(251);
    let long_by = format!(r#"{{"labels":{{"a":"b"}},"lasts":1,"by":"{long}"}}"#);
    let long_label = format!(r#"{{"labels":{{"a":"{long}"}},"lasts":1,"by":"a"}}"#);
    for (path, body, word) in [
        ("/silences", "", "labels"),
        ("/silences", "{", "body"),
        ("/silences", "[]", "object"),
        ("/silences", r#"[{"a":"b"},1,null,"a",""]"#, "object"),
        ("/silences", "null", "object"),
        ("/silences", "\u{feff}{}", "object"),
        ("/silences", r#"{"labels":{},"lasts":1,"by":"a"}"#, "labels"),
        (
            "/silences",
            r#"{"labels":{"a":1},"lasts":1,"by":"a"}"#,
            "string",
        ),
        ("/silences", r#"{"labels":{"a":"b"},"by":"a"}"#, "lasts"),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":1,"ends":"2999-01-01T00:00:00Z","by":"a"}"#,
            "either",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":0,"by":"a"}"#,
            "lasts",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":-1,"by":"a"}"#,
            "lasts",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":1e300,"by":"a"}"#,
            "lasts",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":"31d","by":"a"}"#,
            "30 days",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":"soon","by":"a"}"#,
            "soon",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":[1],"by":"a"}"#,
            "lasts",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"ends":"tomorrow","by":"a"}"#,
            "tomorrow",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":1,"by":" "}"#,
            "by",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":1,"by":"a\nb"}"#,
            "by",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":1,"by":"a","for":"b"}"#,
            "for",
        ),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":1,"by":"a","by":"b"}"#,
            "by",
        ),
        ("/silences", &long_by, "by: at most 250"),
        ("/silences", &long_label, "labels: at most 250"),
        ("/deployments", r#"{"version":"1","by":null}"#, "null"),
        (
            "/silences",
            r#"{"labels":{"a":"b"},"lasts":0.5,"by":"a"}"#,
            "lasts",
        ),
        ("/deployments", "{}", "version"),
        ("/deployments", r#"{"version":""}"#, "version"),
        ("/deployments", r#"{"version":"1\u0000"}"#, "version"),
        ("/deployments", r#"{"version":1}"#, "string"),
        ("/evaluate", r#"{"all":true}"#, "all"),
        ("/evaluate", "[]", "object"),
    ] {
        let answer = served.post(path, body).await;
        assert_eq!(answer.status, 400, "{path} {body}: {answer:?}");
        assert!(
            answer.error().contains(word),
            "{path} {body}: {}",
            answer.error()
        );
        assert!(answer.error().len() < 600, "{}", answer.error());
    }
    let alerts = served.vitals.alerts();
    assert!(alerts.silences().is_empty());
    assert_eq!(alerts.last_evaluation(), None);
    let query = served.post("/evaluate?force=1", "").await;
    assert_eq!(query.status, 400, "POST takes no parameters");
}

#[tokio::test]
async fn a_body_is_json_by_its_content_type_and_has_a_size() {
    let served = Served::start(with_token()).await;
    let body = r#"{"version":"1"}"#;
    for (kinds, status) in [
        (&["application/json"][..], 201),
        (&["Application/JSON; charset=utf-8"], 201),
        (&[], 415),
        (&["text/plain"], 415),
        (&["application/x-www-form-urlencoded"], 415),
        (&["application/json-patch+json"], 415),
        (&["application/json", "application/json"], 415),
    ] {
        let kinds = kinds
            .iter()
            .map(|kind| ("content-type", (*kind).to_owned()));
        let headers: Vec<_> = [bearer(TOKEN)].into_iter().chain(kinds).collect();
        let answer = served
            .ask_with("POST", "/deployments", &headers, body)
            .await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let of_size = |size: usize| format!(r#"{{"version":"1"{}}}"#, " ".repeat(size - 15));
    assert_eq!(
        served.post("/deployments", &of_size(64 << 10)).await.status,
        201
    );
    assert_eq!(
        served
            .post("/deployments", &of_size((64 << 10) + 1))
            .await
            .status,
        413
    );
    // A length that is declared is not waited for, and one that is not is counted.
    let declared = ("content-length", "999999999999".to_owned());
    let headers = [bearer(TOKEN), declared];
    assert_eq!(
        served
            .ask_with("POST", "/deployments", &headers, "")
            .await
            .status,
        413
    );
}

/// A POST of the token with a body of any kind, past every socket.
fn post(path: &str, body: Body) -> Request<Body> {
    let (name, value) = bearer(TOKEN);
    Request::post(format!("{BASE}{path}"))
        .header(name, value)
        .header("content-type", "application/json")
        .body(body)
        .unwrap()
}

async fn told(response: http::Response<http_body_util::Full<Bytes>>) -> (StatusCode, Value) {
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_hangs_or_never_ends_is_given_up() {
    let vitals = with_token().build().unwrap();
    let service = vitals.monitoring().unwrap();
    let hanging = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    let hanging = Body::from_stream(hanging.chain(stream::pending()));
    let asked = service.clone().oneshot(post("/deployments", hanging));
    let (status, error) = told(asked.await.unwrap()).await;
    assert_eq!(status, 408);
    assert_eq!(error["error"], "the body did not come within 10 seconds");
    let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(b"        ")));
    let asked = service
        .clone()
        .oneshot(post("/deployments", Body::from_stream(endless)));
    assert_eq!(told(asked.await.unwrap()).await.0, 413);
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("sentinel"))]);
    let asked = service.oneshot(post("/deployments", Body::from_stream(broken)));
    let (status, error) = told(asked.await.unwrap()).await;
    assert_eq!(
        (status, &error["error"]),
        (
            StatusCode::BAD_REQUEST,
            &json!("the body could not be read")
        )
    );
}

/// An evaluation that waits until the sender is dropped.
fn slow() -> (
    Alerts,
    std::sync::mpsc::Sender<()>,
    std::sync::mpsc::Receiver<()>,
) {
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel();
    let released = std::sync::Mutex::new(released);
    let ask = move || {
        let _ = begin.send(());
        let _ = released.lock().unwrap().recv();
        Some(0.0)
    };
    let rule = Rule::new("slow", Signal::asked("slow", SignalUnit::Count, ask)).above(1.0);
    (Alerts::none().rule(rule), release, begun)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_evaluation_runs_at_a_time_and_holds_up_nothing() {
    let (alerts, release, begun) = slow();
    let served = std::sync::Arc::new(Served::start(with_token().alerts(alerts)).await);
    let first = {
        let served = std::sync::Arc::clone(&served);
        tokio::spawn(async move { served.post("/evaluate", "").await.status })
    };
    tokio::task::spawn_blocking(move || begun.recv().unwrap())
        .await
        .unwrap();
    let second = served.post("/evaluate", "").await;
    assert_eq!(
        (second.status, second.error()),
        (503, "an evaluation is under way: ask later".to_owned())
    );
    for path in ["/metrics", "/status", "/alerts", "/endpoints", "/health"] {
        assert_eq!(served.ask("GET", path).await.status, 200, "{path}");
    }
    drop(release);
    assert_eq!(first.await.unwrap(), 200);
    assert_eq!(served.post("/evaluate", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn an_evaluation_that_takes_too_long_is_not_waited_for() {
    let (alerts, release, begun) = slow();
    let vitals = with_token().alerts(alerts).build().unwrap();
    let service = vitals.monitoring().unwrap();
    let asked = tokio::spawn(service.clone().oneshot(post("/evaluate", Body::empty())));
    tokio::task::spawn_blocking(move || begun.recv().unwrap())
        .await
        .unwrap();
    tokio::time::advance(Duration::from_secs(11)).await;
    let (status, error) = told(asked.await.unwrap().unwrap()).await;
    assert_eq!(status, 503);
    let sentence = "the evaluation takes longer than 10 seconds, and goes on";
    assert_eq!(error["error"], sentence);
    // It still runs, so a second one must wait for it.
    let again = service
        .oneshot(post("/evaluate", Body::empty()))
        .await
        .unwrap();
    assert_eq!(again.status(), 503);
    drop(release);
}

#[test]
fn without_a_runtime_everything_but_an_evaluation_is_answered() {
    let vitals = with_token().build().unwrap();
    let service = vitals.monitoring().unwrap();
    let (name, value) = bearer(TOKEN);
    let read = Request::get(format!("{BASE}/metrics")).header(name, value);
    let read = read.body(Body::empty()).unwrap();
    let answered = futures::executor::block_on(service.clone().oneshot(read)).unwrap();
    assert_eq!(answered.status(), 200);
    let evaluate = service.oneshot(post("/evaluate", Body::empty()));
    let refused = futures::executor::block_on(evaluate).unwrap();
    assert_eq!(refused.status(), 503);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let served = Served::start(with_token()).await;
    let here = format!("http://localhost:{}", served.address.port());
    for (name, value, status) in [
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("sec-fetch-site", "none", 403),
        ("origin", here.as_str(), 200),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
    ] {
        let headers = [bearer(TOKEN), (name, value.to_owned())];
        let answer = served.ask_with("POST", "/evaluate", &headers, "").await;
        assert_eq!(answer.status, status, "{name}: {value}");
    }
    let served = Served::start(with(Monitoring::new(Access::Loopback))).await;
    for (headers, status) in [
        (&[][..], 200),
        (&[("origin", here.as_str())], 403),
        (&[("referer", "http://localhost/")], 403),
        (&[("cookie", "a=b")], 403),
        (&[("sec-fetch-site", "same-origin")], 403),
        (&[("sec-fetch-mode", "no-cors")], 403),
    ] {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        let answer = served.ask_with("POST", "/evaluate", &headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
}
