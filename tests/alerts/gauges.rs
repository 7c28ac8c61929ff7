//! Judges what is now: pools, queues, jobs, circuits, checks, disks, memory.

use std::{thread, time::Duration};

use tower_vitals::{
    Vitals,
    alerts::{Rule, Signal},
    circuit,
    health::{Health, Role, Status},
    job, job_queue,
    operations::{PoolState, disk_space},
    pool,
};

use crate::{alert, exposition::Exposition, firing, stack};

/// A rule that is always broken, where there is a number.
fn any(name: &str, signal: Signal) -> Rule {
    let rule = Rule::new(name, signal).above(-1e9);
    rule.pending_for(Duration::ZERO)
}

fn value(vitals: &Vitals, name: &str) -> f64 {
    alert(vitals, name).unwrap().value.unwrap()
}

#[tokio::test]
async fn each_number_of_now_is_judged_by_its_name() {
    let health = Health::builder()
        .manual("database", Role::Critical)
        .manual("cache", Role::Optional)
        .start()
        .unwrap();
    let share = |name: &str, signal: Signal| {
        let rule = Rule::new(name, signal).above(0.0);
        rule.pending_for(Duration::ZERO)
    };
    let vitals = stack([
        share("pool", Signal::pool_usage_percent()),
        any("queue", Signal::queue_length()),
        any("job", Signal::job_age()),
        share("circuit", Signal::circuit_breaker_open_count()),
        share("check", Signal::health_check_failed()),
        Rule::new("disk", Signal::disk_free_percent())
            .below(100.0)
            .pending_for(Duration::ZERO),
        any("in_flight", Signal::in_flight()),
    ])
    .health(health.service())
    .build()
    .unwrap();
    let metrics = vitals.metrics();
    let state = |size, idle, max| PoolState { size, idle, max };
    let pools = [("primary", state(10, 1, 10)), ("replica", state(4, 4, 8))];
    for (name, state) in pools {
        pool(name, move || state).metrics(metrics).start().unwrap();
    }
    job_queue("emails", || 17).metrics(metrics).start().unwrap();
    disk_space("/").metrics(metrics).start().unwrap();
    job("rollup").metrics(metrics).time(|| ());
    circuit("groq").metrics(metrics).opened();
    circuit("redis").metrics(metrics).closed();
    health.set("database", Status::Unhealthy, Some("down"));
    health.set("cache", Status::Degraded, None);
    for family in [
        "db_connection_pool_max",
        "job_queue_length",
        "disk_size_bytes",
    ] {
        while Exposition::of(&vitals).sum(family, &[]) == 0.0 {
            thread::yield_now();
        }
    }
    while Exposition::of(&vitals).sum("db_connection_pool_max", &[]) < 18.0 {
        thread::yield_now();
    }
    vitals.alerts().evaluate();
    let expected = [
        "pool primary",
        "queue emails",
        "job rollup",
        "circuit",
        "check database",
        "disk /",
        "in_flight",
    ];
    assert_eq!(firing(&vitals), expected);
    assert_eq!(value(&vitals, "pool"), 90.0);
    assert_eq!(
        (value(&vitals, "queue"), value(&vitals, "circuit")),
        (17.0, 1.0)
    );
    assert!((0.0..60.0).contains(&value(&vitals, "job")));
    let free = Exposition::of(&vitals);
    let free = 100.0 * free.sum("disk_free_bytes", &[]) / free.sum("disk_size_bytes", &[]);
    assert!((value(&vitals, "disk") - free).abs() < 5.0);
    assert_eq!(value(&vitals, "in_flight"), 0.0);
}

#[test]
fn no_circuit_breaker_is_none_that_is_open() {
    let open = Rule::new("open", Signal::circuit_breaker_open_count()).above(0.0);
    let vitals = stack([open]).build().unwrap();
    assert_eq!(vitals.alerts().evaluate(), []);
    assert_eq!(alert(&vitals, "open"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_judged_also_where_nobody_publishes_it() {
    let memory = any("memory", Signal::memory_usage_percent());
    let vitals = stack([memory]).label("region", "eu").build().unwrap();
    vitals.alerts().evaluate();
    let used = value(&vitals, "memory");
    assert!((0.0..=100.0).contains(&used), "{used}");
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("memory_usage_percent", &[]), 0.0);
}

#[test]
fn a_constant_label_is_not_taken_for_a_name() {
    let all = [
        any("queue", Signal::queue_length().only("emails")),
        Rule::new("open", Signal::circuit_breaker_open_count())
            .above(0.0)
            .pending_for(Duration::ZERO),
    ];
    let vitals = stack(all).label("region", "eu").build().unwrap();
    let metrics = vitals.metrics();
    circuit("groq").metrics(metrics).opened();
    job_queue("emails", || 3).metrics(metrics).start().unwrap();
    while Exposition::of(&vitals).sum("job_queue_length", &[]) == 0.0 {
        thread::yield_now();
    }
    vitals.alerts().evaluate();
    assert_eq!(firing(&vitals), ["queue emails", "open"]);
}
