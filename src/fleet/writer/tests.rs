//! Counts the bytes of what is written, and breaks what was.

use std::time::Duration;

use super::*;
use crate::{
    fleet::{
        fake::Fault,
        written::{SharedRedis, WrittenStart},
    },
    window::Span,
};

const HOUR: u64 = 3_600_000;

/// The beginning of an hour.
const BEGIN: u64 = 1_700_000_000_000 / HOUR * HOUR;

fn schedule() -> Schedule {
    Schedule::new(Duration::from_secs(10))
}

fn start() -> WrittenStart {
    WrittenStart::new(schedule(), BEGIN - 1_000)
}

/// The bytes of the next question, and whether it was confirmed.
fn bytes_of(start: &mut WrittenStart, redis: &SharedRedis) -> usize {
    let before = redis.get().bytes;
    assert!(start.write(redis));
    redis.get().bytes - before
}

/// Counts on a thousand endpoints, each with durations around a bucket of its own.
fn count_all(start: &mut WrittenStart, endpoints: usize) {
    for index in 0..endpoints {
        let spread = fastrand::usize(0..30);
        start.count(
            &format!("/api/v1/resources/{index}/{{id}}"),
            spread,
            1 + fastrand::u64(0..50),
        );
    }
}

#[test]
fn a_tick_of_a_thousand_active_endpoints_is_below_64_kib_and_256_with_durations() {
    let (redis, mut start) = (SharedRedis::at(BEGIN), start());
    let (mut most, mut most_with_durations) = (0, 0);
    for tick in 0..90 {
        redis.get().now = BEGIN + tick * 10_000;
        count_all(&mut start, 1_000);
        let bytes = bytes_of(&mut start, &redis);
        match tick {
            // The first one has all names.
            0 => println!("all at once: {bytes} bytes"),
            tick if tick % 6 == 0 => most_with_durations = most_with_durations.max(bytes),
            _ => most = most.max(bytes),
        }
    }
    println!("a tick: {most} bytes, with durations: {most_with_durations} bytes");
    assert!(most < 64 << 10, "{most}");
    assert!(most_with_durations < 256 << 10, "{most_with_durations}");
}

#[test]
fn only_what_changed_is_written_in_one_question_a_tick() {
    let (redis, mut start) = (SharedRedis::at(BEGIN), start());
    count_all(&mut start, 1_000);
    let all = bytes_of(&mut start, &redis);
    redis.get().now += 10_000;
    let nothing = bytes_of(&mut start, &redis);
    redis.get().now += 10_000;
    start.count("/api/v1/resources/7/{id}", 3, 1);
    let one = bytes_of(&mut start, &redis);
    assert!(all > 60_000 && nothing < 2_000, "{all} {nothing}");
    assert!(one > nothing && one < nothing + 300, "{nothing} {one}");
    assert_eq!(redis.get().questions, 3);
}

#[test]
fn all_keys_end_and_old_starts_are_forgotten() {
    let redis = SharedRedis::at(BEGIN);
    let mut dead = start();
    count_all(&mut dead, 3);
    assert!(dead.write(&redis));
    let mut live = start();
    for tick in 0..360 * 27 {
        redis.get().now = BEGIN + tick * 10_000;
        live.count("/a", 1, 1);
        assert!(live.write(&redis));
        assert_eq!(redis.get().has_no_end(), [""; 0]);
    }
    let dead = dead.id.to_string();
    let left = redis.get().keys();
    assert!(!left.iter().any(|key| key.contains(&dead)), "{left:?}");
    let contents = redis.get().contents();
    assert!(
        !contents.contains(&dead.into_bytes()),
        "in the list of instances"
    );
    // Counts and durations of 17 minutes, 14 times ten minutes and 26 hours, and the five others.
    assert_eq!(left.len(), 2 * (17 + 14 + 26) + 5);
}

#[test]
fn a_start_whose_last_sign_of_life_was_lost_or_lies_ahead_is_forgotten_too() {
    let redis = SharedRedis::at(BEGIN);
    let [mut lost, mut ahead, mut live] = [start(), start(), start()];
    for start in [&mut lost, &mut live] {
        assert!(start.write(&redis));
    }
    let seen = live.writer.keys.seen();
    let _ = redis.get().evict(&seen);
    let listed = |redis: &SharedRedis| {
        let mut reader = redis.reader();
        reader.look().unwrap();
        let mut listed: Vec<_> = reader.starts.keys().copied().collect();
        listed.sort_unstable();
        listed
    };
    for minute in 1..27 * 60 {
        redis.get().now = BEGIN + minute * 60_000;
        assert!(live.write(&redis));
        if minute == 25 * 60 {
            assert_eq!(listed(&redis).len(), 2, "what it counted is known still");
        }
    }
    assert_eq!(listed(&redis), [live.id]);
    // The clock of Redis was wrong by three days for a moment, and its sign of life lies ahead.
    redis.get().now = BEGIN + 99 * HOUR;
    assert!(ahead.write(&redis));
    // What it kept the others from doing runs out at last.
    let turn = live.writer.keys.turn();
    assert!(redis.get().evict(&turn));
    for minute in 0..3 {
        redis.get().now = BEGIN + 27 * HOUR + minute * 60_000;
        assert!(live.write(&redis));
    }
    assert_eq!(listed(&redis), [live.id]);
}

#[test]
fn a_hash_that_is_gone_is_written_anew_by_the_next_tick() {
    for hash in 0..3 {
        let (redis, mut start) = (SharedRedis::at(BEGIN), start());
        count_all(&mut start, 20);
        assert!(start.write(&redis));
        let key = start.writer.hashes()[hash].clone();
        assert!(redis.get().evict(&key), "{key}");
        redis.get().now += 10_000;
        start.count("/api/v1/resources/7/{id}", 3, 1);
        assert!(start.write(&redis));
        // The question that found it out, and the one that mends it.
        assert_eq!(redis.get().questions, 3, "{key}");
        let mut reader = redis.reader();
        reader.look().unwrap();
        let span = Span::Last(Duration::from_secs(3_600));
        let sums = reader.sums(span, &|_| true, None).unwrap();
        let requests: u64 = sums.counts.values().map(|counts| counts[0]).sum();
        let durations: u64 = sums.durations.values().flatten().flatten().sum();
        assert_eq!(
            (requests, durations),
            (start.counted, start.counted),
            "{key}"
        );
    }
}

#[test]
fn everything_is_written_on_a_new_connection() {
    let (redis, mut start) = (SharedRedis::at(BEGIN), start());
    count_all(&mut start, 100);
    let first = bytes_of(&mut start, &redis);
    redis.get().now += 10_000;
    let next = bytes_of(&mut start, &redis);
    start.connection += 1;
    redis.get().now += 10_000;
    let again = bytes_of(&mut start, &redis);
    assert!(
        next < first / 3 && again > first * 8 / 10,
        "{first} {next} {again}"
    );
}

#[test]
fn what_was_not_confirmed_is_written_again() {
    for fault in [Fault::Lost, Fault::Unanswered, Fault::Torn] {
        let (redis, mut start) = (SharedRedis::at(BEGIN), start());
        assert!(start.write(&redis));
        redis.get().now += 10_000;
        start.count("/new", 3, 5);
        assert!(!start.write_with(&redis, fault));
        redis.get().now += 10_000;
        assert!(start.write(&redis));
        let mut reader = redis.reader();
        reader.look().unwrap();
        let span = Span::Last(Duration::from_secs(3_600));
        let sums = reader.sums(span, &|_| true, None).unwrap();
        let requests: u64 = sums.counts.values().map(|counts| counts[0]).sum();
        assert_eq!(requests, 5, "{fault:?}");
    }
}

#[test]
fn nothing_of_an_answer_can_break_the_writer() {
    let mut start = start();
    for _ in 0..2_000 {
        let value = || match fastrand::u32(0..4) {
            0 => Value::Int(fastrand::i64(..)),
            1 => Value::Nil,
            2 => Value::BulkString(vec![fastrand::u8(..); fastrand::usize(0..4)]),
            _ => Value::Array(vec![
                Value::BulkString(b"1700000000".into()),
                Value::BulkString(b"5".into()),
            ]),
        };
        let answers: Vec<_> = std::iter::repeat_with(value)
            .take(fastrand::usize(0..9))
            .collect();
        let prepared = start.writer.prepare(Tick {
            at: BEGIN + fastrand::u64(0..HOUR),
            readings: &start.readings,
            entry: "{}",
            connection: fastrand::u64(0..2),
            is_last: fastrand::bool(),
        });
        let _ = start.writer.confirm(prepared, &answers);
    }
}
