use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::time;

use super::*;
use crate::{
    health::{Answer, Check, Role, Source},
    timestamp::rfc3339,
};

/// Knows its status at any time.
struct Known;

impl Source for Known {
    fn limit(&self) -> Option<&'static str> {
        None
    }

    fn watch(&self, _: Box<dyn Fn() -> bool + Send + Sync>) {}
}

fn probes() -> HealthService {
    Health::builder().start().unwrap().service()
}

async fn asked(service: &mut HealthService, target: &str) -> String {
    let request = Request::builder().uri(target).body(()).unwrap();
    let answer = service.call(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn a_status_while_degraded_has_a_body_and_ends_the_exchange() {
    for code in [200, 203, 206, 299, 400, 429, 503, 599] {
        let status = StatusCode::from_u16(code).unwrap();
        assert!(probes().degraded_status(status).is_ok(), "{code}");
    }
    for code in [100, 101, 204, 205, 301, 304, 600, 999] {
        let status = StatusCode::from_u16(code).unwrap();
        let error = probes().degraded_status(status).unwrap_err();
        let told = (error.field(), error.value());
        assert_eq!(told, ("health.degraded_status", &*code.to_string()));
    }
}

#[test]
fn one_word_for_healthy_and_unhealthy_is_refused_for_checks_too() {
    let words = Shape::below("checks").check_words("fine", "x", "fine");
    let error = probes().alias_as("/a", "/health", words).unwrap_err();
    assert_eq!((error.field(), error.value()), ("health.shape", "fine"));
    let apart = Shape::below("checks").check_words("fine", "x", "x");
    assert!(probes().alias_as("/a", "/health", apart).is_ok());
}

#[tokio::test]
async fn probes_are_moved_once() {
    let check = Check::manual("worker").role(Role::Optional);
    let health = Health::builder().check(check).start().unwrap();
    let mut moved = health.service().base("/a").unwrap();
    assert_eq!(asked(&mut moved, "/a/livez").await, "ok");
    let one = asked(&mut moved, "/a/health/worker?format=text").await;
    assert!(one.contains("worker unknown"), "{one}");
    let error = moved.base("/b").unwrap_err();
    assert_eq!((error.field(), error.value()), ("health.base", "/b"));
}

#[test]
fn a_token_that_no_header_carries_is_refused_and_not_shown() {
    for token in [
        "",
        " s3cret",
        "s3cret\t",
        "s3\ncret",
        "s3\0cret",
        "s3\x7fcret",
    ] {
        let error = probes().details(Details::Token(token.into())).unwrap_err();
        assert_eq!(error.field(), "health.details");
        assert!(!format!("{error} {error:?}").contains("s3"), "{error:?}");
    }
    for token in ["s3cret", "s3 cret", "s3crét"] {
        assert!(
            probes().details(Details::Token(token.into())).is_ok(),
            "{token}"
        );
    }
}

#[test]
fn only_what_the_application_sets_can_become_too_old_by_a_time_of_its_own() {
    const LONG: Duration = Duration::from_secs(30);
    let ping = async || Ok::<_, std::io::Error>(());
    let asked = Check::new("asked", ping);
    let known = Check::of_source("known", Arc::new(Known));
    for (check, name) in [(asked, "asked"), (known, "known")] {
        let check = check.expires_after(LONG);
        let error = Health::builder().check(check).start().unwrap_err();
        let field = format!("health.{name}.expires_after");
        assert_eq!((error.field(), error.value()), (&*field, "30s"));
    }
    assert!(Check::manual("worker").expires_after(LONG).verify().is_ok());
}

#[tokio::test]
async fn a_text_of_the_application_makes_no_line_of_a_probe_and_is_bounded() {
    let forges = "x\n[+]database ok";
    let degraded = Check::new("cache", async || {
        Ok::<_, std::io::Error>(Answer::Degraded(format!("y\r\n{}", "z ".repeat(10_000))))
    });
    let worker = Check::manual("worker");
    let health = Health::builder()
        .check(degraded)
        .check(worker)
        .start()
        .unwrap();
    health.set("worker", Status::Unhealthy, Some(forges));
    while health.reports()[0].age.is_none() {
        tokio::task::yield_now().await;
    }
    let mut service = health.service().details(Details::Public).unwrap();
    assert_eq!(
        asked(&mut service, "/readyz").await,
        "[+]cache degraded\n[-]worker failed: x\\n[+]database ok\nreadyz check failed\n"
    );
    let errors = health.reports().into_iter().map(|one| one.error.unwrap());
    let [cache, worker] = errors.collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(&*worker, "x\\n[+]database ok");
    assert!(cache.starts_with("y\\r\\nz z"), "{cache}");
    assert!((1_000..=1_027).contains(&cache.len()), "{}", cache.len());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_health_json_has_the_time_at_which_it_came() {
    const AGE: Duration = Duration::from_secs(30);
    let manual = ["said", "silent"].map(Check::manual);
    let [said, silent] = manual;
    let health = Health::builder().check(said).check(silent).start().unwrap();
    health.set("said", Status::Healthy, None);
    time::advance(AGE).await;
    #[expect(clippy::disallowed_types, reason = "the wall clock is shown")]
    let came = || rfc3339::text(std::time::SystemTime::now() - AGE).to_string();
    let before = came();
    let body = asked(&mut health.service(), "/health?format=health+json").await;
    let after = came();
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    let time = report["checks"]["said"][0]["time"].as_str().unwrap();
    assert!(
        (&*before..=&*after).contains(&time),
        "{before} {time} {after}"
    );
    let silent = report["checks"]["silent"][0].as_object().unwrap();
    assert_eq!(silent.get("time"), None, "it has never answered");
}
