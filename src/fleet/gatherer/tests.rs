//! Lets a service start again and again.

use std::{collections::HashMap, time::Duration};

use super::*;
use crate::{
    fleet::{
        fake::Fault,
        real_redis::RealRedis,
        written::{SharedRedis, WrittenStart, keys},
    },
    window::{Span, Sums},
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The beginning of an hour.
const BEGIN: u64 = 1_700_000_000_000 / HOUR * HOUR;

/// So many starts are listed in these tests.
const FEW: usize = 20;

fn schedule() -> Schedule {
    Schedule::new(Duration::from_secs(10))
}

fn gatherer(redis: &SharedRedis) -> Gatherer {
    gatherer_of(redis, FEW)
}

fn gatherer_of(redis: &SharedRedis, most: usize) -> Gatherer {
    Gatherer::new(Box::new(redis.clone()), keys(), most)
}

/// A start that counts some requests, sometimes also of an endpoint of its own, and ends or dies ten seconds later.
fn short_start(redis: &SharedRedis, endpoint: &str) -> WrittenStart {
    short_start_that(fastrand::bool(), redis, endpoint)
}

fn short_start_that(has_ended: bool, redis: &SharedRedis, endpoint: &str) -> WrittenStart {
    let mut start = WrittenStart::new(schedule(), redis.get().now - SECOND);
    for _ in 0..2 {
        start.count(endpoint, fastrand::usize(0..40), 1 + fastrand::u64(0..9));
        assert!(start.write(redis));
        redis.get().now += 10 * SECOND;
    }
    start.entry.ended = has_ended;
    if fastrand::bool() {
        start.count(&format!("/{}", redis.get().now), 5, 2);
    }
    start.count(endpoint, 3, 1);
    assert!(start.write(redis));
    start
}

fn sums(redis: &SharedRedis, minutes: u64) -> Sums {
    let mut reader = redis.reader();
    reader.look().unwrap();
    let span = Span::Last(Duration::from_millis(minutes * MINUTE));
    reader.sums(span, &|_| true, None).unwrap()
}

fn requests(sums: &Sums) -> u64 {
    sums.counts.values().map(|counts| counts[0]).sum()
}

fn all_counts(sums: Sums) -> [HashMap<crate::metrics::readings::Key, Option<Vec<u64>>>; 2] {
    let counts = sums.counts.into_iter();
    [
        counts.map(|(key, counts)| (key, Some(counts))).collect(),
        sums.durations,
    ]
}

/// How many starts are listed, and for how many others stand.
fn listed(redis: &SharedRedis) -> (usize, u64) {
    let mut reader = redis.reader();
    reader.look().unwrap();
    let starts = reader.starts.values().map(|known| known.entry.starts);
    let starts: Vec<_> = starts.collect();
    let own = starts.iter().filter(|starts| **starts == 0);
    (own.count(), starts.iter().sum())
}

#[test]
fn a_crash_loop_fills_no_list_and_what_it_counted_stays() {
    let redis = SharedRedis::at(BEGIN);
    let mut live = WrittenStart::new(schedule(), BEGIN - SECOND);
    live.count("/live", 1, 7);
    assert!(live.write(&redis));
    // So few that those are added up which stand in the middle of the windows.
    let most = 3;
    let mut gatherer = gatherer_of(&redis, most);
    let mut all = live.counted;
    // One that looks all the while, and keeps what it has read.
    let mut reader = redis.reader();
    for round in 0..150_u64 {
        redis.get().now += 40 * SECOND;
        all += short_start(&redis, ["/a", "/b", "/c"][round as usize % 3]).counted;
        assert!(live.write(&redis));
        let windows = [1, 5, 15, 60, 24 * 60].map(|minutes| (minutes, sums(&redis, minutes)));
        gatherer.gather();
        for (minutes, before) in windows {
            let after = sums(&redis, minutes);
            assert!(
                requests(&after) >= requests(&before),
                "{minutes} minutes in round {round}"
            );
            if minutes == 24 * 60 {
                assert_eq!(requests(&after), all);
                assert_eq!(all_counts(after), all_counts(before));
                reader.look().unwrap();
                let span = Span::Last(Duration::from_millis(minutes * MINUTE));
                let kept = reader.sums(span, &|_| true, None).unwrap();
                assert_eq!(all_counts(kept), all_counts(sums(&redis, minutes)));
            }
        }
    }
    let (own, others) = listed(&redis);
    // The one that lives, and those of the last ten minutes, which can live still.
    assert!((most..most + 12).contains(&own), "{own}");
    assert_eq!(own as u64 + others, 151);
    // Two and a half hours have some times ten minutes, and nothing of the rest stays for long.
    redis.get().now += READ_FOR;
    let left = redis.get().keys();
    let of_starts = left.iter().filter(|key| key.contains(":now:")).count();
    assert!(of_starts <= most + 12 + 20, "{of_starts}");
    assert_eq!(redis.get().has_no_end(), [""; 0]);
    // A day later it is forgotten like any start.
    for _ in 0..27 * 60 {
        redis.get().now += MINUTE;
        live.count("/live", 1, 1);
        assert!(live.write(&redis));
    }
    assert_eq!(listed(&redis), (1, 0));
}

#[test]
fn starts_are_added_up_once_whoever_else_does_so() {
    let redis = SharedRedis::at(BEGIN);
    for _ in 0..FEW + 40 {
        short_start(&redis, "/a");
    }
    redis.get().now += 11 * MINUTE;
    let before = all_counts(sums(&redis, 24 * 60));
    // Both have found the same ones.
    let (mut one, mut other) = (gatherer(&redis), gatherer(&redis));
    let (some, same) = (one.too_many().unwrap(), other.too_many().unwrap());
    assert_eq!((some.len(), same.len()), (40, 40));
    let to = StartId::of_slot(1, 2);
    assert_eq!(one.add(to, &some[..30]).unwrap(), 30);
    assert_eq!(other.add(to, &same[20..]).unwrap(), 0);
    // Its answer is lost, and nobody knows.
    redis.get().fault = Fault::Unanswered;
    assert!(other.add(to, &same[30..]).is_err());
    redis.get().fault = Fault::None;
    assert_eq!(other.add(to, &same[30..]).unwrap(), 10);
    assert_eq!(all_counts(sums(&redis, 24 * 60)), before);
    assert_eq!(listed(&redis), (FEW, 40));
}

#[test]
fn one_instance_adds_up_in_a_minute_and_only_what_is_short_and_has_ended() {
    let redis = SharedRedis::at(BEGIN);
    let mut long = Vec::new();
    for _ in 0..FEW {
        let mut start = WrittenStart::new(schedule(), redis.get().now - 2 * SHORT);
        start.count("/a", 1, 1);
        assert!(start.write(&redis));
        long.push(start);
    }
    redis.get().now += HOUR;
    for index in 0..FEW {
        short_start_that(index % 2 == 0, &redis, "/b");
    }
    // Some may live still: those of the last minute, and every other one, which did not say that it ends.
    gatherer(&redis).gather();
    assert_eq!(listed(&redis), (FEW + 12, 8));
    redis.get().now += 11 * MINUTE;
    gatherer(&redis).gather();
    assert_eq!(listed(&redis), (FEW, FEW as u64));
    short_start(&redis, "/b");
    redis.get().now += 10 * SECOND;
    gatherer(&redis).gather();
    assert_eq!(listed(&redis).0, FEW + 1, "it was done in this minute");
}

#[test]
fn a_start_that_only_seemed_dead_for_minutes_is_counted_once() {
    let redis = SharedRedis::at(BEGIN);
    let mut frozen = WrittenStart::new(schedule(), BEGIN - SECOND);
    frozen.count("/frozen", 1, 7);
    assert!(frozen.write(&redis));
    let mut all = 0;
    for _ in 0..FEW {
        redis.get().now += 7 * SECOND;
        all += short_start_that(true, &redis, "/a").counted;
    }
    redis.get().now = BEGIN + SHORT;
    gatherer(&redis).gather();
    // It goes on, and writes all that it counted.
    frozen.count("/frozen", 1, 2);
    assert!(frozen.write(&redis));
    assert_eq!(requests(&sums(&redis, 24 * 60)), all + frozen.counted);
}

#[test]
#[ignore = "needs redis-server"]
fn redis_puts_one_start_in_the_place_of_others() {
    let server = RealRedis::start();
    let mut gatherer = Gatherer::new(Box::new(server.link()), keys(), 0);
    let seen = |start: StartId, redis: &RealRedis| {
        let answer = redis.answer(&["ZSCORE", &keys().seen(), &start.to_string()]);
        answer.unwrap() != Value::Nil
    };
    let starts = [(); 3].map(|()| {
        let mut start = WrittenStart::new(schedule(), BEGIN - SECOND);
        start.count("/a", 1, 5);
        start.entry.first = BEGIN;
        let entry = start.entry.to_json();
        let prepared = start.writer.prepare(writer::Tick {
            at: BEGIN,
            readings: &start.readings,
            entry: &entry,
            connection: 1,
            is_last: true,
        });
        server.link().ask::<Vec<Value>>(&prepared.pipeline).unwrap();
        start.id
    });
    assert!(starts.iter().all(|start| seen(*start, &server)));
    let found = gatherer.too_many().unwrap();
    gatherer.gather();
    assert!(starts.iter().all(|start| !seen(*start, &server)));
    let to = StartId::of_slot(BEGIN / SHORT, crate::fleet::written::GRID);
    assert!(seen(to, &server));
    assert_eq!(gatherer.listed(to).unwrap(), 3);
    let keys = hashes_of(&keys(), to);
    let hashes = hashes(&mut *gatherer.asks, keys.to_vec()).unwrap();
    let gathered = Gathered::of(&hashes).unwrap();
    assert_eq!(gathered.at(), Some(BEGIN));
    // Somebody else found them, too, and comes too late.
    assert_eq!(gatherer.add(StartId::of_slot(1, 2), &found).unwrap(), 0);
    assert_eq!(gatherer.listed(StartId::of_slot(1, 2)).unwrap(), 0);
}
