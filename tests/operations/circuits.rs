//! Tells all who must know that a circuit breaker changed.
//!
//! Each test has a subscriber: while there is one alone, `tracing` takes a thread without one to speak for all.

use std::{convert::Infallible, time::Duration};

use axum::{body::Body, extract::Request, http::Response};
use futures::FutureExt;
use sentry::test::with_captured_events;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_vitals::{
    Vitals,
    health::{Health, Role, Status},
    logging::Format,
    metrics::Sink,
    operations::{Circuit, CircuitState, OutboundBody, OutboundLayer, circuit},
};

use crate::{
    exposition::Exposition,
    lines::{Written, lines, written},
};

fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

/// The state that the gauges show, and how many circuits are open.
fn gauges(vitals: &Vitals, name: &str) -> (Vec<&'static str>, f64) {
    let shown = Exposition::of(vitals);
    let is = |state: &&str| {
        let labels = [("name", name), ("state", *state)];
        shown.sum("circuit_breaker_state", &labels) == 1.0
    };
    let states = ["closed", "open", "half_open"].into_iter().filter(is);
    (
        states.collect(),
        shown.sum("circuit_breaker_open_count", &[]),
    )
}

/// Level, circuit, and change of each event since the last call.
fn events(written: &Written) -> Vec<[String; 4]> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let lines = lines(written).into_iter();
    lines
        .filter(|line| line["message"] == "circuit")
        .map(|line| ["level", "circuit", "from", "to"].map(|name| text(&line[name])))
        .collect()
}

fn event(fields: [&str; 4]) -> [String; 4] {
    fields.map(str::to_owned)
}

/// The names of the circuits that Sentry hears of.
fn reported(work: impl FnOnce()) -> Vec<String> {
    let events = with_captured_events(work).into_iter();
    events
        .map(|event| {
            let name = event.tags["circuit"].clone();
            assert_eq!(event.level, sentry::Level::Error);
            assert_eq!(event.message, Some(format!("circuit {name} opened")));
            assert_eq!(*event.fingerprint, ["tower-vitals", "circuit", &*name]);
            name
        })
        .collect()
}

#[tokio::test]
async fn one_report_of_a_change_tells_all_who_must_know() {
    let (written, _guard) = written(Format::Json);
    let vitals = isolated();
    let groq = circuit("groq-1").metrics(vitals.metrics());
    let health = Health::builder().check(groq.check()).start().unwrap();
    assert_eq!(gauges(&vitals, "groq-1"), (vec!["closed"], 0.0));
    assert_eq!(health.status(), Status::Healthy);

    let mut changes = health.changes();
    assert_eq!(reported(|| groq.opened()), ["groq-1"]);
    assert_eq!(gauges(&vitals, "groq-1"), (vec!["open"], 1.0));
    assert_eq!(changes.next().now_or_never(), Some(Some(Status::Degraded)));
    let report = health.reports().remove(0);
    assert_eq!(
        (report.status, report.role),
        (Status::Degraded, Role::Optional)
    );
    assert_eq!(report.error.as_deref(), Some("open"));
    let opened = event(["WARN", "groq-1", "closed", "open"]);
    assert_eq!(events(&written), [opened]);

    assert!(reported(|| groq.half_opened()).is_empty());
    assert_eq!(gauges(&vitals, "groq-1"), (vec!["half_open"], 0.0));
    assert_eq!(health.status(), Status::Degraded);
    let report = health.reports().remove(0);
    assert_eq!(report.error.as_deref(), Some("half open"));

    assert!(reported(|| groq.closed()).is_empty());
    assert_eq!(gauges(&vitals, "groq-1"), (vec!["closed"], 0.0));
    assert_eq!(health.status(), Status::Healthy);
    let half_opened = event(["INFO", "groq-1", "open", "half_open"]);
    let closed = event(["INFO", "groq-1", "half_open", "closed"]);
    assert_eq!(events(&written), [half_opened, closed]);
}

#[tokio::test]
async fn a_report_of_the_same_state_is_no_change() {
    let (written, _guard) = written(Format::Json);
    let vitals = isolated();
    let groq = circuit("groq-2").metrics(vitals.metrics());
    assert!(reported(|| groq.closed()).is_empty());
    assert_eq!(gauges(&vitals, "groq-2"), (vec!["closed"], 0.0));
    let again = || {
        groq.opened();
        circuit("groq-2").metrics(vitals.metrics()).opened();
        groq.clone().report(CircuitState::Open);
    };
    assert_eq!(reported(again), ["groq-2"]);
    let opened = event(["WARN", "groq-2", "closed", "open"]);
    assert_eq!(events(&written), [opened]);
}

#[tokio::test]
async fn a_circuit_that_flaps_is_one_incident_and_a_flood_is_held_back() {
    let (_, _guard) = written(Format::Json);
    let vitals = isolated();
    let groq = circuit("groq-3").metrics(vitals.metrics());
    let one_incident = || {
        groq.opened();
        for _ in 0..5 {
            groq.half_opened();
            groq.opened();
        }
        groq.closed();
    };
    assert_eq!(reported(one_incident).len(), 1);
    let flood = || {
        for _ in 0..15 {
            groq.opened();
            groq.closed();
        }
    };
    assert_eq!(reported(flood).len(), 9, "ten a minute");
    assert_eq!(vitals.metrics().totals().dropped(Sink::SentryFlood), 6);
    let other = circuit("groq-4").metrics(vitals.metrics());
    assert_eq!(reported(|| other.opened()), ["groq-4"]);
}

#[tokio::test]
async fn a_circuit_that_was_never_told_open_is_told_whatever_it_was_before() {
    let (_, _guard) = written(Format::Json);
    let vitals = isolated();
    let restored = circuit("groq-8").metrics(vitals.metrics());
    assert!(reported(|| restored.half_opened()).is_empty());
    assert_eq!(reported(|| restored.opened()), ["groq-8"]);
    let again = || {
        restored.half_opened();
        restored.opened();
    };
    assert!(reported(again).is_empty(), "one incident");
    let next = || {
        restored.closed();
        restored.half_opened();
        restored.opened();
    };
    assert_eq!(reported(next), ["groq-8"]);
}

#[tokio::test]
async fn the_check_of_a_circuit_begins_with_its_state_and_the_application_cannot_set_it() {
    let (_, _guard) = written(Format::Json);
    let vitals = isolated();
    let groq = circuit("groq-5").metrics(vitals.metrics());
    groq.opened();
    let health = Health::builder().check(groq.check()).start().unwrap();
    assert_eq!(health.status(), Status::Degraded);
    assert!(!health.set("groq-5", Status::Healthy, None));
    let other = Health::builder().check(groq.check()).start().unwrap();
    drop(health);
    groq.closed();
    assert_eq!(other.status(), Status::Healthy);
    drop(other);
    // Nobody watches any more.
    groq.opened();
    assert_eq!(groq.state(), CircuitState::Open);
}

#[tokio::test]
async fn circuits_of_the_process_are_known_before_its_counters() {
    let (_, _guard) = written(Format::Json);
    let early = circuit("groq-6");
    early.opened();
    let process = Vitals::builder().build().unwrap();
    assert_eq!(gauges(&process, "groq-6").0, ["open"]);
    let global = tower_vitals::metrics::Metrics::global();
    assert_eq!(
        circuit("groq-6").metrics(&global).state(),
        CircuitState::Open
    );
    let isolated = isolated();
    assert!(gauges(&isolated, "groq-6").0.is_empty());
}

/// A client of another service.
trait Client:
    Service<Request, Response = Response<OutboundBody<Body>>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Client for S where
    S: Service<Request, Response = Response<OutboundBody<Body>>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static
{
}

/// A client of another service that always answers with this status.
fn client(vitals: &Vitals, status: u16) -> impl Client + use<> {
    let service = service_fn(move |_: Request| async move {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = status.try_into().unwrap();
        Ok::<_, Infallible>(answer)
    });
    OutboundLayer::new("groq")
        .metrics(vitals.metrics())
        .layer(service)
}

#[tokio::test]
async fn a_breaker_of_tower_resilience_reports_its_changes() {
    let (written, _guard) = written(Format::Json);
    let vitals = isolated();
    let groq: Circuit = circuit("groq-7").metrics(vitals.metrics());
    let health = Health::builder().check(groq.check()).start().unwrap();
    let breaker = CircuitBreakerLayer::builder()
        .minimum_number_of_calls(3)
        .sliding_window_size(3)
        .wait_duration_in_open(Duration::from_secs(3_600))
        .classify_response(|answer: &Response<_>| answer.status().is_server_error())
        .on_state_transition(groq.on_transition())
        .build()
        .unwrap();
    let service = breaker.layer(client(&vitals, 503));
    let calls = async {
        for _ in 0..5 {
            let _ = service.clone().oneshot(Request::default()).await;
        }
    };
    let seen = reported(|| calls.now_or_never().unwrap());
    assert_eq!(seen, ["groq-7"]);
    assert_eq!(gauges(&vitals, "groq-7"), (vec!["open"], 1.0));
    assert_eq!(health.status(), Status::Degraded);
    assert_eq!(
        events(&written),
        [event(["WARN", "groq-7", "closed", "open"])]
    );
    let counted = Exposition::of(&vitals);
    let calls = counted.sum("external_calls_total", &[("outcome", "error")]);
    assert_eq!(calls, 3.0, "what the breaker refuses is no call");
}
