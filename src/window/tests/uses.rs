//! Whose durations are given up first.

use super::*;
use crate::window::{budget, decode::Stored};

/// Gives up the durations of one slot: those that were used least.
fn give_up_one_slot(process: &mut Process) -> u64 {
    let Ring {
        durations, uses, ..
    } = &mut process.ring;
    budget::give_up(durations, uses, 1)
}

/// Whether a window of a day has all durations of an endpoint.
fn has_durations(process: &Process, endpoint: usize) -> bool {
    process.last(86_400_000).durations[&duration_key(endpoint)].is_some()
}

#[test]
fn what_a_day_used_least_is_given_up_first_though_it_is_busy_now() {
    let mut process = Process::new(settings(10_000), START);
    for slot in 1..=725 {
        for endpoint in 0..4 {
            // In the half-hour that is not over the quiet one has most requests.
            let times = match (endpoint, slot > 720) {
                (0, false) => 1,
                (_, false) => 5,
                (0, true) => 40,
                (_, true) => 1,
            };
            (0..times).for_each(|bucket| process.request(endpoint, bucket));
        }
        process.tick_at(slot * 10_000);
    }
    assert_eq!(give_up_one_slot(&mut process), 1);
    let kept = [0, 1, 2, 3].map(|endpoint| has_durations(&process, endpoint));
    assert_eq!(kept, [false, true, true, true]);
}

#[test]
fn what_was_used_long_ago_counts_less_than_what_is_used_now() {
    let mut process = Process::new(settings(10_000), START);
    for slot in 1..=41 * 180 {
        match slot {
            // 1,440 requests, twenty hours ago.
            ..=180 => (0..8).for_each(|bucket| process.request(0, bucket)),
            // 1,200 since then.
            _ if slot % 6 == 0 => process.request(1, 7),
            _ => {}
        }
        process.tick_at(slot * 10_000);
    }
    assert_eq!(give_up_one_slot(&mut process), 1);
    let kept = [0, 1].map(|endpoint| has_durations(&process, endpoint));
    assert_eq!(kept, [false, true]);
}

#[test]
fn what_an_earlier_process_used_counts() {
    let mut before = bytes::two_hours();
    let (written, _) = bytes::bytes(&mut before, 16 << 20);
    let mut process = Process::new(settings(10_000), START + before.at + 60_000);
    let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
    let now = process.now();
    process.ring.restore(stored, now);
    assert!(give_up_one_slot(&mut process) > 0);
    let kept = [0, 3].map(|endpoint| has_durations(&process, endpoint));
    assert_eq!(kept, [false, true]);
}

#[test]
fn a_budget_holds_before_the_first_half_hour_is_over() {
    let mut process = Process::new(settings(10_000).budget(0), START);
    for slot in 1..=60 {
        process.request(0, 5);
        process.request(1, 9);
        process.tick_at(slot * 10_000);
    }
    // The half-hour that is not over is counted from its beginning, and needs no slot.
    assert!(has_durations(&process, 0));
    let lately = process.last(300_000).durations;
    assert_eq!(lately.len(), 2);
    assert!(lately.values().all(Option::is_none));
}
