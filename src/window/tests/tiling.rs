//! Random runs against a list of all requests and of all work.

use super::*;

/// Counts random requests and other work until the next tick, at an odd time each.
fn requests_until(process: &mut Process, at: u64, endpoints: usize) {
    for _ in 0..fastrand::usize(0..6) {
        if at > process.at + 1 {
            let stay = process.at;
            process.at = (fastrand::u64(process.at..at) / 2 * 2) + 2;
            let bucket = fastrand::usize(0..BUCKETS);
            if fastrand::bool() {
                process.request(fastrand::usize(0..endpoints), bucket);
            }
            if fastrand::bool() {
                let outcome = fastrand::choice(CallOutcome::ALL).unwrap();
                process.work(fastrand::usize(0..endpoints * 4), outcome, bucket);
            }
            process.at = stay;
        }
    }
}

/// A process whose ticks come at random times, some late and some lost.
fn random(slot: u64, slots: u64, trouble: bool) -> Process {
    // Not on a multiple of any slot.
    let start = START + fastrand::u64(0..slot * 200) / 2 * 2;
    let mut process = Process::new(settings(slot), start);
    let until = slot * slots;
    while process.at < until {
        let next = match fastrand::u32(0..if trouble { 100 } else { 1 }) {
            0..90 => slot - (start + process.at) % slot,
            90..98 => fastrand::u64(2..slot * 3),
            98 => fastrand::u64(2..slot * 40),
            _ => fastrand::u64(2..slot * 400),
        };
        let next = process.at + next.div_ceil(2) * 2;
        requests_until(&mut process, next, 5);
        process.tick_at(next);
    }
    let next = process.at + fastrand::u64(0..slot) / 2 * 2;
    requests_until(&mut process, next, 6);
    process.at = next;
    process
}

#[test]
fn random_windows_hold_exactly_what_was_counted_in_them() {
    for round in 0..8 {
        let slots = [20, 400, 2_500, 11_000][round % 4];
        let process = random(100, slots, round % 3 > 0);
        for _ in 0..12 {
            let window = fastrand::u64(0..=process.at) >> fastrand::u32(0..8);
            let window = window.min(864_000);
            let sums = process.last(window);
            process.check(&sums);
            assert!(process.since(sums.begin) <= process.at as i64 - window as i64);
            assert!(process.since(sums.durations_begin) <= process.at as i64 - window as i64);
            let from = process.at.saturating_sub(fastrand::u64(0..864_000));
            let to = fastrand::u64(from..=process.at);
            let wall = |at: u64| ms((at as i64 + process.wall) as u64);
            let sums = process.sums(Span::Between(wall(from), wall(to)));
            process.check(&sums);
            assert!(process.since(sums.begin) <= from as i64);
        }
    }
}

#[test]
fn windows_that_tile_a_run_add_up_to_it() {
    for round in 0..16 {
        let slots = [30, 700, 3_000, 8_000][round / 4];
        let process = random(100, slots, round % 2 > 0);
        let span = [Span::Between, Span::Step][round / 2 % 2];
        let between = |from: u64, to: u64| {
            let wall = |at: u64| ms((at as i64 + process.wall) as u64);
            process.sums(span(wall(from), wall(to)))
        };
        let random = std::iter::repeat_with(|| fastrand::u64(0..=process.at));
        // The last one is still to come.
        let ends = [0, process.at, process.at + 70];
        let mut cuts: Vec<_> = random.take(7).chain(ends).collect();
        cuts.sort_unstable();
        let mut tiles = (HashMap::new(), BTreeMap::<_, u64>::new(), Duration::ZERO);
        let mut work = HashMap::<_, Vec<u64>>::new();
        let mut ends = None;
        for cut in cuts.windows(2) {
            let sums = between(cut[0], cut[1]);
            assert!(ends.is_none_or(|ends| ends == (sums.begin, sums.durations_begin)));
            ends = Some((sums.end, sums.durations_end));
            tiles.2 += sums.covered;
            for (bucket, count) in durations_of(&sums) {
                *tiles.1.entry(bucket).or_default() += count;
            }
            for (key, counts) in work_durations_of(&sums) {
                let sum = work.entry(key).or_insert_with(|| vec![0; counts.len()]);
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            for (key, counts) in sums.counts {
                let sum = tiles.0.entry(key).or_insert_with(|| vec![0; counts.len()]);
                for (sum, count) in sum.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
        }
        let whole = between(0, process.at);
        assert_eq!(
            tiles,
            (whole.counts.clone(), durations_of(&whole), whole.covered)
        );
        assert_eq!(work, work_durations_of(&whole));
    }
}

#[test]
fn nothing_is_lost_by_late_and_lost_ticks() {
    for _ in 0..4 {
        let process = random(100, 5_000, true);
        let sums = process.last(u64::MAX);
        process.check(&sums);
        assert_eq!(started(&sums), process.requests.len() as u64);
        assert_eq!(sums.covered, ms(process.at));
        assert_eq!(durations_of(&sums).values().sum::<u64>(), started(&sums));
    }
}

#[test]
fn a_late_tick_makes_one_long_slot() {
    let mut process = Process::new(settings(10_000), START);
    process.tick_at(10_000);
    process.at = 12_000;
    process.request(0, 1);
    process.tick_at(45_000);
    process.at = 47_000;
    process.request(0, 2);
    process.tick_at(50_000);
    let sums = process.last(20_000);
    assert_eq!((process.since(sums.begin), started(&sums)), (10_000, 2));
    let sums = process.last(5_000);
    assert_eq!((process.since(sums.begin), started(&sums)), (45_000, 1));
}
