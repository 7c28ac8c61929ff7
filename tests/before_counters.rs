//! Does work before the process has counters. It is a process of its own, with one test.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/exposition.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod exposition;

use std::{io, sync::mpsc, thread, time::Duration};

use tower_vitals::{
    Vitals,
    health::{Health, Status},
    job, job_queue, monitored,
    operations::{CallOutcome, PoolState, circuit, pool, record_call},
    query,
};

use self::exposition::Exposition;

const FAST: Duration = Duration::from_micros(10);

#[tokio::test]
async fn work_before_the_stack_is_counted_and_fixes_no_settings() {
    // A migration, for example.
    for _ in 0..3 {
        query("INSERT", "products").run(async {}).await;
    }
    // More than once made the counters, with default settings.
    for _ in 0..65_537 {
        monitored("seed").time(|| ());
    }
    let failed = monitored("read_settings").try_run(async { Err::<(), _>(io::Error::other("no")) });
    failed.await.unwrap_err();
    let rollup = job("rollup").every(Duration::from_secs(3_600));
    let health = Health::builder().check(rollup.check()).start().unwrap();
    rollup.clone().run(async {}).await;
    record_call("groq", CallOutcome::Timeout, Duration::from_millis(300));
    circuit("groq").opened();
    pool("shop", || PoolState {
        size: 3,
        idle: 1,
        max: 5,
    })
    .start()
    .unwrap();
    job_queue("orders", || 7).start().unwrap();
    // What goes wrong meanwhile is counted later, too.
    let (asked, was_asked) = mpsc::channel();
    let broken = move || -> usize {
        let _ = asked.send(());
        panic!("as asked")
    };
    job_queue("broken", broken).start().unwrap();
    was_asked.recv().unwrap();

    // Some go on while the counters are made.
    let calls = || (0..5_000).for_each(|_| record_call("racing", CallOutcome::Success, FAST));
    let threads = [(); 4].map(|()| thread::spawn(calls));
    let vitals = Vitals::builder()
        .metric_prefix("shop_")
        .buckets([0.2, 0.4])
        .health(health.service())
        .build()
        .unwrap();
    query("INSERT", "products").run(async {}).await;
    for thread in threads {
        thread.join().unwrap();
    }
    let shown = loop {
        let shown = Exposition::of(&vitals);
        let queue = (
            "shop_job_queue_length".to_owned(),
            [("queue".to_owned(), "orders".to_owned())].into(),
        );
        if shown.samples.contains_key(&queue)
            && shown.sum("shop_db_connection_pool_size", &[]) > 0.0
            && shown.sum("shop_vitals_hook_failures_total", &[]) > 0.0
        {
            break shown;
        }
        tokio::task::yield_now().await;
    };
    let value = |name: &str, labels: &[(&str, &str)]| shown.sum(&format!("shop_{name}"), labels);
    let products = [("operation", "INSERT"), ("table", "products")];
    assert_eq!(value("db_query_duration_seconds_count", &products), 4.0);
    let seed = [("name", "seed"), ("outcome", "success")];
    assert_eq!(
        value("monitored_operation_duration_seconds_count", &seed),
        65_537.0
    );
    assert_eq!(value("vitals_dropped_total", &[]), 0.0);
    let settings = [("name", "read_settings"), ("outcome", "error")];
    assert_eq!(
        value("monitored_operation_duration_seconds_count", &settings),
        1.0
    );
    let succeeded = [("job", "rollup"), ("outcome", "success")];
    assert_eq!(value("job_runs_total", &succeeded), 1.0);
    assert!(value("job_last_success_timestamp_seconds", &[]) > 1.7e9);
    let timeout = [("service", "groq"), ("outcome", "timeout")];
    assert_eq!(value("external_calls_total", &timeout), 1.0);
    assert_eq!(value("vitals_hook_failures_total", &[]), 1.0);
    let racing = [("service", "racing"), ("outcome", "success")];
    assert_eq!(value("external_calls_total", &racing), 20_000.0);
    // By the buckets that the stack chose later.
    let below = |le| {
        value(
            "external_call_duration_seconds_bucket",
            &[("service", "groq"), ("le", le)],
        )
    };
    assert_eq!([below("0.2"), below("0.4"), below("+Inf")], [0.0, 1.0, 1.0]);
    assert_eq!(value("circuit_breaker_open_count", &[]), 1.0);
    assert_eq!(value("db_connection_pool_in_use", &[("pool", "shop")]), 2.0);
    assert_eq!(value("job_queue_length", &[("queue", "orders")]), 7.0);
    while health.reports()[0].runs == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(health.reports()[0].status, Status::Healthy);
}
