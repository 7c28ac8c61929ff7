//! What a process writes of its work beside requests, and a later one reads.

use super::{bytes::bytes, *};
use crate::window::decode::Stored;

#[test]
fn the_busiest_work_is_written_first_beside_the_busiest_endpoints() {
    let mut before = Process::new(settings(10_000), START);
    for slot in 1..=20 {
        before.at += 2_000;
        for number in 0..40 {
            for _ in 0..=number {
                let bucket = fastrand::usize(0..BUCKETS);
                // Eight numbers have one name.
                before.work(number * 8, CallOutcome::Success, bucket);
            }
        }
        before.request(0, 1);
        before.tick_at(slot * 120_000);
    }
    let (whole, left_out) = bytes(&mut before, usize::MAX);
    assert_eq!(left_out, 0);
    let mut least = 41;
    for limit in (0..whole.len() + 4_000).step_by(499) {
        let (written, left_out) = bytes(&mut before, limit);
        assert!(written.len() <= limit.max(60), "{} {limit}", written.len());
        let mut process = Process::new(settings(10_000), START + before.at);
        let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
        let now = process.now();
        process.ring.restore(stored, now);
        let sums = process.last(86_400_000);
        let kept = |number: usize| {
            let has = sums
                .counts
                .contains_key(&work_key(number * 8, CallOutcome::Success));
            let durations = &sums.durations;
            assert_eq!(has, durations.contains_key(&work_duration_key(number * 8)));
            has
        };
        // The endpoint has as few requests as the first one has calls.
        let endpoint = usize::from(sums.counts.contains_key(&request_key(0)));
        let missing = (0..40).filter(|number| !kept(*number)).count();
        assert_eq!(missing + 1 - endpoint, left_out);
        assert!((missing..40).all(kept) && left_out <= least);
        least = left_out;
    }
    assert_eq!(least, 0);
}

#[test]
fn an_endpoint_and_work_of_one_name_are_kept_apart() {
    let named = |name: &str| -> Vec<Key> {
        let name: Arc<str> = name.into();
        let kinds = Work::ALL.into_iter().map(|work| Key::Work {
            work,
            name: Arc::clone(&name),
            detail: 0,
            outcome: Some(CallOutcome::Success),
        });
        let of_type = Key::ErrorType {
            endpoint: Arc::clone(&name),
            category: crate::facts::category::ErrorCategory::Database,
            error_type: "orders: é".into(),
        };
        let endpoint = Key::Errors {
            endpoint: Arc::clone(&name),
            category: crate::facts::category::ErrorCategory::Database,
        };
        // Nobody knows how it ended.
        let unjudged = Key::Work {
            work: Work::Query,
            name: Arc::clone(&name),
            detail: 0,
            outcome: None,
        };
        kinds.chain([endpoint, of_type, unjudged]).collect()
    };
    let mut before = Process::new(settings(10_000), START);
    for (count, key) in (1..).zip(named("orders")) {
        let length = crate::window::numbers::length(&key, BUCKETS);
        found(&mut before.live.counts, key, length)[0] = count;
    }
    before.tick_at(10_000);
    let (written, _) = bytes(&mut before, 16 << 20);
    let mut process = Process::new(settings(10_000), START + before.at);
    let stored = Stored::from_bytes(&written, &process.ring.settings).unwrap();
    let now = process.now();
    process.ring.restore(stored, now);
    let sums = process.last(86_400_000);
    for (count, key) in (1..).zip(named("orders")) {
        assert_eq!(sums.counts[&key][0], count, "{key:?}");
    }
}

#[test]
fn a_file_without_work_is_read_also_in_the_versions_before_and_a_later_version_is_not() {
    let settings = settings(10_000);
    let mut before = Process::new(settings, START);
    before.request(0, 7);
    before.tick_at(10_000);
    let (mut written, _) = bytes(&mut before, 16 << 20);
    assert_eq!(written[0], 3);
    for version in [1, 2, 3] {
        written[0] = version;
        let mut process = Process::new(settings, START + before.at);
        let stored = Stored::from_bytes(&written, &settings).unwrap();
        let now = process.now();
        process.ring.restore(stored, now);
        assert_eq!(started(&process.last(86_400_000)), 1, "{version}");
    }
    for version in [0, 4, 255] {
        written[0] = version;
        let refused = Stored::from_bytes(&written, &settings).unwrap_err();
        assert_eq!(refused.to_string(), "no stored window: another version");
    }
}

#[test]
fn work_that_cannot_be_is_refused() {
    let settings = settings(10_000);
    let head = |key: &[u8]| {
        let mut bytes = vec![3];
        crate::window::varint::write(&mut bytes, 10_000);
        bytes.extend(settings.grid.to_le_bytes());
        bytes.push(1);
        bytes.extend(key);
        // No slots.
        bytes.extend([0, 0]);
        bytes
    };
    let refused = |key: &[u8]| {
        let read = Stored::from_bytes(&head(key), &settings);
        read.err().map(|error| error.to_string())
    };
    let because = |reason: &str| Some(format!("no stored window: {reason}"));
    // The kind, the name with its length, the kind of work, the detail, the outcome.
    assert_eq!(refused(&[4, 1, b'x', 1, 14, 4]), None);
    assert_eq!(refused(&[4, 1, b'x', 1, 0, 5]), None, "nobody knows");
    assert_eq!(refused(&[5, 1, b'x', 3, 0]), None);
    assert_eq!(
        refused(&[4, 1, b'x', 1, 15, 0]),
        because("an unknown operation")
    );
    assert_eq!(
        refused(&[5, 1, b'x', 2, 1]),
        because("an unknown operation")
    );
    assert_eq!(
        refused(&[4, 1, b'x', 4, 0, 0]),
        because("an unknown kind of work")
    );
    assert_eq!(
        refused(&[4, 1, b'x', 0, 0, 6]),
        because("an unknown outcome")
    );
    // The name, the category, the type of the error.
    assert_eq!(refused(&[6, 1, b'x', 8, 1, b'E']), None);
    assert_eq!(
        refused(&[6, 1, b'x', 9, 1, b'E']),
        because("an unknown category")
    );
    assert_eq!(refused(&[6, 1, b'x', 0, 9, b'E']), because("torn"));
    assert_eq!(refused(&[7, 1, b'x', 0, 0]), because("an unknown key"));
}
