//! What a process writes and a later one reads.

use super::*;
use crate::window::decode::Stored;

/// Two hours with requests of four endpoints: each has twice as many as the one before. Each request needs some work.
pub(super) fn two_hours() -> Process {
    let mut process = Process::new(settings(10_000), START);
    for slot in 1..=720 {
        process.at += 2_000;
        for endpoint in 0..4 {
            if slot % (8 >> endpoint) == 0 {
                process.request(endpoint, endpoint * 50);
                let outcome = CallOutcome::ALL[slot as usize % 5];
                process.work(slot as usize % 8, outcome, endpoint * 50);
            }
        }
        process.tick_at(slot * 10_000);
    }
    process
}

pub(super) fn bytes(process: &mut Process, limit: usize) -> (Vec<u8>, usize) {
    let now = process.now();
    process.ring.write(now, &process.live, limit)
}

#[test]
fn a_restart_keeps_what_was_counted() {
    let mut before = two_hours();
    before.at += 4_000;
    before.request(7, 3);
    let (written, left_out) = bytes(&mut before, 16 << 20);
    assert_eq!(left_out, 0);
    assert!(written.len() < 40_000, "{}", written.len());
    let all = before.last(u64::MAX);

    // Five minutes later.
    let later = before.at + 300_000;
    let mut process = Process::new(settings(10_000), START + later);
    let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
    let now = process.now();
    let restored = process.ring.restore(stored, now);
    assert_eq!(restored.until, Some(ms(START + before.at)));
    assert!(restored.durations);
    let sums = process.last(86_400_000);
    assert!(all.counts.contains_key(&work_key(5, CallOutcome::Panicked)));
    assert_eq!(sums.counts, all.counts);
    assert_eq!(sums.durations, all.durations);
    assert_eq!(
        (sums.covered, sums.restored),
        (ms(before.at), ms(before.at))
    );
    // The gap is empty.
    assert!(process.last(290_000).counts.is_empty());

    process.request(0, 9);
    process.tick_at(10_000);
    let sums = process.last(86_400_000);
    assert_eq!(started(&sums), started(&all) + 1);
    assert_eq!(
        (sums.covered, sums.restored),
        (ms(before.at + 10_000), ms(before.at))
    );
    assert_eq!(started(&process.last(300_000)), 1);

    // And once more. Another day later it is gone.
    let (written, _) = bytes(&mut process, 16 << 20);
    let wall = START + later + 20_000;
    for (wall, requests) in [(wall, started(&sums)), (wall + 90_000_000, 0)] {
        let mut process = Process::new(settings(10_000), wall);
        let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
        let now = process.now();
        process.ring.restore(stored, now);
        assert_eq!(started(&process.last(86_400_000)), requests);
    }
}

#[test]
fn many_short_processes_leave_few_slots() {
    let mut written = Vec::new();
    for n in 0..200 {
        let mut process = Process::new(settings(10_000), START + n * 10_000);
        if n > 0 {
            let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
            let now = process.now();
            process.ring.restore(stored, now);
        }
        process.request(0, 9);
        process.at = 2_000;
        (written, _) = bytes(&mut process, 16 << 20);
        assert_eq!(started(&process.last(86_400_000)), n + 1);
        assert_eq!(process.last(86_400_000).covered, ms(2_000 * (n + 1)));
        assert!(process.ring.counts.coarsest().slots.len() <= 4);
    }
}

#[test]
fn what_an_earlier_process_counted_in_the_future_is_not_taken() {
    let mut before = two_hours();
    let (written, _) = bytes(&mut before, 16 << 20);
    let mut process = Process::new(settings(10_000), START + 3_600_000);
    let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
    let now = process.now();
    let restored = process.ring.restore(stored, now);
    assert_eq!(restored.until, Some(ms(START + 3_600_000)));
    assert_eq!(
        process.last(86_400_000).counts,
        before
            .sums(Span::Between(ms(START), ms(START + 3_600_000)))
            .counts
    );
}

#[test]
fn the_busiest_endpoints_are_written_first() {
    let mut before = Process::new(settings(10_000), START);
    for slot in 1..=20 {
        before.at += 2_000;
        for endpoint in 0..40 {
            for _ in 0..=endpoint {
                before.request(endpoint, fastrand::usize(0..BUCKETS));
            }
        }
        before.tick_at(slot * 120_000);
    }
    let (whole, left_out) = bytes(&mut before, usize::MAX);
    assert_eq!(left_out, 0);
    let mut least = 40;
    for limit in (0..whole.len() + 4_000).step_by(499) {
        let (written, left_out) = bytes(&mut before, limit);
        assert!(written.len() <= limit.max(60), "{} {limit}", written.len());
        let mut process = Process::new(settings(10_000), START + before.at);
        let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
        let now = process.now();
        process.ring.restore(stored, now);
        let sums = process.last(86_400_000);
        // The whole endpoint, or nothing.
        for endpoint in 0..40 {
            let has = endpoint >= left_out;
            assert_eq!(sums.counts.contains_key(&request_key(endpoint)), has);
            assert_eq!(sums.durations.contains_key(&duration_key(endpoint)), has);
        }
        // All requests together are there before any endpoint.
        assert!(left_out == 40 || sums.counts.contains_key(&Key::Totals));
        assert!(left_out <= least);
        least = left_out;
    }
    assert_eq!(least, 0);
}

#[test]
fn durations_are_taken_only_with_the_same_buckets() {
    let mut before = two_hours();
    let (written, _) = bytes(&mut before, 16 << 20);
    let other = Bounds::new((1..BUCKETS as u64).map(|n| Duration::from_millis(n + n / 100)));
    let mut process = Process::new(Settings::new(&other), START + before.at);
    let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
    let now = process.now();
    let restored = process.ring.restore(stored, now);
    assert!(!restored.durations);
    let sums = process.last(86_400_000);
    assert_eq!(sums.counts, before.last(u64::MAX).counts);
    assert!(sums.durations.is_empty());

    let refused = Stored::from_bytes(&written, &settings(20_000));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "no stored window: slots of another length"
    );
}

#[test]
fn foreign_bytes_are_an_error_and_no_harm() {
    let settings = settings(10_000);
    let mut before = two_hours();
    let (good, _) = bytes(&mut before, 16 << 20);
    assert!(Stored::from_bytes(&good, &settings).is_ok());
    for length in 0..good.len() {
        assert!(
            Stored::from_bytes(&good[..length], &settings).is_err(),
            "{length}"
        );
    }
    let mut read = 0;
    for round in 0..6_000 {
        let mut bytes = good.clone();
        match round % 3 {
            // Some other bytes, of which many are at the beginning.
            0 => {
                for _ in 0..fastrand::usize(1..5) {
                    let at = fastrand::usize(0..bytes.len()) >> fastrand::u32(0..10);
                    bytes[at] = fastrand::u8(..);
                }
            }
            // A hostile number.
            1 => {
                let at = fastrand::usize(0..bytes.len()) >> fastrand::u32(0..10);
                let mut number = Vec::new();
                crate::window::varint::write(&mut number, u64::MAX >> fastrand::u32(0..64));
                bytes.splice(at..at + 1, number);
            }
            // Noise after a good beginning.
            _ => {
                bytes.truncate(fastrand::usize(0..40));
                bytes.extend(
                    std::iter::repeat_with(|| fastrand::u8(..)).take(fastrand::usize(0..300)),
                );
            }
        }
        let before = allocation_counter::measure(|| {
            let Ok(stored) = Stored::from_bytes(&bytes, &settings) else {
                return;
            };
            read += 1;
            let mut process = Process::new(settings, START + 8_000_000);
            let now = process.now();
            process.ring.restore(stored, now);
            process.request(0, 1);
            process.tick_at(10_000);
            let sums = process.last(86_400_000);
            assert!(sums.covered <= ms(86_400_000 + 600_000));
        });
        assert!(before.bytes_max < 1 << 20, "{}", before.bytes_max);
    }
    // Most changes of a count make another count.
    assert!(read > 100, "{read}");
}
