//! Counts the answers of checks, in the counters of the stack that serves the probes.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time;
use tower_vitals::{
    Vitals,
    health::{Check, Health, Role, Status},
};

use super::MS;
use super::probe;
use crate::support::{exposition::Exposition, stacks::with_health};

/// A check that takes so long and succeeds.
fn slow(name: &str, millis: u64) -> Check {
    Check::new(name, move || async move {
        time::sleep(MS(millis)).await;
        Ok::<_, std::io::Error>(())
    })
}

#[tokio::test(start_paused = true)]
async fn isolated_counters_have_the_checks_and_no_other_counters_do() {
    let health = Health::builder()
        .check(slow("database", 300).interval(MS(1_000)))
        .manual("queue", Role::Optional)
        .start()
        .unwrap();
    // One answer before there are counters is not lost.
    time::sleep(MS(500)).await;
    assert_eq!(health.reports()[0].runs, 1);
    let build = || {
        Vitals::builder()
            .isolated()
            .health(health.service())
            .build()
    };
    // The stack that is built last has them.
    let (other, vitals) = (build().unwrap(), build().unwrap());
    while health.reports()[0].runs < 4 {
        time::sleep(MS(10)).await;
    }
    time::sleep(MS(500)).await;
    health.set("queue", Status::Degraded, Some("long"));

    let scrape = Exposition::of(&vitals);
    let database = [("check", "database")];
    assert_eq!(scrape.sum("health_check_status", &database), 1.0);
    let queue = [("check", "queue")];
    assert_eq!(scrape.sum("health_check_status", &queue), 0.5);
    let count = |le| {
        let labels = [("check", "database"), ("le", le)];
        scrape.sum("health_check_duration_seconds_bucket", &labels)
    };
    assert_eq!(
        [count("0.25"), count("0.5"), count("+Inf")],
        [0.0, 4.0, 4.0]
    );
    let sum = scrape.sum("health_check_duration_seconds_sum", &database);
    // Tokio's timer rounds up to whole milliseconds.
    assert!((1.2..1.21).contains(&sum), "{sum}");
    let last = "health_check_last_success_timestamp_seconds";
    assert!(scrape.sum(last, &database) > 1.7e9);
    // A check that is asked has a latency. A manual check has none.
    let seconds = "health_check_duration_seconds_count";
    assert_eq!(
        scrape.values(seconds, "check"),
        ["database".to_owned()].into()
    );

    // A scrape changes nothing, and the counters of another stack have nothing.
    assert_eq!(Exposition::of(&vitals).samples, scrape.samples);
    let other = Exposition::of(&other);
    let of_checks = |name: &str| name.starts_with("health_check");
    assert!(!other.samples.keys().any(|(name, _)| of_checks(name)));
}

#[tokio::test]
async fn the_next_stack_publishes_the_checks_also_while_something_holds_the_counters_of_the_last() {
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    health.set("queue", Status::Healthy, None);
    let mut held = Vec::new();
    for _ in 0..2 {
        let builder = Vitals::builder().isolated().health(health.service());
        let vitals = builder.build().unwrap();
        held.push(vitals.metrics().clone());
        let status = Exposition::of(&vitals).sum("health_check_status", &[]);
        assert_eq!(status, 1.0);
    }
}

/// The seconds of `CheckReport::last_success`.
fn last_success(health: &Health) -> Option<f64> {
    let at = health.reports()[0].last_success?;
    Some(at.duration_since(UNIX_EPOCH).unwrap().as_secs_f64())
}

#[tokio::test]
async fn what_is_said_by_hand_has_a_time_and_no_duration() {
    let worker = Check::manual("worker").healthy_label("at work");
    let health = Health::builder().check(worker).start().unwrap();
    let vitals = with_health(health.service());
    let worker = [("check", "worker")];
    let last = "health_check_last_success_timestamp_seconds";
    let mut before = None;
    // The last time at which it was well, as with a check that is asked: degraded is well with limits.
    for (said, gauge, well) in [
        (None, 0.0, false),
        (Some(Status::Unhealthy), 0.0, false),
        (Some(Status::Healthy), 1.0, true),
        (Some(Status::Healthy), 1.0, true),
        (Some(Status::Unhealthy), 0.0, false),
        (Some(Status::Degraded), 0.5, true),
        (Some(Status::Unknown), 0.0, false),
    ] {
        if let Some(status) = said {
            health.set("worker", status, None);
        }
        let now = last_success(&health);
        assert_eq!(now != before, well, "{said:?}");
        before = now;
        let scrape = Exposition::of(&vitals);
        assert_eq!(scrape.sum("health_check_status", &worker), gauge);
        assert_eq!(scrape.sum(last, &worker), now.unwrap_or_default());
        assert!(!scrape.types.contains_key("health_check_duration_seconds"));
    }
    assert_eq!(health.reports()[0].latency, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_scrape_and_a_probe_at_one_moment_agree_also_when_an_answer_is_too_old() {
    let worker = Check::manual("worker").expires_after(MS(1_000));
    let health = Health::builder().check(worker).start().unwrap();
    let vitals = with_health(health.service());
    health.set("worker", Status::Healthy, None);
    let at = last_success(&health).unwrap();
    // No task of the checks runs between these: the answer is too old from one moment to the next.
    for (advance, code, gauge) in [(0, 200, 1.0), (1_000, 200, 1.0), (1, 503, 0.0)] {
        time::advance(MS(advance)).await;
        let scrape = Exposition::of(&vitals);
        assert_eq!(scrape.sum("health_check_status", &[]), gauge);
        assert_eq!(probe(&health.service(), "/readyz").await.0, code);
        let last = "health_check_last_success_timestamp_seconds";
        assert_eq!(scrape.sum(last, &[]), at);
    }
}
