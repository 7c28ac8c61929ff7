use std::time::Duration;

use super::*;
use crate::{
    facts::work::EndedWork,
    metrics::{Metrics, Settings},
};

const SUCCESS: CallOutcome = CallOutcome::Success;

fn counters(metrics: &Metrics, family: &str) -> BTreeMap<String, u64> {
    let mut counters = metrics.snapshot().counters;
    counters.retain(|key, _| key.starts_with(family));
    counters
}

#[test]
fn a_name_has_each_failure_from_its_first_call_on_and_only_one_series_of_each() {
    for (work, family, label, panics) in [
        (Work::Outbound, "external_calls_total", "service", false),
        (Work::Job, "job_runs_total", "job", true),
    ] {
        let metrics = Settings::new().isolated().unwrap();
        let count = |name, outcome| {
            metrics.count_work(&EndedWork::of(work, name, 0, outcome, Duration::ZERO))
        };
        let key = |name: &str, outcome: &str| {
            format!(r#"{family}{{{label}="{name}",outcome="{outcome}"}}"#)
        };
        let is = |expected: &[(String, u64)]| {
            let shown = |(key, _): &&(String, u64)| panics || !key.contains("panicked");
            let expected = expected.iter().filter(shown).cloned();
            assert_eq!(counters(&metrics, family), expected.collect());
        };
        count("a", SUCCESS);
        is(&[
            (key("a", "error"), 0),
            (key("a", "panicked"), 0),
            (key("a", "success"), 1),
            (key("a", "timeout"), 0),
        ]);
        count("a", CallOutcome::Error);
        count("b", CallOutcome::Timeout);
        is(&[
            (key("a", "error"), 1),
            (key("a", "panicked"), 0),
            (key("a", "success"), 1),
            (key("a", "timeout"), 0),
            (key("b", "error"), 0),
            (key("b", "panicked"), 0),
            (key("b", "timeout"), 1),
        ]);
    }
}

#[test]
fn the_durations_of_a_table_are_those_of_all_outcomes_of_an_operation() {
    let metrics = Settings::new().isolated().unwrap();
    for (seconds, outcome) in (1..).zip(CallOutcome::ALL) {
        for operation in ["SELECT", "DELETE"] {
            let detail = Operation::named(operation).index();
            let duration = Duration::from_secs(seconds);
            metrics.count_work(&EndedWork::of(
                Work::Query,
                "orders",
                detail,
                outcome,
                duration,
            ));
        }
    }
    let histograms = metrics.snapshot().histograms;
    assert_eq!(histograms.len(), 2);
    for operation in ["SELECT", "DELETE"] {
        let key = format!(r#"db_query_duration_seconds{{operation="{operation}",table="orders"}}"#);
        let summary = histograms[&key];
        assert_eq!((summary.count, summary.sum), (5, 15.0));
    }
}

#[test]
fn the_last_success_of_each_job_is_shown() {
    let metrics = Settings::new().isolated().unwrap();
    Metrics::note_job_success(Some(&metrics), "rollup", 1.5);
    Metrics::note_job_success(Some(&metrics), "mail", 2.0);
    Metrics::note_job_success(Some(&metrics), "rollup", 3.25);
    let gauges = metrics.snapshot().gauges;
    for (job, at) in [("rollup", 3.25), ("mail", 2.0)] {
        let key = format!(r#"job_last_success_timestamp_seconds{{job="{job}"}}"#);
        assert_eq!(gauges[&key], at);
    }
}
