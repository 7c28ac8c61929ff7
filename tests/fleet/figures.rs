//! Measures what a fleet costs: memory of Redis, bytes on the way to it, and time of the thread.

use std::{slice::from_ref, thread, time::Duration};

use tokio::time::Instant;

use crate::{
    member::{Member, Settings},
    processes::cpu_of,
    programs::eventually,
    proxy::Proxy,
    redis::Redis,
};

/// The thread that writes.
const THREAD: &str = "vitals-fleet";

const SECOND: Duration = Duration::from_secs(1);

const KIB: usize = 1024;

/// Waits until all of its endpoints are known to the fleet.
fn until_written(member: &Member, endpoints: usize) {
    let asked = member.ask("/each")["asked"].as_u64().unwrap();
    assert_eq!(asked, endpoints as u64);
    eventually("all is written", || {
        let requests = member.fleet()?.requests;
        (requests >= asked).then_some(())
    });
}

/// The bytes that these keys take in Redis.
fn memory(redis: &Redis, keys: &[String]) -> u64 {
    let sizes = keys.iter().map(|key| {
        let size: Option<u64> = redis.ask(&["MEMORY", "USAGE", key, "SAMPLES", "0"]);
        size.unwrap_or(0)
    });
    sizes.sum()
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn the_memory_of_redis_is_printed() {
    for endpoints in [10, 100, 1_000] {
        let redis = Redis::start();
        let member = Settings::at(&redis.url())
            .with("ENDPOINTS", &endpoints.to_string())
            .start("shop-1");
        until_written(&member, endpoints);
        // A copy is made once a minute, which is 600 ms here.
        eventually("a whole copy", || {
            member.ask("/each");
            let all = redis.keys("");
            let size = |part: &str| {
                let some = all.iter().filter(|key| key.contains(part));
                some.map(|key| memory(&redis, from_ref(key))).max()
            };
            let (now, copy) = (size(":now:")?, size(":snap:")?);
            (copy > now * 9 / 10).then_some(())
        });
        let all = redis.keys("");
        let parts = ["now", "names", "fine", "snap", "snapfine"].map(|part| {
            let part = format!(":{part}:");
            let keys: Vec<_> = all
                .iter()
                .filter(|key| key.contains(&part))
                .cloned()
                .collect();
            (part, keys.len(), memory(&redis, &keys))
        });
        println!("{endpoints} endpoints of one instance: {parts:?}");
    }
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_tick_of_a_thousand_endpoints_is_64_kib_at_most() {
    let redis = Redis::start();
    let proxy = Proxy::to(redis.port());
    let member = Settings::at(&proxy.url())
        .with("SLOT_MS", "1000")
        .with("ENDPOINTS", "1000")
        .start("shop-1");
    until_written(&member, 1_000);
    // Each of the endpoints is active in each tick, for two minutes of six ticks.
    let (mut bytes, mut times) = (Vec::new(), Vec::new());
    let mut before = (proxy.sent_bytes(), cpu_of(member.id(), THREAD));
    let begin = Instant::now();
    for tick in 1..=12 {
        member.ask("/each");
        thread::sleep((begin + SECOND * tick).saturating_duration_since(Instant::now()));
        let now = (proxy.sent_bytes(), cpu_of(member.id(), THREAD));
        bytes.push(now.0 - before.0);
        times.push(now.1 - before.1);
        before = now;
    }
    let minute: usize = bytes[..6]
        .iter()
        .sum::<usize>()
        .max(bytes[6..].iter().sum());
    println!("bytes of each tick {bytes:?}, of a minute {minute}; the thread ran {times:?}");
    // One of six also has the durations. Which tick is in which second is not known.
    let all: usize = bytes.iter().sum();
    assert!(all <= (12 * 64 + 2 * 256) * KIB, "{bytes:?}");
    let most = bytes.iter().max().unwrap();
    assert!(*most <= (2 * 64 + 256) * KIB, "{bytes:?}");
}
