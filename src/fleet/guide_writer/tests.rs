//! Writes to a real Redis, which loses all that it has.

use std::thread;

use redis::Value;

use super::*;
use crate::{
    fleet::{Fleet, keys::Keys, real_redis::RealRedis},
    metrics::Settings,
    release::Release,
};

const LONG: Duration = Duration::from_secs(60);

/// A writer, and the Redis that it writes to.
struct World {
    redis: RealRedis,
    writer: GuideWriter,
}

// === impl World ===

impl World {
    fn new() -> Self {
        let redis = RealRedis::start();
        let metrics = Settings::new().isolated().unwrap();
        let took = Duration::from_millis(5);
        metrics.record_request(&http::Method::GET, "/orders", http::StatusCode::OK, took);
        let fleet = Fleet::at(&redis.url()).unwrap().guide_keys("clinic_perf");
        let checked = fleet.timeout(Duration::from_secs(10)).checked().unwrap();
        let mut release = Release::new("1.0").environment("test");
        release.service = Some("shop".into());
        let running = Running::start(checked, &release, Duration::from_millis(50), &metrics);
        let writer = GuideWriter::of(&running).unwrap();
        let world = Self { redis, writer };
        world.until_written();
        world
    }

    fn keys(&self) -> &Keys {
        self.writer.running.keys()
    }

    /// Waits until Redis has what the instance counted.
    fn until_written(&self) {
        let begin = tokio::time::Instant::now();
        let is_there = || {
            let view = self.writer.running.view().unwrap();
            !view.instances(&serde_json::Value::Null).is_empty()
        };
        while !is_there() {
            assert!(begin.elapsed() < LONG);
            thread::yield_now();
        }
    }

    /// It is the turn of this one again, and there are data since so many seconds.
    fn pass(&self, seconds: u64) {
        let now: Vec<u64> = redis::from_redis_value(self.redis.answer(&["TIME"]).unwrap()).unwrap();
        let since = now[0] * 1_000 + now[1] / 1_000 - seconds * 1_000;
        let keys = self.keys();
        self.redis.answer(&["DEL", &keys.guide()]).unwrap();
        self.redis
            .answer(&["SET", &keys.guide_since(), &since.to_string()])
            .unwrap();
    }

    /// Whether the guide's keys are there.
    fn writes(&mut self) -> bool {
        self.writer.write();
        let key = "clinic_perf:endpoint_stats:/orders:GET";
        self.redis.answer(&["EXISTS", key]).unwrap() == Value::Int(1)
    }
}

#[test]
#[ignore = "needs redis-server"]
fn the_guides_keys_wait_until_all_instances_have_written_what_was_lost() {
    let mut world = World::new();
    assert!(!world.writes(), "nobody knows who else is there");
    world.pass(29);
    assert!(!world.writes());
    world.pass(31);
    assert!(world.writes());
    world.redis.answer(&["FLUSHALL"]).unwrap();
    world.until_written();
    assert!(!world.writes());
    world.pass(31);
    assert!(world.writes());
}

#[test]
#[ignore = "needs redis-server"]
fn the_guides_keys_are_not_written_without_the_counts_of_an_instance_that_lives() {
    let mut world = World::new();
    world.pass(31);
    // Its hashes were evicted a moment ago.
    let keys = world.keys();
    let now: Vec<u64> = redis::from_redis_value(world.redis.answer(&["TIME"]).unwrap()).unwrap();
    let (start, now) = ("00000000000000ab", (now[0] * 1_000).to_string());
    let entry = r#"{"id":"b","version":null,"environment":"test","began":7,"first":8,"tick":10000,"grid":1,"in_flight":0}"#;
    world
        .redis
        .answer(&["HSET", &keys.instances(), start, entry])
        .unwrap();
    world
        .redis
        .answer(&["ZADD", &keys.seen(), &now, start])
        .unwrap();
    assert!(!world.writes());
    let keys = world.keys();
    world
        .redis
        .answer(&["HDEL", &keys.instances(), start])
        .unwrap();
    world.pass(31);
    assert!(world.writes());
}
