//! Clocks that stand still and jump.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{
    super::{ticking::Shared, view::View},
    *,
};

/// Ten minutes with a request in each slot.
fn ten_minutes() -> Process {
    let mut process = Process::new(settings(10_000), START);
    for slot in 1..=60 {
        process.at += 2_000;
        process.request(0, 1);
        process.tick_at(slot * 10_000);
    }
    process
}

#[test]
fn a_suspended_process_leaves_a_gap() {
    let mut process = ten_minutes();
    process.at += 2_000;
    process.request(0, 1);
    process.at += 2_000;
    // Suspended for an hour.
    process.wall += 3_600_000;
    for tick in [false, true] {
        if tick {
            process.tick();
        }
        // What was counted before is not newer than it is.
        let sums = process.last(300_000);
        assert_eq!((started(&sums), sums.covered), (0, Duration::ZERO));
        assert_eq!(sums.end - sums.begin, ms(300_000));
        let sums = process.last(3_600_000 + 64_000);
        assert_eq!((started(&sums), sums.covered), (7, ms(64_000)));
        let sums = process.last(86_400_000);
        assert_eq!((started(&sums), sums.covered), (61, ms(604_000)));
        assert_eq!(durations_of(&sums), BTreeMap::from([((0, 1), 61)]));
    }
    process.request(0, 2);
    process.tick_at(process.at + 10_000);
    process.at += 2_000;
    let sums = process.last(300_000);
    assert_eq!((started(&sums), sums.covered), (1, ms(12_000)));
    let sums = process.last(86_400_000);
    assert_eq!((started(&sums), sums.covered), (62, ms(616_000)));
}

#[test]
fn a_clock_that_is_set_back_and_forth_loses_nothing() {
    let mut process = ten_minutes();
    for jump in [-3_600_000, 3_600_000, -20_000, 20_000] {
        process.wall += jump;
        process.request(0, 1);
        process.tick_at(process.at + 10_000);
        let sums = process.last(86_400_000);
        assert_eq!(started(&sums), process.requests.len() as u64);
        assert_eq!(process.since(sums.end), process.at as i64);
        // Times are those of the wall clock as it is now.
        let gap = if jump > 30_000 { jump } else { 0 };
        assert_eq!(
            process.since(sums.last[&request_key(0)]),
            process.at as i64 - gap
        );
    }
    let sums = process.last(86_400_000);
    assert_eq!(sums.covered, ms(process.at));
}

#[test]
fn ten_years_ahead_leave_nothing_that_looks_fresh() {
    let mut process = ten_minutes();
    process.request(0, 1);
    process.wall += 10 * 365 * 86_400_000;
    assert_eq!(started(&process.last(86_400_000)), 0);
    process.tick_at(process.at + 10_000);
    let sums = process.last(86_400_000);
    assert_eq!((started(&sums), sums.covered), (0, Duration::ZERO));
    process.request(0, 1);
    process.tick_at(process.at + 10_000);
    assert_eq!(started(&process.last(86_400_000)), 1);
    // And back.
    process.wall -= 10 * 365 * 86_400_000;
    process.request(0, 1);
    process.tick_at(process.at + 10_000);
    let sums = process.last(86_400_000);
    assert_eq!(
        (started(&sums), process.since(sums.end)),
        (2, process.at as i64)
    );
}

#[test]
fn ten_thousand_missed_ticks_cost_one_and_serve_nothing_old() {
    let mut process = ten_minutes();
    process.tick_at(process.at + 10_000 * 10_000);
    let slots = |process: &Process| {
        let tracks = [&process.ring.counts, &process.ring.durations];
        tracks.map(|track| track.levels.each_ref().map(|level| level.slots.len()))
    };
    // The long slot, and no old one.
    assert_eq!(slots(&process), [[1; 3]; 2]);
    let sums = process.last(300_000);
    assert_eq!(started(&sums), 0);
    process.request(0, 1);
    process.at += 2_000;
    assert_eq!(started(&process.last(1_000)), 1);
    process.tick_at(process.at + 10_000);
    assert_eq!(started(&process.last(10_000)), 1);
}

#[test]
fn the_number_of_slots_is_bounded_whatever_the_clocks_do() {
    let mut process = Process::new(settings(10_000), START);
    for _ in 0..1_500 {
        if fastrand::u32(0..3) == 0 {
            process.wall += fastrand::i64(-100_000..200_000);
        }
        if process.at as i64 + process.wall < 0 {
            process.wall = START as i64;
        }
        process.request(0, 1);
        process.tick_at(process.at + fastrand::u64(0..20_000) / 2 * 2);
        let sums = process.last(fastrand::u64(0..100_000_000));
        assert!(sums.covered <= sums.end.saturating_sub(sums.begin));
    }
    // Each gap of more than 30 s ends a slot of each length.
    for track in [&process.ring.counts, &process.ring.durations] {
        for level in &track.levels {
            assert!(level.slots.len() < 8_640, "{}", level.slots.len());
        }
    }
}

#[test]
fn the_next_tick_is_at_the_next_multiple() {
    let mut process = Process::new(settings(10_000), START + 7_000);
    assert_eq!(process.ring.until_next(process.now()), ms(3_000));
    process.tick_at(3_000);
    assert_eq!(process.ring.until_next(process.now()), ms(10_000));
    process.tick_at(13_004);
    assert_eq!(process.ring.until_next(process.now()), ms(9_996));
}

#[test]
fn windows_that_follow_each_other_share_their_edge_though_the_clocks_drift() {
    let process = ten_minutes();
    let (live, at) = (process.live.clone(), process.now());
    let read = AtomicU64::new(0);
    // The wall clock runs faster than the other one: a millisecond from reading to reading.
    let clock = move || Moment {
        wall: at.wall + ms(read.fetch_add(1, Relaxed)),
        ..at
    };
    let shared = Shared::new(
        process.ring,
        Box::new(move || live.clone()),
        Box::new(clock),
    );
    for window in [10_000, 60_000, 300_000] {
        let view = View::new(&shared);
        let last = view.sums(Span::Last(ms(window)), |_| true);
        let before = Span::Between(last.begin - ms(window), last.begin);
        let before = view.sums(before, |_| true);
        assert_eq!(before.end, last.begin);
        let slots = window / 10_000;
        assert_eq!((started(&last), started(&before)), (slots, slots));
    }
}
