//! Waits for changes of the service's health.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::extract::Request;
use futures::StreamExt;
use tokio::time;
use tower::Service;
use tower_vitals::health::{Check, Health, Role, Status};

use super::MS;

#[tokio::test]
async fn each_change_is_one_item_of_the_stream() {
    let up = Arc::new(AtomicBool::new(true));
    let own = Arc::clone(&up);
    let check = Check::new("database", move || {
        let up = own.load(Ordering::Relaxed);
        async move { if up { Ok(()) } else { Err("down") } }
    });
    let health = Health::builder()
        .check(check.interval(MS(5)))
        .start()
        .unwrap();
    let mut changes = health.changes();
    let mut service = health.service();
    assert_eq!(changes.next().await, Some(Status::Healthy));
    // An answer that changes nothing is not a change.
    let more = time::timeout(MS(100), changes.next());
    more.await.unwrap_err();
    up.store(false, Ordering::Relaxed);
    assert_eq!(changes.next().await, Some(Status::Unhealthy));
    assert_eq!(health.status(), Status::Unhealthy);
    let response = service
        .call(Request::builder().uri("/readyz").body(()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    let more = time::timeout(MS(100), changes.next());
    more.await.unwrap_err();
    assert!(health.reports()[0].runs > 10);
    assert_eq!(health.reports()[0].error.as_deref(), Some("down"));
}

#[tokio::test]
async fn the_stream_of_changes_ends_with_the_last_handle() {
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    let changes = health.changes();
    assert!(health.set("queue", Status::Healthy, None));
    assert!(health.set("queue", Status::Healthy, None), "no change");
    let mut changes = changes.peekable();
    // Two changes while nobody waits are one item, with the status after both.
    assert!(health.set("queue", Status::Degraded, Some("long")));
    let first = std::pin::Pin::new(&mut changes).peek().await.copied();
    assert_eq!(first, Some(Status::Degraded));
    health.drain();
    drop(health);
    let rest: Vec<_> = changes.collect().await;
    assert_eq!(rest, [Status::Degraded], "what was seen already");
}
