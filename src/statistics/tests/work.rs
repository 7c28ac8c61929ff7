use super::*;
use crate::{
    facts::{
        query::Operation,
        work::{CallOutcome, Work},
    },
    metrics::readings::work,
};

const SUCCESS: CallOutcome = CallOutcome::Success;

impl Window {
    /// A piece of work that took so many milliseconds.
    fn work(&mut self, work: Work, name: &str, detail: u8, outcome: CallOutcome, millis: u64) {
        let name: Arc<str> = name.into();
        let nanos = millis * 1_000_000;
        let key = Key::WorkDurations {
            work,
            name: Arc::clone(&name),
            detail,
        };
        let fine = self.sums.durations.entry(key).or_insert(Some(Vec::new()));
        let fine = fine.as_mut().unwrap();
        fine.resize(self.bounds.buckets(), 0);
        fine[self.bounds.index(nanos)] += 1;
        let key = Key::Work {
            work,
            name,
            detail,
            outcome: Some(outcome),
        };
        let mut counts = vec![0; work::COUNTS];
        counts[work::CALLS] = 1;
        counts[work::NANOS] = nanos;
        self.add(key, &counts);
    }
}

#[test]
fn work_looks_in_json_as_the_api_shows_it() {
    let mut window = Window::new();
    for (millis, outcome) in (1..).zip(CallOutcome::ALL) {
        for work in Work::ALL {
            window.work(work, "x", 0, outcome, millis * 100);
        }
    }
    window.work(
        Work::Query,
        "x",
        Operation::named("insert").index(),
        SUCCESS,
        7,
    );
    let statistics = serde_json::to_value(window.statistics()).unwrap();
    let shown = |millis: u64| {
        let bounds = &window.bounds;
        bounds.middle(bounds.index(millis * 1_000_000)) as f64 / 1e6
    };
    let with = |names: &[(&str, &str)]| {
        let mut json = json!({
            "calls": 5, "errors": 3, "cancelled": 1, "error_rate": 0.6,
            "outcomes": {"success": 1, "error": 1, "timeout": 1, "cancelled": 1, "panicked": 1},
            "mean_ms": 300.0, "p50_ms": shown(300), "p95_ms": shown(500), "p99_ms": shown(500),
            "max_ms": shown(500), "total_ms": 1_500.0,
            "last_updated": "2026-11-21T12:05:00.000Z",
        });
        for (key, value) in names {
            json[*key] = json!(value);
        }
        json
    };
    assert_eq!(statistics["operations"], json!([with(&[("name", "x")])]));
    assert_eq!(statistics["outbound"], json!([with(&[("service", "x")])]));
    assert_eq!(statistics["jobs"], json!([with(&[("job", "x")])]));
    let queries = statistics["queries"].as_array().unwrap();
    let select = [("operation", "SELECT"), ("table", "x")];
    assert_eq!(queries[0], with(&select));
    assert_eq!(
        (&queries[1]["operation"], queries.len()),
        (&json!("INSERT"), 2)
    );
    // Work is no request.
    assert_eq!(statistics["total"]["requests"], 0);
    assert_eq!(statistics["endpoints"], json!([]));
}

#[test]
fn work_is_found_by_its_names_and_the_busiest_comes_first() {
    let mut window = Window::new();
    let insert = Operation::named("INSERT").index();
    for (name, times) in [("b", 2), ("a", 2), ("c", 9), ("overflow", 1)] {
        for _ in 0..times {
            for work in Work::ALL {
                window.work(work, name, 0, SUCCESS, 1);
            }
            window.work(Work::Query, name, insert, SUCCESS, 1);
        }
    }
    let statistics = window.statistics();
    let names: Vec<_> = statistics.operations.iter().map(|one| &*one.name).collect();
    assert_eq!(names, ["c", "a", "b", "overflow"]);
    let queries = statistics.queries.iter();
    let queries: Vec<_> = queries.map(|one| (one.operation, &*one.table)).collect();
    let (insert, select) = ("INSERT", "SELECT");
    let expected = [
        (insert, "c"),
        (select, "c"),
        (insert, "a"),
        (select, "a"),
        (insert, "b"),
        (select, "b"),
        (insert, "overflow"),
        (select, "overflow"),
    ];
    assert_eq!(queries, expected);
    let calls = [
        statistics.operation("c").map(|one| one.work.calls),
        statistics.query("SELECT", "a").map(|one| one.work.calls),
        statistics.outbound("b").map(|one| one.work.calls),
        statistics.job("c").map(|one| one.work.calls),
    ];
    assert_eq!(calls, [Some(9), Some(2), Some(2), Some(9)]);
    assert!(statistics.operation("d").is_none() && statistics.job("d").is_none());
    assert!(statistics.query("DELETE", "a").is_none() && statistics.outbound("d").is_none());
}

#[test]
fn only_failures_are_errors_and_nothing_is_divided_by_0() {
    let mut window = Window::new();
    window.work(Work::Job, "rollup", 0, CallOutcome::Cancelled, 10);
    let statistics = window.statistics();
    let work = &statistics.job("rollup").unwrap().work;
    assert_eq!((work.calls, work.errors, work.cancelled), (1, 0, 1));
    assert_eq!((work.error_rate, work.mean_ms), (Some(0.0), Some(10.0)));
    // Counts of 0, or without a length, are nothing that happened.
    for empty in [vec![0; work::COUNTS], Vec::new()] {
        for counts in window.sums.counts.values_mut() {
            counts.clone_from(&empty);
        }
        assert!(window.statistics().jobs.is_empty());
    }
}

#[test]
fn where_fine_counts_of_work_were_given_up_the_other_numbers_stay() {
    let mut window = Window::new();
    window.work(Work::Query, "kept", 0, SUCCESS, 2);
    window.work(Work::Query, "gone", 0, SUCCESS, 4);
    let key = Key::WorkDurations {
        work: Work::Query,
        name: "gone".into(),
        detail: 0,
    };
    window.sums.durations.insert(key, None);
    let statistics = window.statistics();
    let gone = &statistics.query("SELECT", "gone").unwrap().work;
    assert_eq!((gone.p50_ms, gone.p99_ms, gone.max_ms), (None, None, None));
    assert_eq!((gone.calls, gone.mean_ms), (1, Some(4.0)));
    let kept = &statistics.query("SELECT", "kept").unwrap().work;
    assert!(kept.p95_ms.is_some());
}

#[test]
fn counters_of_work_of_any_size_make_a_sum() {
    let mut window = Window::new();
    for outcome in CallOutcome::ALL {
        window.work(Work::Operation, "x", 0, outcome, 1);
    }
    for counts in window.sums.counts.values_mut() {
        counts.fill(u64::MAX);
    }
    for counts in window.sums.durations.values_mut().flatten() {
        counts.fill(u64::MAX);
    }
    let statistics = window.statistics();
    let work = &statistics.operation("x").unwrap().work;
    assert_eq!((work.calls, work.errors), (u64::MAX, u64::MAX));
    assert!(work.p50_ms < work.max_ms);
}
