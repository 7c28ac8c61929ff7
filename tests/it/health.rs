//! Answers probes from the last results, whatever the checks do.

mod blocking;
mod changes;
mod counting;
mod details;
mod grpc;
mod probes;
mod shapes;
mod shutdown;
mod snapshots;
mod states;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::extract::Request;
use serde_json::Value;
use tower::ServiceExt;
use tower_vitals::health::{Answer, Check, HealthService};

use crate::support::requests;

const MS: fn(u64) -> Duration = Duration::from_millis;

const SECRET: &str = "postgres://user:secret@10.0.0.5/db";

/// What a dependency does when its check runs.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Mood {
    Up,
    Degraded,
    Down,
    Hanging,
    Panicking,
}

/// A dependency whose behaviour the test sets.
#[derive(Clone)]
struct Dependency {
    mood: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
}

impl Dependency {
    fn new(mood: Mood) -> Self {
        Self {
            mood: Arc::new(AtomicU8::new(mood as u8)),
            asked: Arc::default(),
        }
    }

    fn set(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn check(&self, name: &str) -> Check {
        let own = self.clone();
        Check::new(name, move || {
            own.asked.fetch_add(1, Ordering::Relaxed);
            let mood = own.mood.load(Ordering::Relaxed);
            async move {
                match mood {
                    mood if mood == Mood::Up as u8 => Ok(Answer::Healthy),
                    mood if mood == Mood::Degraded as u8 => {
                        Ok(Answer::Degraded("half of it".into()))
                    }
                    mood if mood == Mood::Down as u8 => Err(io::Error::other(SECRET)),
                    mood if mood == Mood::Hanging as u8 => std::future::pending().await,
                    _ => panic!("as asked"),
                }
            }
        })
        .interval(MS(1_000))
        .timeout(MS(300))
    }
}

/// Status, content type and body of a probe.
async fn probe(service: &HealthService, target: &str) -> (u16, String, String) {
    ask(service, requests::get(target)).await
}

async fn ask(service: &HealthService, request: Request) -> (u16, String, String) {
    let response = service.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    let kind = response.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let status = response.status().as_u16();
    (status, kind, requests::text(response.into_body()).await)
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}
