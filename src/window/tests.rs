//! Holds a window to what was counted, with clocks of its own.

mod bytes;
mod clocks;
mod memory;
mod stored_work;
mod tiling;
mod uses;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    moment::Moment,
    ring::Ring,
    settings::Settings,
    sums::{Span, Sums},
};
use crate::{
    facts::{
        labels::{MethodLabel, StatusLabel},
        work::{CallOutcome, Work},
    },
    metrics::{
        bounds::Bounds,
        readings::{Key, Readings, requests, totals, work},
    },
};

/// The wall time of the start, on a multiple of all slots.
const START: u64 = 1_700_006_400_000;

/// How many buckets the durations have.
const BUCKETS: usize = 217;

/// A process that counts, ticks and knows what it counted when. All times are milliseconds since its start.
struct Process {
    ring: Ring,
    /// The monotonic time. Ticks are at even times, and requests at odd ones.
    at: u64,
    /// How far the wall clock is from it.
    wall: i64,
    live: Readings,
    /// Each request: when, which endpoint, which bucket.
    requests: Vec<(u64, usize, usize)>,
    /// Each piece of work: when, which one, how it ended, which bucket.
    works: Vec<(u64, usize, CallOutcome, usize)>,
}

fn settings(slot: u64) -> Settings {
    let bounds = Bounds::new((1..BUCKETS as u64).map(Duration::from_millis));
    Settings::new(&bounds).slot(Duration::from_millis(slot))
}

fn request_key(endpoint: usize) -> Key {
    Key::Requests {
        endpoint: format!("/endpoints/{endpoint:04}").into(),
        method: MethodLabel::new(&http::Method::GET),
        status: StatusLabel::at(200),
    }
}

fn duration_key(endpoint: usize) -> Key {
    Key::Durations {
        endpoint: format!("/endpoints/{endpoint:04}").into(),
        method: MethodLabel::new(&http::Method::GET),
    }
}

/// The kind, the name and the detail of a piece of work.
fn work_of(number: usize) -> (Work, Arc<str>, u8) {
    let work = Work::ALL[number % Work::ALL.len()];
    let detail = number / Work::ALL.len() % work.details();
    (work, format!("{:04}", number / 8).into(), detail as u8)
}

fn work_key(number: usize, outcome: CallOutcome) -> Key {
    let (work, name, detail) = work_of(number);
    Key::Work {
        work,
        name,
        detail,
        outcome: Some(outcome),
    }
}

fn work_duration_key(number: usize) -> Key {
    let (work, name, detail) = work_of(number);
    Key::WorkDurations { work, name, detail }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

// === impl Process ===

impl Process {
    fn new(settings: Settings, wall: u64) -> Self {
        let start = Moment {
            monotonic: Duration::ZERO,
            wall: ms(wall),
        };
        Self {
            ring: Ring::new(settings, start),
            at: 0,
            wall: wall as i64,
            live: Readings {
                counts: vec![(Key::Totals, vec![0; totals::COUNTS])],
                durations: Vec::new(),
            },
            requests: Vec::new(),
            works: Vec::new(),
        }
    }

    fn now(&self) -> Moment {
        Moment {
            monotonic: ms(self.at),
            wall: ms((self.at as i64 + self.wall) as u64),
        }
    }

    /// Counts a request that took as long as its bucket says, in the millisecond before the current one.
    fn request(&mut self, endpoint: usize, bucket: usize) {
        let Readings { counts, durations } = &mut self.live;
        counts[0].1[totals::STARTED] += 1;
        let of_key = found(counts, request_key(endpoint), requests::COUNTS);
        of_key[requests::ALL] += 1;
        of_key[requests::NANOS] += 1_000_000 * bucket as u64;
        found(durations, duration_key(endpoint), BUCKETS)[bucket] += 1;
        self.requests
            .push((self.at.saturating_sub(1), endpoint, bucket));
    }

    /// Counts a piece of work in the same way.
    fn work(&mut self, number: usize, outcome: CallOutcome, bucket: usize) {
        let Readings { counts, durations } = &mut self.live;
        let of_key = found(counts, work_key(number, outcome), work::COUNTS);
        of_key[work::CALLS] += 1;
        of_key[work::NANOS] += 1_000_000 * bucket as u64;
        found(durations, work_duration_key(number), BUCKETS)[bucket] += 1;
        self.works
            .push((self.at.saturating_sub(1), number, outcome, bucket));
    }

    fn tick(&mut self) {
        let now = self.now();
        self.ring.tick(now, &self.live);
    }

    /// Goes to a time, and ticks there.
    fn tick_at(&mut self, at: u64) {
        self.at = at;
        self.tick();
    }

    fn last(&self, window: u64) -> Sums {
        self.sums(Span::Last(ms(window)))
    }

    fn sums(&self, span: Span) -> Sums {
        self.ring.sums(span, self.now(), &self.live, |_| true)
    }

    /// The time since the start, of a wall time.
    fn since(&self, wall: Duration) -> i64 {
        wall.as_millis() as i64 - self.wall
    }

    /// What was counted between two times since the start: by endpoint and bucket.
    fn counted(&self, from: i64, to: i64) -> BTreeMap<(usize, usize), u64> {
        let mut counted = BTreeMap::new();
        for (at, endpoint, bucket) in &self.requests {
            if (from..to).contains(&(*at as i64)) {
                *counted.entry((*endpoint, *bucket)).or_default() += 1;
            }
        }
        counted
    }

    /// Sums are what was counted within their times, and nothing else.
    #[track_caller]
    fn check(&self, sums: &Sums) {
        let counted = self.counted(
            self.since(sums.durations_begin),
            self.since(sums.durations_end),
        );
        assert_eq!(durations_of(sums), counted, "{sums:?}");

        let counted = self.counted(self.since(sums.begin), self.since(sums.end));
        let mut by_endpoint: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for ((endpoint, bucket), count) in &counted {
            let (requests, nanos) = by_endpoint.entry(*endpoint).or_default();
            *requests += count;
            *nanos += count * *bucket as u64 * 1_000_000;
        }
        for (endpoint, counted) in &by_endpoint {
            let counts = &sums.counts[&request_key(*endpoint)];
            assert_eq!(counts.len(), requests::COUNTS);
            assert_eq!((counts[requests::ALL], counts[requests::NANOS]), *counted);
        }
        let started = sums
            .counts
            .get(&Key::Totals)
            .map_or(0, |counts| counts[totals::STARTED]);
        assert_eq!(started, counted.values().sum::<u64>());
        let works = self.check_work(sums);
        let keys = by_endpoint.len() + works + usize::from(started > 0);
        assert_eq!((sums.counts.len(), sums.last.len()), (keys, keys));
    }

    /// The same for work. Returns how many of its keys there are.
    #[track_caller]
    fn check_work(&self, sums: &Sums) -> usize {
        let between = |from, to| {
            let from_to = self.since(from)..self.since(to);
            let works = self.works.iter();
            works.filter(move |one| from_to.contains(&(one.0 as i64)))
        };
        let mut by_outcome: HashMap<_, [u64; work::COUNTS]> = HashMap::new();
        for (_, number, outcome, bucket) in between(sums.begin, sums.end) {
            let counts = by_outcome.entry(work_key(*number, *outcome)).or_default();
            counts[work::CALLS] += 1;
            counts[work::NANOS] += *bucket as u64 * 1_000_000;
        }
        for (key, counts) in &by_outcome {
            assert_eq!(sums.counts[key], counts, "{key:?}");
        }
        let mut durations: HashMap<_, Vec<u64>> = HashMap::new();
        for (_, number, _, bucket) in between(sums.durations_begin, sums.durations_end) {
            let counts = durations.entry(work_duration_key(*number)).or_default();
            counts.resize(BUCKETS, 0);
            counts[*bucket] += 1;
        }
        assert_eq!(work_durations_of(sums), durations);
        by_outcome.len()
    }
}

/// The counts of this key. New ones come at the end, whatever their name is.
fn found(all: &mut Vec<(Key, Vec<u64>)>, key: Key, length: usize) -> &mut Vec<u64> {
    let known = all.iter().position(|(known, _)| *known == key);
    let place = known.unwrap_or(all.len());
    if known.is_none() {
        all.push((key, vec![0; length]));
    }
    &mut all[place].1
}

/// The durations of work, of a window that lacks none.
fn work_durations_of(sums: &Sums) -> HashMap<Key, Vec<u64>> {
    let durations = sums.durations.iter();
    let of_work = durations.filter(|(key, _)| matches!(key, Key::WorkDurations { .. }));
    of_work
        .map(|(key, counts)| (key.clone(), counts.clone().unwrap()))
        .collect()
}

/// The durations of the requests of a window that lacks none, by endpoint and bucket.
fn durations_of(sums: &Sums) -> BTreeMap<(usize, usize), u64> {
    let mut found = BTreeMap::new();
    for (key, counts) in &sums.durations {
        let Key::Durations { endpoint, .. } = key else {
            assert!(key.is_of_durations(), "{key:?} has durations");
            continue;
        };
        let endpoint = endpoint.trim_start_matches("/endpoints/").parse().unwrap();
        let counts = counts.as_ref().unwrap();
        assert_eq!(counts.len(), BUCKETS);
        for (bucket, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            found.insert((endpoint, bucket), *count);
        }
    }
    found
}

/// How many requests the window saw.
fn started(sums: &Sums) -> u64 {
    sums.counts
        .get(&Key::Totals)
        .map_or(0, |counts| counts[totals::STARTED])
}

#[test]
fn an_empty_window_is_empty() {
    let mut process = Process::new(settings(10_000), START);
    for window in [0, 1, 60_000, u64::MAX] {
        let sums = process.last(window);
        assert!(sums.counts.is_empty() && sums.durations.is_empty());
        assert_eq!(sums.covered, Duration::ZERO);
    }
    process.tick_at(10_000);
    process.request(0, 7);
    for slot in 2..=40 {
        process.tick_at(slot * 10_000);
    }
    let sums = process.last(60_000);
    assert!(sums.counts.is_empty() && sums.durations.is_empty() && sums.last.is_empty());
    assert!(
        process
            .ring
            .sums(
                Span::Last(ms(1 << 40)),
                process.now(),
                &process.live,
                |_| false
            )
            .counts
            .is_empty()
    );
}

#[test]
fn a_window_begins_at_the_newest_edge_that_is_not_too_late() {
    let mut process = Process::new(settings(10_000), START);
    for slot in 1..=9_000 {
        process.tick_at(slot * 10_000);
    }
    process.at += 4_000;
    let now = process.at;
    for (window, slot, durations_slot) in [
        (60_000, 10_000, 10_000),
        (300_000, 10_000, 10_000),
        (600_000, 60_000, 60_000),
        (3_600_000, 60_000, 60_000),
        (7_200_000, 60_000, 1_800_000),
        (21_600_000, 60_000, 1_800_000),
        (43_200_000, 600_000, 1_800_000),
        (86_400_000, 600_000, 1_800_000),
    ] {
        let sums = process.last(window);
        let edge = |slot: u64| ((now - window) / slot * slot) as i64;
        assert_eq!(process.since(sums.begin), edge(slot), "{window}");
        assert_eq!(
            process.since(sums.durations_begin),
            edge(durations_slot),
            "{window}"
        );
        assert_eq!(process.since(sums.end), now as i64);
        assert_eq!(sums.covered, sums.end - sums.begin);
    }
}

#[test]
fn a_window_that_is_older_than_the_process_begins_at_zero() {
    let mut process = Process::new(settings(10_000), START);
    process.request(3, 5);
    process.tick_at(14_000);
    process.request(3, 6);
    process.at = 16_000;
    let sums = process.last(3_600_000);
    assert_eq!(process.since(sums.begin), 16_000 - 3_600_000);
    assert_eq!(sums.covered, ms(16_000));
    process.check(&sums);
    assert_eq!(started(&sums), 2);
}

#[test]
fn each_key_tells_when_it_changed_last() {
    let mut process = Process::new(settings(10_000), START);
    process.at = 2_000;
    process.request(1, 1);
    process.tick_at(10_000);
    process.request(2, 1);
    process.tick_at(20_000);
    for slot in 3..=300 {
        process.tick_at(slot * 10_000);
    }
    process.at += 2_000;
    process.request(3, 1);
    process.request(4, 1);
    for window in [u64::MAX, 3_600_000] {
        let sums = process.last(window);
        let last = |endpoint| process.since(sums.last[&request_key(endpoint)]);
        assert_eq!((last(1), last(2), last(3)), (10_000, 20_000, 3_002_000));
        assert_eq!(process.since(sums.last[&Key::Totals]), 3_002_000);
    }
    // Of an earlier window it is not the time of a later change.
    process.request(1, 1);
    process.tick_at(3_010_000);
    let sums = process.sums(Span::Between(ms(START), ms(START + 600_000)));
    assert_eq!(process.since(sums.last[&request_key(1)]), 600_000);
}

#[test]
fn clearing_forgets_what_was_counted_so_far() {
    let mut process = Process::new(settings(10_000), START);
    for slot in 1..500 {
        process.request(slot as usize % 5, 9);
        process.tick_at(slot * 10_000);
    }
    let before = process.ring.memory();
    process.request(1, 9);
    process.at += 2_000;
    let now = process.now();
    process.ring.clear(now, &process.live);
    assert!(process.ring.memory() < before);
    assert!(process.last(u64::MAX).counts.is_empty());
    process.request(1, 8);
    process.at += 2_000;
    assert_eq!(started(&process.last(86_400_000)), 1);
    process.tick_at(process.at + 20_000);
    let sums = process.last(86_400_000);
    assert_eq!((started(&sums), sums.covered), (1, ms(22_000)));
    assert_eq!(durations_of(&sums), BTreeMap::from([((1, 8), 1)]));
}

#[test]
fn a_filter_leaves_out_the_rest() {
    let mut process = Process::new(settings(10_000), START);
    process.request(1, 1);
    process.tick_at(10_000);
    process.request(2, 1);
    let sums = |wanted: Key| {
        process.ring.sums(
            Span::Last(ms(60_000)),
            process.now(),
            &process.live,
            |key| *key == wanted,
        )
    };
    for endpoint in [1, 2] {
        let sums = sums(request_key(endpoint));
        assert_eq!(
            sums.counts.keys().collect::<Vec<_>>(),
            [&request_key(endpoint)]
        );
        assert!(sums.durations.is_empty());
    }
    let sums = sums(duration_key(2));
    assert!(sums.counts.is_empty());
    assert_eq!(
        sums.durations.keys().collect::<Vec<_>>(),
        [&duration_key(2)]
    );
}

#[test]
fn a_key_with_a_shared_name_takes_no_second_number() {
    let name: Arc<str> = "/endpoints/0001".into();
    let key = |name: &Arc<str>| Key::Errors {
        endpoint: Arc::clone(name),
        category: crate::facts::category::ErrorCategory::Database,
    };
    let live = |counts: Vec<(Key, Vec<u64>)>| Readings {
        counts,
        durations: Vec::new(),
    };
    let mut process = Process::new(settings(10_000), START);
    process.live = live(vec![(key(&name), vec![2])]);
    process.tick_at(10_000);
    // The same thing twice in one reading counts once.
    let other: Arc<str> = String::from(&*name).into();
    process.live = live(vec![(key(&other), vec![5]), (key(&name), vec![5])]);
    process.tick_at(20_000);
    assert_eq!(process.last(600_000).counts[&key(&name)], [5]);
}
