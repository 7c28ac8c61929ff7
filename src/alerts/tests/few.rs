//! Compares the rule for few requests with its description.

use super::*;
use crate::alerts::few::{Counts, ShareRule, Stretches};

/// The rule for few requests, as it is described.
fn few(percent: f64, at_least: u64, window: Duration, counts: &dyn Fn(Duration) -> Counts) -> bool {
    let [quarter, hour, six] = [15, 60, 360].map(|minutes| minutes * MINUTE);
    let is_above =
        |counts: Counts| counts.failures as f64 / counts.requests as f64 * 100.0 > percent;
    let failed = |time| counts(time).failures;
    if counts(window).requests >= at_least {
        return is_above(counts(window));
    }
    if hour > window && counts(hour).requests >= at_least {
        return is_above(counts(hour)) && failed(window) >= 1 && failed(quarter) >= 2;
    }
    if six > window && counts(six).requests >= at_least {
        return is_above(counts(six)) && failed(quarter) >= 1 && failed(hour) >= 2;
    }
    false
}

#[test]
fn few_requests_are_judged_as_it_is_described() {
    let mut broken = 0;
    for seed in 0..20_000 {
        fastrand::seed(seed);
        // Requests of the last hours: how long ago, and whether they failed.
        let rare = fastrand::u8(1..30);
        let requests: Vec<_> = (0..fastrand::usize(0..60))
            .map(|_| {
                let ago = MINUTE * fastrand::u32(0..400) / fastrand::u32(1..30);
                (ago, fastrand::u8(0..rare) == 0)
            })
            .collect();
        let counts = |time: Duration| {
            let within = requests.iter().filter(|(ago, _)| *ago < time);
            Counts {
                requests: within.clone().count() as u64,
                failures: within.filter(|(_, failed)| *failed).count() as u64,
            }
        };
        let minutes = fastrand::choice([1, 5, 15, 30, 60, 120, 360, 720]).unwrap();
        let rule = ShareRule {
            threshold: f64::from(fastrand::u8(1..60)) + 0.3,
            at_least: fastrand::u64(1..30),
            window: MINUTE * minutes,
        };
        let judged = rule.judge(&Stretches::new(10 * SECOND), counts);
        let expected = few(rule.threshold, rule.at_least, rule.window, &counts);
        assert_eq!(judged.is_broken, expected, "{seed} {rule:?} {requests:?}");
        broken += usize::from(expected);
    }
    assert!((2_000..18_000).contains(&broken), "{broken}");
}

#[test]
fn longer_times_keep_their_proportion_to_the_slots() {
    let short = Stretches::new(Duration::from_millis(10));
    assert_eq!(short.quarter, Duration::from_millis(900));
    assert_eq!(short.hour, Duration::from_millis(3_600));
    assert_eq!(short.six_hours, Duration::from_millis(21_600));
}

#[test]
fn a_share_that_is_the_threshold_is_neither_above_nor_below_it() {
    for tenths in 1..1_000_u32 {
        let threshold = f64::from(tenths) / 10.0;
        for requests in 20..1_600_u64 {
            let thousandths = u64::from(tenths) * requests;
            let failures = thousandths / 1_000;
            let counts = Counts { failures, requests };
            let more = Counts {
                failures: failures + 1,
                requests,
            };
            let is_equal = thousandths % 1_000 == 0;
            assert!(!counts.is_above(threshold), "{counts:?} {threshold}");
            assert_eq!(
                !counts.is_below(threshold),
                is_equal,
                "{counts:?} {threshold}"
            );
            assert!(more.is_above(threshold), "{more:?} {threshold}");
        }
    }
}
