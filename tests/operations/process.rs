//! Measures the process that runs the test.

use std::{env, fs::File, process::Command, thread, time::UNIX_EPOCH};

use tower_vitals::Vitals;

use crate::exposition::Exposition;

/// Tells the child of a test that it is one.
const CHILD: &str = "TOWER_VITALS_CHILD";

fn measured() -> Vitals {
    let builder = Vitals::builder().process_metrics();
    builder.isolated().build().unwrap()
}

/// The first answers of all samplers.
fn first(vitals: &Vitals) -> Exposition {
    loop {
        let scrape = Exposition::of(vitals);
        let has = |name| scrape.samples.keys().any(|(known, _)| known == name);
        if has("process_threads") && has("memory_usage_bytes") && has("tokio_workers") {
            return scrape;
        }
        thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn the_process_its_container_and_its_runtime_are_measured() {
    let before = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let vitals = measured();
    let waits = tokio::spawn(std::future::pending::<()>());
    let scrape = first(&vitals);
    let value = |name| {
        let found = scrape.samples.iter().find(|((known, _), _)| known == name);
        found.map(|(_, value)| *value)
    };
    let within = |name, least: f64, most: f64| {
        let value = value(name).unwrap_or_else(|| panic!("no {name}"));
        assert!((least..=most).contains(&value), "{name} is {value}");
        value
    };
    within("process_cpu_seconds_total", 0.0, 1e6);
    within("process_threads", 6.0, 1e4);
    let open = within("process_open_fds", 3.0, 1e5);
    within("process_max_fds", open, 1e9);
    let resident = within("process_resident_memory_bytes", 1e6, 1e10);
    within("process_virtual_memory_bytes", resident, 1e15);
    within(
        "process_start_time_seconds",
        before - 86_400.0,
        before + 1.0,
    );
    within("memory_usage_bytes", 1e6, 1e13);
    within("memory_usage_percent", 0.1, 100.0);
    within("tokio_workers", 3.0, 3.0);
    within("tokio_alive_tasks", 1.0, 2.0);
    within("tokio_scheduling_lag_seconds", 0.0, 1e3);
    // They need two answers.
    assert_eq!(value("cpu_usage_percent"), None);
    assert_eq!(value("tokio_workers_busy_ratio"), None);
    let samplers = scrape.values("vitals_sample_age_seconds", "sampler");
    let expected = ["host", "memory", "process", "runtime"];
    assert_eq!(samplers, expected.map(str::to_owned).into());
    waits.abort();
}

/// Runs a test of this file again, alone in a process of its own.
fn in_child(test: &str, kind: &str) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", &format!("process::{test}"), "--test-threads=1"]);
    let output = child.env(CHILD, kind).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{kind}: {text}");
    assert!(text.contains("1 passed"), "{kind}: {text}");
}

/// In a process in which no other test opens files.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_open_files_of_the_process_are_counted() {
    if env::var_os(CHILD).is_none() {
        return in_child("the_open_files_of_the_process_are_counted", "files");
    }
    let open = || first(&measured()).sum("process_open_fds", &[]);
    let before = open();
    let files: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
    let more = open() - before;
    // The samplers of a stack ask at the same time, and read files.
    assert!((96.0..=104.0).contains(&more), "{more} more");
    drop(files);
}

#[test]
fn without_a_runtime_and_without_the_setting_there_is_nothing_of_it() {
    let vitals = measured();
    let own = [
        "process_",
        "memory_",
        "cpu_",
        "host_",
        "tokio_",
        "vitals_sample_",
    ];
    let shown = |vitals: &Vitals, begins: &str| {
        let scrape = Exposition::of(vitals);
        scrape.types.keys().any(|name| name.starts_with(begins))
    };
    while !shown(&vitals, "process_") {
        thread::yield_now();
    }
    assert!(!shown(&vitals, "tokio_"));
    let without = Vitals::builder().isolated().build().unwrap();
    for begins in own {
        assert!(!shown(&without, begins), "{begins}");
    }
}

#[tokio::test]
async fn the_samplers_end_with_their_stack() {
    let vitals = measured();
    first(&vitals);
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    assert_eq!(tasks(), 1);
    drop(vitals);
    while tasks() > 0 {
        tokio::task::yield_now().await;
    }
}

/// In processes whose recorder is ours.
#[tokio::test]
async fn the_names_of_the_process_are_the_applications_own_unless_it_is_measured() {
    const TEST: &str = "the_names_of_the_process_are_the_applications_own_unless_it_is_measured";
    let Ok(kind) = env::var(CHILD) else {
        in_child(TEST, "on");
        return in_child(TEST, "off");
    };
    let builder = || Vitals::builder().endpoint_cap(7);
    let vitals = match &*kind {
        "on" => builder().process_metrics().build().unwrap(),
        _ => builder().build().unwrap(),
    };
    metrics::gauge!("memory_usage_bytes").set(5.0);
    let scrape = match &*kind {
        "on" => first(&vitals),
        _ => Exposition::of(&vitals),
    };
    let value = scrape.sum("memory_usage_bytes", &[]);
    let dropped = scrape.sum("vitals_hook_failures_total", &[]);
    match &*kind {
        "on" => assert!(value > 5.0 && dropped == 1.0, "{value}, {dropped} dropped"),
        _ => assert_eq!((value, dropped), (5.0, 0.0)),
    }
    // The names are chosen once for the process.
    let other = match &*kind {
        "on" => builder().build(),
        _ => builder().process_metrics().build(),
    };
    assert_eq!(other.unwrap_err().field(), "metrics");
}
