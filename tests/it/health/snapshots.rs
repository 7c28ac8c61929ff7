//! Answers a probe from one reading of the checks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tower_vitals::health::{Health, Role, Status};

use super::{json, probe};

#[tokio::test]
async fn status_code_and_listed_checks_of_a_probe_agree() {
    const PROBES: usize = 20_000;
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    let service = health.service();
    let done = Arc::new(AtomicBool::new(false));
    let turning = thread::spawn({
        let (health, done) = (health.clone(), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                health.set("queue", Status::Healthy, None);
                health.set("queue", Status::Unhealthy, None);
            }
        }
    });
    let mut seen = [0, 0];
    for _ in 0..PROBES {
        let (code, _, body) = probe(&service, "/health").await;
        let body = json(&body);
        let shown = (
            code,
            body["status"].as_str().unwrap(),
            body["checks"]["queue"].as_str().unwrap(),
        );
        match shown {
            (200, "healthy", "available") => seen[0] += 1,
            (503, "unhealthy", "unavailable") => seen[1] += 1,
            // Before the first turn.
            (503, "unknown", "unknown") => {}
            other => panic!("the response contradicts itself: {other:?}"),
        }
    }
    done.store(true, Ordering::Relaxed);
    turning.join().unwrap();
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}
