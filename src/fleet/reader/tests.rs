//! Compares windows with a model that knows every request.

use std::time::Duration;

use super::*;
use crate::fleet::{
    fake::Fault,
    schedule::Schedule,
    writer,
    written::{GRID, SharedRedis, WrittenStart},
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The beginning of an hour.
const BEGIN: u64 = 1_700_000_000_000 / HOUR * HOUR;

fn schedule() -> Schedule {
    Schedule::new(Duration::from_secs(10))
}

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn last(millis: u64) -> Span {
    Span::Last(at(millis))
}

/// The requests of sums. Durations and nanoseconds must agree with them if both are of the same readings.
fn requests(sums: &Sums) -> u64 {
    let counts = sums.counts.values();
    counts.map(|counts| counts[0]).sum()
}

fn measured(sums: &Sums) -> u64 {
    let durations = sums.durations.values().flatten();
    durations.flatten().sum()
}

fn sums(reader: &mut Reader, span: Span) -> Sums {
    reader.sums(span, &|_| true, None).unwrap()
}

fn looked(redis: &SharedRedis) -> Reader {
    let mut reader = redis.reader();
    reader.look().unwrap();
    reader
}

#[test]
fn a_window_from_the_edge_of_a_minute_has_each_request_of_all_instances_once() {
    let redis = SharedRedis::at(BEGIN);
    let mut starts = [0, 1, 2].map(|_| WrittenStart::new(schedule(), BEGIN - SECOND));
    // What was counted in each tick, until its end.
    let mut ticks = vec![];
    for tick in 0..6 * 70 {
        redis.get().now = BEGIN + tick * 10 * SECOND;
        let mut counted = 0;
        for start in &mut starts {
            let many = fastrand::u64(0..5);
            start.count(
                ["/a", "/b", "/c"][fastrand::usize(0..3)],
                fastrand::usize(0..40),
                many,
            );
            counted += many;
            // Some writes within a minute are lost.
            let fault = match (tick % 6, fastrand::u32(0..4)) {
                (1..=4, 0) => Fault::Lost,
                (1..=4, 1) => Fault::Unanswered,
                (1..=4, 2) => Fault::Torn,
                _ => Fault::None,
            };
            start.write_with(&redis, fault);
        }
        ticks.push(counted);
        if tick % 6 == 5 {
            let mut reader = looked(&redis);
            for minutes in (1..15).chain([20, 30, 60]) {
                let now = redis.get().now;
                let level = if minutes < 15 { MINUTE } else { 10 * MINUTE };
                let from = now.saturating_sub(minutes * MINUTE) / level * level;
                let sums = sums(&mut reader, Span::Between(at(from), at(now)));
                // The reading at an edge has what was counted until then.
                let first = from.saturating_sub(BEGIN) / (10 * SECOND);
                let skipped = if from < BEGIN { 0 } else { first as usize + 1 };
                let expected: u64 = ticks[skipped.min(ticks.len())..].iter().sum();
                assert_eq!(
                    requests(&sums),
                    expected,
                    "{minutes} minutes at tick {tick}"
                );
                assert!(sums.begin <= at(from));
            }
        }
    }
}

#[test]
fn whatever_happens_windows_add_up_to_what_was_confirmed() {
    for _ in 0..60 {
        let redis = SharedRedis::at(BEGIN);
        let mut starts: Vec<WrittenStart> = vec![];
        let mut dead: Vec<WrittenStart> = vec![];
        // One that lives longer than the others' copies.
        let mut reader = redis.reader();
        for _ in 0..fastrand::usize(10..200) {
            let now = redis.get().now + fastrand::u64(1..60) * SECOND;
            redis.get().now = now;
            match fastrand::u32(0..40) {
                0..4 if starts.len() < 6 => starts.push(WrittenStart::new(schedule(), now)),
                4 => {
                    // Of one that dies before it mends what was evicted, some is lost.
                    let dies = starts.iter().position(|start| start.is_written);
                    dead.extend(dies.map(|at| starts.swap_remove(at)));
                }
                5 => {
                    redis.get().flush();
                    // Who is dead writes no more.
                    dead.clear();
                    starts.iter_mut().for_each(|start| start.confirmed = 0);
                }
                6 => {
                    // One key of somebody who lives goes.
                    let keys = redis.get().keys();
                    let live = keys.iter().filter(|key| {
                        starts
                            .iter()
                            .any(|start| key.contains(&start.id.to_string()))
                    });
                    let live: Vec<_> = live.collect();
                    if !live.is_empty() {
                        redis.get().evict(live[fastrand::usize(0..live.len())]);
                    }
                }
                // All are frozen.
                7 => redis.get().now += fastrand::u64(1..10) * MINUTE,
                _ => {}
            }
            for start in &mut starts {
                start.count(
                    ["/a", "/b"][fastrand::usize(0..2)],
                    fastrand::usize(0..40),
                    fastrand::u64(0..9),
                );
                let fault = match fastrand::u32(0..12) {
                    0 => Fault::Lost,
                    1 => Fault::Unanswered,
                    2 => Fault::Torn,
                    _ => Fault::None,
                };
                start.write_with(&redis, fault);
            }
        }
        // What is not confirmed can be there all the same, so all write once more.
        redis.get().now += SECOND;
        for start in &mut starts {
            assert!(start.write(&redis));
        }
        // Of a dead one, that which was written last is there.
        let of_dead = |known: &Reader, start: &WrittenStart| {
            let known = known.starts.get(&start.id)?.edges(Kind::Counts)?;
            Some(known.last)
        };
        reader.look().unwrap();
        let _ = sums(&mut reader, Span::Last(DAY));
        let live: u64 = starts.iter().map(|start| start.confirmed).sum();
        let gone = dead
            .iter()
            .filter(|start| of_dead(&reader, start).is_some());
        let (least, most) = gone.fold((live, live), |(least, most), start| {
            (least + start.confirmed, most + start.counted)
        });
        let now = redis.get().now;
        let all = requests(&sums(&mut reader, Span::Last(DAY)));
        assert!((least..=most).contains(&all), "{least} {all} {most}");

        // However the day is cut, the parts add up.
        let mut cuts: Vec<_> = std::iter::repeat_with(|| fastrand::u64(BEGIN - HOUR..now))
            .take(5)
            .collect();
        cuts.sort_unstable();
        cuts.insert(0, now - HOUR * 24);
        // The last one is still to come.
        let to_come = now + SECOND;
        cuts.push(now);
        let ends = cuts[1..].iter().chain([&to_come]);
        let mut total = (0, 0);
        for (from, to) in cuts.iter().zip(ends) {
            let part = sums(&mut reader, Span::Between(at(*from), at(*to)));
            total.0 += requests(&part);
            total.1 += measured(&part);
            // The edge that a window says it has is as good as the one that was asked for.
            let same = sums(&mut reader, Span::Between(part.begin, at(*to)));
            assert_eq!(requests(&same), requests(&part));
        }
        assert_eq!(total.0, all);
        let whole = sums(&mut reader, Span::Last(DAY));
        assert_eq!(total.1, measured(&whole));
    }
}

#[test]
fn a_hash_that_is_half_written_is_never_read() {
    let redis = SharedRedis::at(BEGIN);
    let mut start = WrittenStart::new(schedule(), BEGIN - SECOND);
    for endpoint in 0..50 {
        start.count(&format!("/{endpoint}"), 1, 10);
    }
    assert!(start.write(&redis));
    redis.get().now += 10 * SECOND;
    redis.get().flush();
    start.count("/7", 1, 1);
    // The first question finds it out, and the second one never arrives.
    let prepared = start.writer.prepare(writer::Tick {
        at: redis.get().now,
        readings: &start.readings,
        entry: &start.entry.to_json(),
        connection: start.connection,
        is_last: false,
    });
    redis.get().values(&prepared.pipeline).unwrap();
    let mut reader = looked(&redis);
    assert_eq!(requests(&sums(&mut reader, last(HOUR))), 0);
    assert!(start.write(&redis));
    let mut reader = looked(&redis);
    assert_eq!(requests(&sums(&mut reader, last(HOUR))), 501);
}

#[test]
fn who_died_counts_and_who_was_born_counts_from_0() {
    let redis = SharedRedis::at(BEGIN);
    let mut old = WrittenStart::new(schedule(), BEGIN - SECOND);
    let mut dies = WrittenStart::new(schedule(), BEGIN - SECOND);
    let mut born: Option<WrittenStart> = None;
    for tick in 0..=60 {
        let now = BEGIN + tick * 10 * SECOND;
        redis.get().now = now;
        old.count("/a", 1, 1);
        assert!(old.write(&redis));
        if tick < 27 {
            dies.count("/a", 1, 100);
            assert!(dies.write(&redis));
        }
        if tick == 40 {
            born = Some(WrittenStart::new(schedule(), now - 5 * SECOND));
        }
        if let Some(born) = &mut born {
            born.count("/a", 1, 10_000);
            assert!(born.write(&redis));
        }
    }
    let mut reader = looked(&redis);
    // From the ninth minute on, from the fifth on, and from before all of them.
    for (millis, expected) in [
        (MINUTE, 6 + 60_000),
        (6 * MINUTE, 36 + 200 + 210_000),
        (HOUR, 61 + 2_700 + 210_000),
    ] {
        let sums = sums(&mut reader, last(millis));
        assert_eq!(requests(&sums), expected, "{millis}");
        // The durations of the last ticks of the one that died are not there.
        let lost = if millis == MINUTE { 0 } else { 200 };
        assert_eq!(measured(&sums), expected - lost);
    }
    let only = reader.sums(last(HOUR), &|_| true, Some(dies.id)).unwrap();
    assert_eq!(requests(&only), 2_700);
    assert_eq!(only.covered, at(26 * 10 * SECOND + SECOND));
}

#[test]
fn what_changed_last_is_known_to_the_tick_in_which_it_did() {
    let redis = SharedRedis::at(BEGIN);
    let mut starts = [0, 1].map(|_| WrittenStart::new(schedule(), BEGIN - SECOND));
    for tick in 0..6 * 50 {
        redis.get().now = BEGIN + tick * 10 * SECOND;
        for (place, start) in starts.iter_mut().enumerate() {
            start.count("/often", 1, 1);
            // The second one counts it a minute earlier, and all is written anew later.
            if tick == 60 - 6 * place as u64 {
                start.count("/once", 1, 1);
            }
            if tick == 100 {
                start.connection += 1;
            }
            let fault = match tick {
                60 | 61 => Fault::Lost,
                _ => Fault::None,
            };
            start.write_with(&redis, fault);
        }
    }
    let mut reader = looked(&redis);
    let last_of = |sums: &Sums, name: &str| {
        let found = sums
            .last
            .iter()
            .find(|(key, _)| matches!(key, Key::Requests { endpoint, .. } if **endpoint == *name));
        found.map(|(_, at)| at.as_millis() as u64 - BEGIN)
    };
    let hour = sums(&mut reader, last(HOUR));
    assert_eq!(last_of(&hour, "/once"), Some(600 * SECOND));
    assert_eq!(last_of(&hour, "/often"), Some((6 * 50 - 1) * 10 * SECOND));
    // Of a window that ended long ago, it is the last one in it.
    let early = sums(
        &mut reader,
        Span::Between(at(BEGIN), at(BEGIN + 30 * MINUTE)),
    );
    assert_eq!(last_of(&early, "/often"), Some(1_800 * SECOND));
    let late = sums(&mut reader, last(5 * MINUTE));
    assert_eq!(last_of(&late, "/once"), None);
}

#[test]
fn a_reader_forgets_the_names_of_deployments_that_are_over() {
    let redis = SharedRedis::at(BEGIN);
    let mut reader = redis.reader();
    let mut most = 0;
    for deployment in 0..12_u64 {
        let mut starts = [0, 1].map(|_| WrittenStart::new(schedule(), redis.get().now - SECOND));
        for start in &mut starts {
            for endpoint in 0..300 {
                start.count(&format!("/v{deployment}/{endpoint}"), 1, 2);
            }
        }
        for minute in 0..20 {
            redis.get().now += MINUTE;
            for start in &mut starts {
                start.count("/always", 1, 1);
                assert!(start.write(&redis));
            }
            if minute % 10 == 9 {
                reader.look().unwrap();
                let hour = sums(&mut reader, last(HOUR));
                let fresh = sums(&mut looked(&redis), last(HOUR));
                assert_eq!(hour.counts, fresh.counts);
                assert_eq!(hour.durations, fresh.durations);
                most = most.max(reader.numbers.all().len());
            }
        }
        redis.get().now += 20 * HOUR;
    }
    // Two deployments are known at a time, each with counts and durations of 300 endpoints.
    assert!(most <= 3 * 2 * 602, "{most}");
}

#[test]
fn counts_that_fell_are_no_difference() {
    let redis = SharedRedis::at(BEGIN);
    let mut start = WrittenStart::new(schedule(), BEGIN - SECOND);
    start.count("/a", 1, 100);
    assert!(start.write(&redis));
    redis.get().now += MINUTE;
    start.readings.counts[0].1 = vec![40; 7];
    assert!(start.write(&redis));
    let mut reader = looked(&redis);
    let sums = sums(&mut reader, last(MINUTE));
    let counts: Vec<_> = sums.counts.values().flatten().copied().collect();
    assert!(counts.iter().all(|count| *count <= 40), "{counts:?}");
}

#[test]
fn what_was_read_is_not_read_again_and_what_nobody_asks_for_is_forgotten() {
    let redis = SharedRedis::at(BEGIN);
    let mut starts = [0, 1].map(|_| WrittenStart::new(schedule(), BEGIN - SECOND));
    let mut reader = redis.reader();
    let mut commands = vec![];
    for tick in 0..6 * 12 {
        redis.get().now = BEGIN + tick * 10 * SECOND;
        for start in &mut starts {
            start.count("/a", 1, 1);
            assert!(start.write(&redis));
        }
        if tick > 6 * 8 {
            let before = redis.get().commands;
            reader.look().unwrap();
            for minutes in [1, 3, 5] {
                let _ = sums(&mut reader, last(minutes * MINUTE + SECOND));
            }
            commands.push(redis.get().commands - before);
        }
    }
    // Three to look, and the last counts of both. On the edge of a minute also the durations, and what is new of three windows.
    let quiet = commands.iter().filter(|commands| **commands == 5).count();
    assert!(quiet >= commands.len() * 4 / 6, "{commands:?}");
    assert!(
        commands[1..].iter().all(|commands| *commands <= 5 + 2 + 12),
        "{commands:?}"
    );
    let kept: Vec<_> = reader.starts.values().map(KnownStart::copies).collect();
    assert!(kept.iter().all(|copies| *copies <= 2 * 3 * 4), "{kept:?}");
}

#[test]
fn durations_in_other_buckets_are_left_out() {
    let redis = SharedRedis::at(BEGIN);
    let mut same = WrittenStart::new(schedule(), BEGIN - SECOND);
    let mut other = WrittenStart::new(schedule(), BEGIN - SECOND);
    other.entry.grid = GRID + 1;
    for start in [&mut same, &mut other] {
        start.count("/a", 1, 5);
        assert!(start.write(&redis));
    }
    let mut reader = looked(&redis);
    let sums = sums(&mut reader, last(HOUR));
    assert_eq!((requests(&sums), measured(&sums)), (10, 5));
}

#[test]
fn nothing_is_in_redis_but_names_and_numbers() {
    let redis = SharedRedis::at(BEGIN);
    let mut start = WrittenStart::new(schedule(), BEGIN - SECOND);
    start.count("/orders/{id}", 1, 5);
    assert!(start.write(&redis));
    let texts: Vec<_> = redis.get().contents();
    let has = |text: &str| {
        let found = |part: &Vec<u8>| part.windows(text.len()).any(|at| at == text.as_bytes());
        texts.iter().any(found)
    };
    assert!(has("/orders/{id}") && !has("/orders/17"));
}

#[test]
#[ignore = "takes minutes without optimisation"]
fn a_day_of_fifty_instances_is_read_in_a_second() {
    let redis = SharedRedis::at(BEGIN);
    let mut starts: Vec<_> = (0..50)
        .map(|_| WrittenStart::new(schedule(), BEGIN - SECOND))
        .collect();
    for tick in 0..=24 * 60 {
        redis.get().now = BEGIN + tick * MINUTE;
        for start in &mut starts {
            for endpoint in 0..100 {
                start.count(
                    &format!("/{endpoint}"),
                    fastrand::usize(0..30),
                    1 + fastrand::u64(0..9),
                );
            }
            assert!(start.write(&redis));
        }
    }
    let mut reader = redis.reader();
    let began = tokio::time::Instant::now();
    reader.look().unwrap();
    let sums = sums(&mut reader, Span::Last(DAY));
    println!("read {} requests in {:?}", requests(&sums), began.elapsed());
    let all: u64 = starts.iter().map(|start| start.counted).sum();
    let first: u64 = all - requests(&sums);
    assert!(
        first <= 50 * 100 * 10,
        "{first} were counted until the window began"
    );
}

#[test]
#[ignore = "takes minutes without optimisation"]
fn what_a_thousand_instances_cost_is_printed() {
    for (instances, endpoints) in [(1_000, 10), (1_000, 100), (100, 1_000)] {
        let redis = SharedRedis::at(BEGIN);
        let mut starts: Vec<_> = (0..instances)
            .map(|_| WrittenStart::new(schedule(), BEGIN - SECOND))
            .collect();
        let mut reader = redis.reader();
        for tick in 0..13 {
            redis.get().now = BEGIN + tick * 10 * SECOND;
            for start in &mut starts {
                for endpoint in 0..endpoints {
                    start.count(&format!("/{endpoint}"), fastrand::usize(0..30), 1);
                }
                assert!(start.write(&redis));
            }
            if ![0, 6, 11, 12].contains(&tick) {
                continue;
            }
            let before = (redis.get().questions, redis.get().commands);
            let began = tokio::time::Instant::now();
            reader.look().unwrap();
            let looked = began.elapsed();
            let _ = sums(&mut reader, last(MINUTE + SECOND));
            let (questions, commands) = (redis.get().questions, redis.get().commands);
            println!(
                "{instances} instances, {endpoints} endpoints, tick {tick}: {} questions, {} commands, look {looked:?}, all {:?}",
                questions - before.0,
                commands - before.1,
                began.elapsed()
            );
        }
    }
}
