//! Counts the answers of checks, in the counters of the stack that serves the probes.

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tokio::time;
use tower_vitals::{
    Vitals,
    health::{Check, Health, Role, Status},
};

use super::MS;
use crate::support::exposition::Exposition;

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
    let (vitals, second) = (build().unwrap(), build().unwrap());
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
    let never = scrape.samples.keys().filter(|(name, _)| name == last);
    assert_eq!(never.count(), 1, "the queue has never succeeded");

    // A scrape changes nothing, and the counters of another stack have nothing.
    assert_eq!(Exposition::of(&vitals).samples, scrape.samples);
    let other = Exposition::of(&second);
    let of_checks = |name: &str| name.starts_with("health_check");
    assert!(!other.samples.keys().any(|(name, _)| of_checks(name)));
}

#[tokio::test]
async fn the_checks_of_a_stack_that_is_gone_are_published_by_the_next_one() {
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    health.set("queue", Status::Healthy, None);
    for _ in 0..2 {
        let builder = Vitals::builder().isolated().health(health.service());
        let vitals = builder.build().unwrap();
        let status = Exposition::of(&vitals).sum("health_check_status", &[]);
        assert_eq!(status, 1.0);
    }
}

#[tokio::test]
async fn without_a_stack_answers_go_to_the_global_recorder_and_to_each_new_one_again() {
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    // What comes before there is a recorder is published when there is one.
    health.set("queue", Status::Unhealthy, None);
    // Both live at once: a recorder is known by its address.
    let recorders = [
        (DebuggingRecorder::new(), 2.0),
        (DebuggingRecorder::new(), 3.0),
    ];
    for (recorder, samples) in &recorders {
        let snapshots = recorder.snapshotter();
        metrics::with_local_recorder(recorder, || {
            health.set("queue", Status::Healthy, None);
        });
        let mut found = Vec::new();
        for (key, _, _, value) in snapshots.snapshot().into_vec() {
            let value = match value {
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(samples) => samples.len() as f64,
                DebugValue::Counter(_) => panic!("no counter is expected"),
            };
            found.push((key.key().name().to_owned(), value));
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [
            ("health_check_duration_seconds", *samples),
            ("health_check_status", 1.0),
        ];
        assert_eq!(
            found,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
    }
}
