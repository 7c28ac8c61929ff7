//! Says in statistics what everything else says of functions, queries and their kin.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    env,
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use http::{Method, StatusCode};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::{sleep, timeout};
use tower_vitals::{
    Vitals, job_queue,
    metrics::Metrics,
    operations::{CallOutcome, monitored, outbound, query},
    statistics::{Statistics, WorkStatistics},
};

use crate::{directory::Directory, exposition::Exposition};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const TABLES: [&str; 4] = ["orders", "prices", "overflow", "unmatched"];

fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

/// What happened since the start. No test takes so long.
fn all(vitals: &Vitals) -> Statistics {
    vitals.statistics().over(DAY).unwrap()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs a function until it ends so, after so many milliseconds.
async fn run(metrics: &Metrics, name: &'static str, outcome: CallOutcome, millis: u64) {
    let function = monitored(name).metrics(metrics);
    match outcome {
        CallOutcome::Success => function.run(sleep(ms(millis))).await,
        CallOutcome::Cancelled => {
            let run = function.run(pending::<()>());
            assert!(timeout(ms(millis), run).await.is_err());
        }
        CallOutcome::Panicked => {
            // Without the hook, which would print it.
            let panics = || resume_unwind(Box::new("as asked"));
            let result = catch_unwind(AssertUnwindSafe(|| function.time::<()>(panics)));
            assert!(result.is_err());
        }
        CallOutcome::Error | CallOutcome::Timeout => {
            let guard = function.start();
            sleep(ms(millis)).await;
            guard.end(outcome);
        }
    }
}

/// Everything that was done: by kind and labels, the calls, and their milliseconds, rounded.
type Done = BTreeMap<(&'static str, Vec<String>), (u64, u64)>;

/// What statistics say of durations and outcomes.
fn by_statistics(lately: &Statistics) -> Done {
    let mut done = Done::new();
    let mut add = |kind, labels: &[&str], work: &WorkStatistics| {
        assert_eq!(work.calls, work.outcomes.values().sum::<u64>());
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let told = (work.calls, work.total_ms.round() as u64);
        assert_eq!(done.insert((kind, labels), told), None);
    };
    for one in &lately.operations {
        add("operation", &[&one.name], &one.work);
    }
    for one in &lately.queries {
        add("query", &[one.operation, &one.table], &one.work);
    }
    done
}

/// What a scrape says of the same.
fn by_scrape(scrape: &Exposition) -> Done {
    let mut done = Done::new();
    for ((name, labels), value) in &scrape.samples {
        let (kind, shown) = match name.rsplit_once('_') {
            Some(("monitored_operation_duration_seconds", _)) => ("operation", &["name"][..]),
            Some(("db_query_duration_seconds", _)) => ("query", &["operation", "table"][..]),
            _ => continue,
        };
        let key = shown.iter().map(|label| labels[*label].clone()).collect();
        let (calls, millis) = done.entry((kind, key)).or_default();
        match name.rsplit_once('_').unwrap().1 {
            "count" => *calls += *value as u64,
            "sum" => *millis += (value * 1e3).round() as u64,
            _ => {}
        }
    }
    done
}

#[tokio::test(start_paused = true)]
async fn functions_and_queries_are_counted_by_name_and_outcome() {
    let vitals = isolated();
    let metrics = vitals.metrics();
    for (millis, outcome) in (1..).zip(CallOutcome::ALL) {
        for _ in 0..millis {
            run(metrics, "fetch", outcome, millis * 100).await;
        }
    }
    let select = || query("select", "orders").metrics(metrics);
    select().run(sleep(ms(20))).await;
    select().run(sleep(ms(40))).await;
    query("VACUUM", "orders")
        .metrics(metrics)
        .run(ready(()))
        .await;

    let lately = all(&vitals);
    let fetch = &lately.operation("fetch").unwrap().work;
    let outcomes = CallOutcome::ALL.map(|outcome| fetch.outcomes[outcome.as_str()]);
    assert_eq!(outcomes, [1, 2, 3, 4, 5]);
    assert_eq!((fetch.calls, fetch.errors, fetch.cancelled), (15, 10, 4));
    assert_eq!(fetch.error_rate, Some(10.0 / 15.0));
    // The panics took no time.
    assert_eq!(fetch.total_ms, 100.0 + 400.0 + 900.0 + 1_600.0);
    let orders = &lately.query("SELECT", "orders").unwrap().work;
    assert_eq!((orders.calls, orders.mean_ms), (2, Some(30.0)));
    assert_eq!(lately.query("other", "orders").unwrap().work.calls, 1);
    assert_eq!((lately.queries.len(), lately.operations.len()), (2, 1));
    assert!(lately.outbound.is_empty() && lately.jobs.is_empty());
    // Nothing of it is a request.
    assert_eq!((lately.started, lately.total.requests), (0, 0));
    assert_eq!(by_statistics(&lately), by_scrape(&Exposition::of(&vitals)));
}

#[tokio::test(start_paused = true)]
async fn quantiles_of_work_are_within_five_percent() {
    let vitals = isolated();
    for millis in 1..=200 {
        let query = query("SELECT", "orders").metrics(vitals.metrics());
        query.run(sleep(ms(millis))).await;
    }
    let lately = all(&vitals);
    let work = &lately.query("SELECT", "orders").unwrap().work;
    for (told, exact) in [
        (work.p50_ms, 100.0),
        (work.p95_ms, 190.0),
        (work.p99_ms, 198.0),
        (work.max_ms, 200.0),
    ] {
        let told = told.unwrap();
        assert!((told / exact - 1.0).abs() < 0.05, "{told} for {exact}");
    }
    assert_eq!(work.mean_ms, Some(100.5));
    assert!(work.last_updated.is_some());
}

#[tokio::test(start_paused = true)]
async fn statistics_and_metrics_say_the_same_of_any_work() {
    for _ in 0..20 {
        let vitals = isolated();
        let metrics = vitals.metrics();
        let mut expected = Done::new();
        for _ in 0..fastrand::usize(..60) {
            let millis = 1 + (fastrand::u64(..1 << 16) >> fastrand::u32(..16));
            let table = fastrand::choice(TABLES).unwrap();
            let mut add = |kind, labels: &[&str], millis| {
                let labels = labels.iter().map(|label| (*label).to_owned()).collect();
                let (calls, sum) = expected.entry((kind, labels)).or_default();
                *calls += 1;
                *sum += millis;
            };
            if fastrand::bool() {
                let outcome = fastrand::choice(CallOutcome::ALL).unwrap();
                run(metrics, table, outcome, millis).await;
                let panicked = outcome == CallOutcome::Panicked;
                add("operation", &[table], if panicked { 0 } else { millis });
            } else {
                let operation = fastrand::choice(["SELECT", "INSERT", "other"]).unwrap();
                let query = query(operation, table).metrics(metrics);
                query.run(sleep(ms(millis))).await;
                add("query", &[operation, table], millis);
            }
        }
        assert_eq!(by_statistics(&all(&vitals)), expected);
        let scrape = Exposition::of(&vitals);
        assert_eq!(by_scrape(&scrape), expected);
        assert_eq!(scrape.sum("vitals_overflow_total", &[]), 0.0);
    }
}

#[test]
fn names_above_the_cap_are_in_statistics_together_and_exactly() {
    let vitals = isolated();
    for number in 0..300 {
        let name = String::leak(format!("function {number}"));
        for _ in 0..2 {
            monitored(name).metrics(vitals.metrics()).time(|| ());
        }
    }
    let lately = all(&vitals);
    assert_eq!(lately.operations.len(), 257);
    assert_eq!(lately.operations[0].name, "overflow", "the busiest");
    assert_eq!(lately.operations[0].work.calls, 2 * 44);
    let calls = lately.operations.iter().map(|one| one.work.calls);
    assert_eq!(calls.sum::<u64>(), 600);
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("vitals_overflow_total", &[]), 88.0);
    assert_eq!(by_statistics(&lately).len(), by_scrape(&scrape).len());
}

#[test]
fn work_of_many_threads_is_exact_while_statistics_are_read() {
    const THREADS: u64 = 4;
    const EACH: u64 = 2_000;
    let builder = Vitals::builder().isolated().statistics_slot(ms(1));
    let vitals = builder.build().unwrap();
    let calls = || {
        all(&vitals)
            .operation("busy")
            .map_or(0, |one| one.work.calls)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        monitored("busy").metrics(vitals.metrics()).time(|| ());
                    }
                })
            })
            .collect();
        let mut last = 0;
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            let now = calls();
            assert!(last <= now && now <= THREADS * EACH, "{last} {now}");
            last = now;
        }
    });
    assert_eq!(calls(), THREADS * EACH);
}

/// All numbers of all work. The slots of an earlier process are longer, so the time of the last call is not as exact.
fn numbers(lately: &Statistics) -> Vec<WorkStatistics> {
    let operations = lately.operations.iter().map(|one| one.work.clone());
    let queries = lately.queries.iter().map(|one| one.work.clone());
    let without_time = |mut work: WorkStatistics| {
        work.last_updated = None;
        work
    };
    operations.chain(queries).map(without_time).collect()
}

/// The stack of one process, which keeps its state in this file.
fn begin(file: &Path) -> Vitals {
    Vitals::builder()
        .isolated()
        .service_name("shop")
        .state_file(file)
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_restart_keeps_what_was_done() {
    let directory = Directory::new("work");
    let file = directory.path("state");
    let mut before: Option<Statistics> = None;
    for round in 1..=3 {
        let vitals = begin(&file);
        let restored = all(&vitals);
        if let Some(before) = before {
            assert_eq!(numbers(&restored), numbers(&before));
            assert!(restored.restored_seconds > 0.0);
        }
        // Counters are those of the process. Statistics are those of the service.
        assert!(by_scrape(&Exposition::of(&vitals)).is_empty());
        for (n, outcome) in CallOutcome::ALL.into_iter().enumerate() {
            for _ in 0..=n {
                run(vitals.metrics(), "fetch", outcome, 1).await;
            }
            let table = TABLES[n % TABLES.len()];
            let query = query("DELETE", table).metrics(vitals.metrics());
            query.run(ready(())).await;
        }
        let lately = all(&vitals);
        let fetch = &lately.operation("fetch").unwrap().work;
        let outcomes = CallOutcome::ALL.map(|outcome| fetch.outcomes[outcome.as_str()]);
        assert_eq!(outcomes, [1, 2, 3, 4, 5].map(|count| count * round));
        let orders = lately.query("DELETE", "orders").unwrap();
        assert_eq!(orders.work.calls, 2 * round);
        let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
        assert!(!report.unsaved);
        before = Some(lately);
    }
}

/// Is set in the process that has the recorder.
const ALONE: &str = "TOWER_VITALS_TEST_ALONE";

/// It has a process of its own, since a process has one recorder.
#[test]
fn with_a_recorder_of_the_application_statistics_and_the_recorder_have_all_work() {
    if env::var_os(ALONE).is_some() {
        return with_a_recorder();
    }
    let this =
        "statistics::with_a_recorder_of_the_application_statistics_and_the_recorder_have_all_work";
    let mut alone = Command::new(env::current_exe().unwrap());
    let alone = alone
        .args(["--exact", this])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&alone.stdout);
    assert!(
        alone.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

fn with_a_recorder() {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&[0.1, 1.0])
        .unwrap()
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    let vitals = Vitals::builder().use_global_recorder().build().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        for millis in [250, 500, 3_000] {
            monitored("fetch").run(sleep(ms(millis))).await;
            query("SELECT", "orders").run(sleep(ms(millis))).await;
        }
    });
    let functions = r#"monitored_operation_duration_seconds_N{name="fetch",outcome="success"}"#;
    let queries = r#"db_query_duration_seconds_N{operation="SELECT",table="orders"}"#;
    let mut text = String::new();
    let value = |text: &str, key: &str| -> Option<f64> {
        let mut values = text.lines().filter_map(|line| line.strip_prefix(key));
        values.next()?.trim().parse().ok()
    };
    // It is published once a second.
    let has_all = (0..1_000).any(|_| {
        thread::sleep(ms(10));
        text = handle.render();
        [functions, queries].iter().all(|family| {
            let of = |what| value(&text, &family.replace('N', what));
            // The recorder adds up seconds in floats.
            let is_sum = |sum: f64| (sum - 3.75).abs() < 1e-9;
            of("count") == Some(3.0) && of("sum").is_some_and(is_sum)
        })
    });
    assert!(has_all, "{text}");
    let lately = all(&vitals);
    assert_eq!(lately.operation("fetch").unwrap().work.total_ms, 3_750.0);
    assert_eq!(lately.query("SELECT", "orders").unwrap().work.calls, 3);
}

#[test]
fn a_label_of_a_family_comes_before_a_constant_one_of_its_name() {
    let builder = Vitals::builder().isolated().label("service", "shop");
    let vitals = builder.build().unwrap();
    let groq = outbound("groq").metrics(vitals.metrics());
    groq.record(CallOutcome::Success, Duration::from_millis(3));
    vitals
        .metrics()
        .record_request(&Method::GET, "/", StatusCode::OK, Duration::ZERO);
    // A name that is there twice is no text for Prometheus.
    let shown = Exposition::of(&vitals);
    let calls = [("service", "groq"), ("outcome", "success")];
    assert_eq!(shown.sum("external_calls_total", &calls), 1.0);
    assert_eq!(
        shown.sum(
            "http_requests_total",
            &[("service", "shop"), ("status", "200")]
        ),
        1.0
    );
}

#[test]
fn statistics_show_what_samplers_said_last() {
    let builder = Vitals::builder().isolated().metric_prefix("shop_");
    let vitals = builder.build().unwrap();
    let waiting = job_queue("emails", || 7).metrics(vitals.metrics());
    waiting.start().unwrap();
    let key = r#"shop_job_queue_length{queue="emails"}"#;
    // A thread asks at once, and nobody waits for it.
    let length = loop {
        if let Some(length) = all(&vitals).samples.get(key) {
            break *length;
        }
        thread::yield_now();
    };
    assert_eq!(length, 7.0);
    let snapshot = vitals.metrics().snapshot();
    let samples = all(&vitals).samples;
    let age = r#"shop_vitals_sample_age_seconds{sampler="job_queue:emails"}"#;
    let keys: Vec<_> = samples.keys().map(String::as_str).collect();
    assert_eq!(keys, [key, age]);
    assert_eq!(snapshot.gauges[key], 7.0);
}
