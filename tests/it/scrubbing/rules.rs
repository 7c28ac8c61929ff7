//! Follows the rules of the application, and drops an event where a rule fails.

use std::sync::atomic::{AtomicBool, Ordering};

use sentry::{
    Hub,
    protocol::{Event, Value},
};
use tower_vitals::{Vitals, metrics::Sink, scrub::Scrubbing, sentry::SentryOptions};

use super::{LONG, full_event, saying};
use crate::support::{
    dsn::{Answer, Dsn},
    panics::silence_panics_that_were_asked_for,
};

/// The events that a stack with these rules sends for `event`, and how many it dropped.
fn sent(scrubbing: Scrubbing, event: Event<'static>) -> (Vec<Value>, u64) {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap().scrubbing(scrubbing);
    let vitals = Vitals::builder()
        .isolated()
        .sentry(options)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tower::{Layer, ServiceExt, service_fn};
        let service = vitals.layer().layer(service_fn(|_: http::Request<String>| {
            Hub::current().capture_event(event.clone());
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(
                String::new(),
            )))
        }));
        service.oneshot(http::Request::default()).await.unwrap();
    });
    assert_eq!(vitals.flush(LONG), 0);
    (
        dsn.events(),
        vitals.metrics().totals().dropped(Sink::SentryScrubbing),
    )
}

#[test]
fn rules_of_ones_own_are_asked_as_well() {
    let scrubbing = Scrubbing::new()
        .key("Tax Number")
        .value(r"\bcustomer-\d+\b")
        .unwrap()
        .rule(|text| text.contains("whisper").then(|| "[Quiet]".to_owned()));
    let mut event = saying("customer-17 called");
    event
        .extra
        .insert("old_tax_number".into(), "SENTINEL".into());
    event.extra.insert("said".into(), "a whisper".into());
    let (events, _) = sent(scrubbing, event);
    assert_eq!(events[0]["logentry"]["message"], "[Filtered] called");
    assert_eq!(
        events[0]["extra"],
        serde_json::json!({"old_tax_number": "[Filtered]", "said": "[Quiet]"})
    );
}

#[test]
fn a_count_that_the_application_names_is_secret_in_texts_too() {
    let scrubbing = Scrubbing::new().key("max_tokens");
    for text in [
        "max_tokens=17",
        "run --max-tokens 17",
        r#"{"key":"max_tokens","value":17}"#,
    ] {
        assert_eq!(Scrubbing::new().scrub(text), text);
        let scrubbed = scrubbing.scrub(text);
        assert!(!scrubbed.contains("17"), "{scrubbed}");
    }
}

#[test]
fn a_pattern_can_name_letters_of_any_language() {
    for (pattern, text) in [
        (r"(?i)größe", "GRÖSSE und GRÖßE"),
        (r"\bкод-\w+", "код-семь und GRÖßE"),
        (r"\p{Lu}{3,}-\p{N}+", "ÄÖÜ-٣٤ und GRÖßE"),
        (r"\p{Greek}+", "Ωμέγα und GRÖßE"),
    ] {
        let scrubbing = Scrubbing::new().value(pattern).unwrap();
        assert!(scrubbing.scrub(text).contains("[Filtered]"), "{pattern}");
    }
}

#[test]
fn a_text_that_never_settles_leaves_filtered_as_a_whole() {
    // The text that replaces a secret matches again.
    let scrubbing = Scrubbing::new().value("Filter").unwrap();
    let (events, _) = sent(scrubbing, saying("SENTINEL Filter"));
    assert_eq!(events[0]["logentry"]["message"], "[Filtered]");
}

#[test]
fn a_rule_that_panics_drops_the_event_and_counts() {
    let broken = AtomicBool::new(true);
    let scrubbing = Scrubbing::new().rule(move |text| {
        assert!(
            !(text.contains("SENTINEL") && broken.load(Ordering::Relaxed)),
            "as asked"
        );
        None
    });
    let (events, dropped) = sent(scrubbing, saying("SENTINEL"));
    assert_eq!((events.len(), dropped), (0, 1));
}

#[test]
fn bad_rules_fail_at_build() {
    for pattern in ["(", "", "a*"] {
        let error = Scrubbing::new().value(pattern).unwrap_err();
        assert_eq!((error.field(), error.value()), ("scrubbing.value", pattern));
    }
    let options = SentryOptions::new("http://public@localhost/1")
        .unwrap()
        .scrubbing(Scrubbing::new().key("--"));
    let error = Vitals::builder()
        .isolated()
        .sentry(options)
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "scrubbing.key");
}

#[test]
fn of_health_data_no_free_text_leaves() {
    // A part of it looks like a telephone number.
    const ID: &str = "01a1fd6d-1234-7063-9123-78d9a63d47c1";
    let mut event = full_event();
    event.message = Some("Mrs Miller has measles".into());
    event.transaction = Some("/patients/{id}".into());
    event.tags = [
        ("born".to_owned(), "1970-01-31".to_owned()),
        ("plan".to_owned(), "gold".to_owned()),
        ("request_id".to_owned(), ID.to_owned()),
    ]
    .into_iter()
    .collect();
    event.exception.values[0].ty = "NoPatient".into();
    event.exception.values[0].value = Some("Mrs Miller".into());
    event.breadcrumbs.values[0].message = Some("Mrs Miller called +44 20 7946 0958".into());
    event.extra.insert("note".into(), "Miller".into());
    event.request.as_mut().unwrap().url =
        Some("http://clinic.test/patients/Miller".parse().unwrap());
    let (events, dropped) = sent(Scrubbing::health_data(), event);
    assert_eq!(dropped, 0);
    let text = events[0].to_string();
    assert!(
        !text.contains("Miller") && !text.contains("1970") && !text.contains("7946"),
        "{text}"
    );
    assert_eq!(events[0]["transaction"], "/patients/{id}", "{text}");
    assert_eq!(events[0]["exception"]["values"][0]["type"], "NoPatient");
    assert_eq!(events[0]["tags"]["request_id"], ID);
    assert_eq!(events[0]["tags"]["plan"], Value::Null);
}
