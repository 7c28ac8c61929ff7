//! Incidents, minute by minute.

use super::*;
use crate::alerts::{alert::Notice, presets, signal::Signal};

const RULE: &str = "high_error_rate";

/// The usual rule over the error rate of the whole service.
fn usual() -> Play {
    Play::new(presets::usual().into_iter().take(1))
}

#[test]
fn one_failure_of_one_request_is_silent() {
    let mut play = usual();
    play.minutes(3);
    play.service.requests("/orders", 500, 1);
    play.minutes(600);
    assert!(play.fired(RULE).is_empty());
    assert_eq!(play.state(RULE), AlertState::NoData);
    let pending = play.came(RULE, AlertState::Pending);
    assert!(pending.is_empty(), "{pending:?}");
}

#[test]
fn nine_failures_of_ten_requests_an_hour_fire_once_the_twentieth_is_there() {
    let mut play = usual();
    let mut requests = 0;
    let mut twentieth = 0;
    for minute in 0..600 {
        if minute % 6 == 0 {
            requests += 1;
            let status = if requests % 10 == 0 { 200 } else { 500 };
            play.service.requests("/orders", status, 1);
            if requests == 20 {
                twentieth = minute;
            }
        }
        play.minute();
    }
    let fired = play.fired(RULE);
    assert_eq!(fired.len(), 1, "{fired:?}");
    // Two minutes, and one evaluation.
    assert!(
        (twentieth..=twentieth + 3).contains(&fired[0]),
        "{fired:?} {twentieth}"
    );
    assert!(play.resolved(RULE).is_empty());
    assert_eq!(play.state(RULE), AlertState::Firing);
}

/// How often the alert fires in 10 hours of 10 requests an hour at these moments, of which 9 fail.
fn firings(mut arrivals: Vec<Duration>) -> usize {
    arrivals.sort_unstable();
    let mut play = usual();
    let mut next = arrivals.into_iter().peekable();
    for _ in 0..600 {
        while let Some(at) = next.next_if(|at| BEGIN + *at <= play.service.now + MINUTE) {
            let status = if fastrand::u8(0..10) == 0 { 200 } else { 500 };
            play.service.requests_at(BEGIN + at, "/orders", status, 1);
        }
        play.minute();
    }
    play.fired(RULE).len()
}

#[test]
fn nine_failures_of_ten_requests_an_hour_at_random_fire_and_seldom_more_than_twice_in_ten_hours() {
    let anywhere = |hours: std::ops::Range<u64>| {
        let seconds = fastrand::f64() * 3_600.0 * (hours.end - hours.start) as f64;
        HOUR * hours.start as u32 + Duration::from_secs_f64(seconds)
    };
    for (what, spread) in [("in each hour", false), ("in ten hours", true)] {
        let mut counts = Vec::new();
        for seed in 0..100 {
            fastrand::seed(seed);
            let arrivals = (0..100).map(|index| match spread {
                true => anywhere(0..10),
                false => anywhere(index / 10..index / 10 + 1),
            });
            counts.push(firings(arrivals.collect()));
        }
        let share = |most: usize| counts.iter().filter(|count| **count <= most).count();
        println!(
            "{what}: once {}, at most twice {} of 100",
            share(1),
            share(2)
        );
        assert_eq!(share(0), 0, "each service fires");
        assert!(share(2) >= 80 && share(4) == 100, "{counts:?}");
    }
}

#[test]
fn a_burst_of_failures_and_then_silence_fires_once() {
    let mut play = usual();
    for _ in 0..5 {
        play.service.requests("/orders", 500, 100);
        play.minute();
    }
    play.minutes(24 * 60);
    assert_eq!(play.fired(RULE), [3]);
    // The last failure is in the window of 5 minutes until the 8th, and then the alert is held for 15 minutes.
    assert_eq!(play.resolved(RULE), [24]);
    let ends = play
        .log
        .iter()
        .filter_map(|(_, one)| one.alert.resolve_reason);
    assert_eq!(ends.collect::<Vec<_>>(), [ResolveReason::NoData]);
}

#[test]
fn one_failure_half_an_hour_and_five_hours_after_an_incident_is_silent() {
    let mut play = usual();
    for _ in 0..10 {
        play.service.requests("/orders", 500, 60);
        play.minute();
    }
    play.minutes(30);
    play.service.requests("/orders", 500, 1);
    play.minutes(270);
    play.service.requests("/orders", 500, 1);
    play.minutes(60);
    assert_eq!(play.fired(RULE), [3]);
    assert_eq!(play.resolved(RULE).len(), 1);
    assert_eq!(play.came(RULE, AlertState::Pending), [1]);
}

#[test]
fn a_counter_that_begins_anew_in_an_incident_changes_nothing() {
    let mut play = Play::new([presets::payment_failures().keep_firing_for(Duration::ZERO)]);
    let mut counted = [0.0, 0.0];
    for minute in 0..120 {
        if minute == 60 {
            counted = [0.0, 0.0];
        }
        counted = [counted[0] + 3.0, counted[1] + 10.0];
        let counters = &mut play.service.counters;
        counters.insert("payments_processed_totalfailed".to_owned(), counted[0]);
        counters.insert("payments_processed_total".to_owned(), counted[1]);
        play.minute();
    }
    let name = "payment_failure_rate";
    assert_eq!(play.fired(name).len(), 1);
    assert!(play.resolved(name).is_empty());
    let alert = &play.watch.engine().firing()[0];
    assert_eq!(alert.value, Some(30.0));
}

#[test]
fn half_a_percent_at_a_thousand_requests_a_second_is_silent() {
    let mut play = usual();
    for _ in 0..600 {
        play.service.requests("/orders", 200, 59_700);
        play.service.requests("/orders", 500, 300);
        play.minute();
    }
    assert!(play.log.is_empty(), "{:?}", play.log);
    assert_eq!(play.state(RULE), AlertState::Inactive);
}

#[test]
fn six_percent_fires_after_its_time() {
    let mut play = usual();
    for minute in 0..120 {
        let failed = if minute < 60 { 6 } else { 0 };
        play.service.requests("/orders", 200, 100 - failed);
        play.service.requests("/orders", 500, failed);
        play.minute();
    }
    assert_eq!(play.came(RULE, AlertState::Pending), [1]);
    assert_eq!(play.fired(RULE), [3]);
    // At the 61st, 18 of the 400 requests in the window failed, which are 4.5 %.
    assert_eq!(play.resolved(RULE), [76]);
    let (_, fired) = &play.log[1];
    let message = "Alert: high_error_rate - error_rate_percent is 6.00 (threshold: 5.00)";
    assert_eq!(fired.alert.message, message);
    assert_eq!(fired.notice, Notice::Tell);
}

#[test]
fn five_percent_is_not_above_five_percent() {
    let mut play = usual();
    for _ in 0..60 {
        play.service.requests("/orders", 200, 95);
        play.service.requests("/orders", 500, 5);
        play.minute();
    }
    assert!(play.log.is_empty());
}

#[test]
fn an_endpoint_that_fails_breaks_its_own_rule_and_not_that_of_all() {
    let total = presets::usual().into_iter().take(1);
    let each = Rule::new("endpoint_fails", Signal::error_rate_percent())
        .above(50.0)
        .each_endpoint();
    let named = Rule::new("seven_fails", Signal::error_rate_percent())
        .above(50.0)
        .endpoint("/7")
        .method("GET");
    let mut play = Play::new(total.chain([each, named]));
    for _ in 0..60 {
        for endpoint in 0..50 {
            let status = if endpoint == 7 { 500 } else { 200 };
            play.service.requests(&format!("/{endpoint}"), status, 10);
        }
        play.minute();
    }
    assert!(play.fired(RULE).is_empty());
    assert_eq!(play.fired("endpoint_fails").len(), 1);
    assert_eq!(play.fired("seven_fails").len(), 1);
    let firing = play.watch.engine().firing();
    let place = labels(&[("endpoint", "/7"), ("method", "GET")]);
    assert!(firing.len() == 2 && firing.iter().all(|alert| alert.labels == place));
    assert_ne!(firing[0].fingerprint, firing[1].fingerprint);
    assert_eq!(
        firing[0].message,
        r#"Alert: endpoint_fails{endpoint="/7",method="GET"} - error_rate_percent is 100.00 (threshold: 50.00)"#
    );
}

#[test]
fn each_endpoint_needs_enough_requests_and_a_named_one_can_have_few() {
    let each = Rule::new("each", Signal::error_rate_percent())
        .above(50.0)
        .each_endpoint();
    let named = Rule::new("named", Signal::error_rate_percent())
        .above(50.0)
        .endpoint("/rare");
    let mut play = Play::new([each, named]);
    for minute in 0..300 {
        if minute % 6 == 0 {
            play.service.requests("/rare", 500, 1);
        }
        play.minute();
    }
    assert!(play.fired("each").is_empty());
    assert_eq!(play.fired("named").len(), 1);
}

#[test]
fn one_incident_is_told_once_with_its_repeats_and_its_end() {
    let rule = presets::usual().into_iter().next().unwrap();
    let mut play = Play::new([rule.repeat(15 * MINUTE)]);
    for minute in 0..60 {
        // A million requests fail, at different endpoints and in different ways.
        for endpoint in 0..50 {
            let status = 500 + ((endpoint + minute) % 100) as u16;
            play.service.requests(&format!("/{endpoint}"), status, 334);
        }
        play.minute();
    }
    play.minutes(60);
    let told: Vec<_> = play
        .log
        .iter()
        .filter(|(_, one)| one.notice == Notice::Tell)
        .map(|(minute, one)| (*minute, one.alert.state, one.is_repeat()))
        .collect();
    // Since minute 65 nothing has failed, and until 79 it is not known whether that lasts.
    let firing = |minute, is_repeat| (minute, AlertState::Firing, is_repeat);
    let mut expected = vec![firing(3, false)];
    expected.extend([18, 33, 48, 63].map(|minute| firing(minute, true)));
    expected.push((79, AlertState::Resolved, false));
    assert_eq!(told, expected);
    let mut known: Vec<_> = play
        .log
        .iter()
        .map(|(_, one)| one.alert.fingerprint)
        .collect();
    known.dedup();
    assert_eq!(known.len(), 1);
}
