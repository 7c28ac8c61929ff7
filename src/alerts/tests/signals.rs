//! What each signal shows, and when it has no data.

use super::*;
use crate::alerts::{
    evaluate::Evaluator,
    presets,
    signal::Signal,
    unit::SignalUnit,
    verdict::{Reading, Verdict},
};

/// What a rule finds, with all alerts known that it names.
pub(super) fn evaluated(rule: &Rule, service: &Service, known: &[Labels]) -> Vec<Reading> {
    let rules = [checked(rule.clone())];
    let readings = Evaluator::default().evaluate(Part::All, &rules, service, &|_| known.to_vec());
    readings.all
}

/// What a rule finds that has one number.
pub(super) fn one(rule: Rule, service: &Service) -> Verdict {
    let mut all = evaluated(&rule, service, &[]);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).verdict
}

pub(super) fn above(signal: Signal, threshold: f64) -> Rule {
    Rule::new("a", signal).above(threshold)
}

/// A service that has run for a day.
pub(super) fn service() -> Service {
    let mut service = Service::new();
    service.now += 24 * HOUR;
    service
}

#[test]
fn rates_are_of_what_was_observed() {
    let mut service = Service::new();
    let per_second = || above(Signal::requests_per_second(), 0.5);
    let per_minute = || above(Signal::errors_per_minute(), 5.0);
    assert_eq!(one(per_second(), &service), Verdict::NoData);
    assert_eq!(one(per_minute(), &service), Verdict::NoData);
    service.now += 10 * SECOND;
    service.requests("/", 500, 4);
    assert_eq!(one(per_second(), &service), Verdict::Fine(0.4));
    // Ten seconds are not extrapolated to a minute.
    assert_eq!(one(per_minute(), &service), Verdict::Fine(4.0));
    service.now += 290 * SECOND;
    service.requests("/", 200, 296);
    assert_eq!(one(per_second(), &service), Verdict::Broken(1.0));
    assert_eq!(one(per_minute(), &service), Verdict::Fine(0.8));
    service.now += HOUR;
    // Nothing happened, and that is known.
    assert_eq!(one(per_second(), &service), Verdict::Fine(0.0));
    assert_eq!(
        one(above(Signal::in_flight(), 5.0), &service),
        Verdict::Broken(7.0)
    );
}

#[test]
fn an_error_rate_without_requests_has_no_data() {
    let mut service = service();
    let rule = || above(Signal::error_rate_percent(), 5.0);
    assert_eq!(one(rule(), &service), Verdict::NoData);
    service.requests("/", 500, 1);
    assert_eq!(one(rule(), &service), Verdict::Unjudged(100.0));
    service.requests("/", 500, 19);
    assert_eq!(one(rule(), &service), Verdict::Broken(100.0));
    let below = Rule::new("a", Signal::error_rate_percent()).below(5.0);
    assert_eq!(one(below.clone(), &service), Verdict::Fine(100.0));
    service.requests("/", 200, 981);
    assert_eq!(
        one(below, &service),
        Verdict::Broken(20.0 * 100.0 / 1_001.0)
    );
}

#[test]
fn errors_are_told_by_category_and_by_endpoint() {
    let mut service = service();
    service.requests("/a", 200, 100);
    service.requests("/b", 200, 100);
    service.errors("/a", ErrorCategory::Database, 30);
    service.errors("/a", ErrorCategory::Timeout, 50);
    let signal = Signal::error_rate_percent().category(ErrorCategory::Database);
    assert_eq!(
        one(above(signal.clone(), 5.0), &service),
        Verdict::Broken(15.0)
    );
    let each = evaluated(&above(signal.clone(), 5.0).each_endpoint(), &service, &[]);
    assert_eq!(each.len(), 1);
    assert_eq!(each[0].labels, labels(&[("endpoint", "/a")]));
    assert_eq!(each[0].verdict, Verdict::Broken(30.0));
    // One that has an alert is asked for, too.
    let known = [
        labels(&[("endpoint", "/b")]),
        labels(&[("endpoint", "/gone")]),
    ];
    let each = evaluated(&above(signal, 5.0).each_endpoint(), &service, &known);
    assert_eq!(each.len(), 2);
    assert_eq!(each[1].verdict, Verdict::Fine(0.0));
}

#[test]
fn latency_counts_what_is_above_the_threshold() {
    let mut service = service();
    let rule = || above(Signal::p95_ms(), 2_000.0);
    assert_eq!(one(rule(), &service), Verdict::NoData);
    let ms = Duration::from_millis;
    service.took("/", ms(2_000), 95);
    service.took("/", ms(2_001), 5);
    // 5 of 100 are not more than 5 %, and what takes as long as the threshold is not above it.
    let Verdict::Fine(value) = one(rule(), &service) else {
        panic!("5 % are not above 5 %");
    };
    assert!((1_900.0..=2_000.0).contains(&value), "{value}");
    service.took("/", ms(2_001), 1);
    let Verdict::Broken(value) = one(rule(), &service) else {
        panic!("6 of 101 are above 5 %");
    };
    assert!((2_000.0..2_100.0).contains(&value), "{value}");
    for (signal, is_broken) in [(Signal::p50_ms(), false), (Signal::p99_ms(), true)] {
        let verdict = one(above(signal, 2_000.0), &service);
        assert_eq!(matches!(verdict, Verdict::Broken(_)), is_broken);
    }
    assert!(matches!(
        one(rule().at_least(102), &service),
        Verdict::Unjudged(_)
    ));
    let below = Rule::new("a", Signal::p95_ms()).below(2_000.0);
    assert!(matches!(one(below, &service), Verdict::Fine(_)));
}

#[test]
fn the_verdict_of_a_latency_follows_from_published_buckets() {
    for seed in 0..2_000 {
        fastrand::seed(seed);
        let mut service = service();
        let times = fastrand::usize(20..200);
        for _ in 0..times {
            let nanos = 1_u64 << fastrand::u32(16..36);
            let time = Duration::from_nanos(nanos + fastrand::u64(0..nanos));
            service.took("/", time, 1);
        }
        let published = service.bounds.published();
        let edge = fastrand::usize(0..published.len());
        let threshold = published[edge] * 1_000.0;
        // What Prometheus sees: how many are not above the edge, of all.
        let mut counts = vec![0; service.bounds.buckets()];
        for (_, _, more) in &service.durations {
            counts
                .iter_mut()
                .zip(more)
                .for_each(|(sum, more)| *sum += more);
        }
        let buckets = service.bounds.published_counts(&counts);
        let upto: u64 = buckets[..=edge].iter().sum();
        let slower = times as u64 - upto;
        let is_broken = slower as f64 > 0.05 * times as f64;
        match one(above(Signal::p95_ms(), threshold), &service) {
            Verdict::Broken(value) => assert!(is_broken && value >= threshold, "{seed}"),
            Verdict::Fine(value) => assert!(!is_broken && value <= threshold, "{seed}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_spike_is_a_growth_over_the_window_before() {
    let mut service = Service::new();
    let rule = || above(Signal::error_spike_percent(), 100.0);
    service.now += 5 * MINUTE;
    service.requests("/", 500, 20);
    // Nobody knows the window before.
    assert_eq!(one(rule(), &service), Verdict::NoData);
    service.now += 5 * MINUTE + SECOND * 10;
    // The window was observed for 300 seconds, and the one before for 310. So 20 there are 19.4 here.
    service.requests("/", 500, 38);
    assert!(matches!(one(rule(), &service), Verdict::Fine(_)));
    service.requests("/", 500, 3);
    let grown = (41.0 / (20.0 * 300.0 / 310.0) - 1.0) * 100.0;
    let Verdict::Broken(value) = one(rule(), &service) else {
        panic!("41 are more than twice as much");
    };
    assert!((value - grown).abs() < 1e-9, "{value}");
    assert!(matches!(
        one(rule().at_least(42), &service),
        Verdict::Fine(_)
    ));
    // From nothing to 41 is a spike, too, and each endpoint has its own.
    service.now += 20 * MINUTE;
    service.requests("/new", 500, 41);
    assert_eq!(one(rule(), &service), Verdict::Broken(4_000.0));
    let each = evaluated(&rule().each_endpoint(), &service, &[]);
    assert_eq!(
        each[0].labels,
        labels(&[("endpoint", "/new"), ("method", "GET")])
    );
}

#[test]
fn work_beside_requests_has_signals() {
    let mut service = service();
    let ms = Duration::from_millis;
    service.work(Work::Query, "orders", CallOutcome::Success, ms(50), 94);
    service.work(Work::Query, "users", CallOutcome::Success, ms(1_500), 6);
    assert!(matches!(
        one(presets::slow_query_time(), &service),
        Verdict::Broken(_)
    ));
    let orders = Signal::query_p95_ms().only("orders");
    assert!(matches!(
        one(above(orders, 1_000.0), &service),
        Verdict::Fine(_)
    ));
    assert_eq!(one(presets::slow_queries(), &service), Verdict::Fine(6.0));
    service.work(Work::Outbound, "groq", CallOutcome::Success, ms(5), 60);
    service.work(Work::Outbound, "groq", CallOutcome::Timeout, ms(5), 40);
    service.work(Work::Outbound, "groq", CallOutcome::Cancelled, ms(5), 100);
    service.work(Work::Outbound, "maps", CallOutcome::Success, ms(5), 100);
    let found = evaluated(&presets::external_errors().at_least(200), &service, &[]);
    // A call that nobody waited for is no failure of the service.
    assert!(found.is_empty(), "{found:?}");
    let rule = above(Signal::external_error_rate_percent(), 19.0);
    let found = evaluated(&rule, &service, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].labels, labels(&[("service", "groq")]));
    assert_eq!(found[0].verdict, Verdict::Broken(20.0));
    service.work(Work::Job, "rollup", CallOutcome::Panicked, ms(5), 1);
    let found = evaluated(&presets::job_failed(), &service, &[]);
    assert_eq!(found[0].labels, labels(&[("job", "rollup")]));
    assert_eq!(found[0].verdict, Verdict::Broken(1.0));
}

#[test]
fn a_service_that_is_called_seldom_and_fails_is_not_missed() {
    let rule = above(Signal::external_error_rate_percent(), 20.0);
    let mut play = Play::new([rule]);
    for minute in 0..300 {
        if minute % 6 == 0 {
            let service = &mut play.service;
            service.work(Work::Outbound, "groq", CallOutcome::Error, SECOND, 1);
        }
        play.minute();
    }
    assert_eq!(play.fired("a").len(), 1);
}

#[test]
fn what_is_now_has_a_number_for_each_of_its_kind() {
    let mut service = service();
    let missing = [
        presets::pool_usage(),
        presets::disk_space_low(),
        presets::certificate_expires(),
        presets::queue_backlog(),
        presets::runtime_lag(),
        presets::usual()[2].clone(),
        presets::usual()[3].clone(),
        presets::workers_down("workers"),
    ];
    for rule in missing {
        assert_eq!(one(rule, &service), Verdict::NoData);
    }
    service.gauges = vec![
        (Gauge::PoolPercent, "primary".to_owned(), 90.0),
        (Gauge::PoolPercent, "replica".to_owned(), 10.0),
        (Gauge::CircuitsOpen, String::new(), 1.0),
        (Gauge::DiskFreePercent, "/".to_owned(), 9.0),
        (Gauge::MemoryPercent, String::new(), f64::NAN),
    ];
    let found = evaluated(&presets::pool_usage(), &service, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].labels, labels(&[("pool", "primary")]));
    let replica = above(Signal::pool_usage_percent().only("replica"), 5.0);
    assert_eq!(one(replica, &service), Verdict::Broken(10.0));
    assert_eq!(
        one(presets::usual()[3].clone(), &service),
        Verdict::Broken(1.0)
    );
    assert_eq!(one(presets::usual()[2].clone(), &service), Verdict::NoData);
    assert_eq!(
        one(presets::disk_space_critical(), &service),
        Verdict::Broken(9.0)
    );
    service.own_gauges = vec![
        ("workers".to_owned(), labels(&[("queue", "mail")]), 0.0),
        ("workers".to_owned(), labels(&[("queue", "sms")]), 3.0),
    ];
    let found = evaluated(&presets::workers_down("workers"), &service, &[]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].labels, labels(&[("queue", "mail")]));
    let sms = Signal::gauge("workers", &[("queue", "sms")]);
    assert_eq!(one(above(sms, 2.0), &service), Verdict::Broken(3.0));
}

#[test]
fn the_application_is_asked_and_no_number_is_no_data() {
    let service = service();
    for (answer, verdict) in [
        (None, Verdict::NoData),
        (Some(f64::NAN), Verdict::NoData),
        (Some(2.0), Verdict::Fine(2.0)),
        (Some(2.5), Verdict::Broken(2.5)),
        (Some(f64::INFINITY), Verdict::Broken(f64::INFINITY)),
    ] {
        let signal = Signal::asked("own", SignalUnit::Count, move || answer);
        assert_eq!(one(above(signal, 2.0), &service), verdict);
    }
}

#[test]
fn each_window_is_summed_once_for_all_rules() {
    let rules = (0..100).map(|index| {
        let signal = [Signal::error_rate_percent(), Signal::p95_ms()];
        Rule::new(format!("rule_{index}"), signal[index % 2].clone()).above(5.0)
    });
    let mut play = Play::new(rules);
    play.service.requests("/", 200, 100);
    play.minute();
    // 5 minutes, 15 minutes, an hour and six hours.
    assert_eq!(play.service.summed.get(), 4);
}
