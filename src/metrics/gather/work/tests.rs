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
fn a_name_has_failures_from_its_first_call_on_and_only_one_series_of_them() {
    for (work, family, label) in [
        (Work::Outbound, "external_calls_total", "service"),
        (Work::Job, "job_runs_total", "job"),
    ] {
        let metrics = Settings::new().isolated().unwrap();
        let count = |name, outcome| {
            metrics.count_work(&EndedWork::of(work, name, 0, outcome, Duration::ZERO))
        };
        let key = |name: &str, outcome: &str| {
            format!(r#"{family}{{{label}="{name}",outcome="{outcome}"}}"#)
        };
        count("a", SUCCESS);
        let expected = [(key("a", "error"), 0), (key("a", "success"), 1)];
        assert_eq!(counters(&metrics, family), expected.into());
        count("a", CallOutcome::Error);
        count("b", CallOutcome::Cancelled);
        let expected = [
            (key("a", "error"), 1),
            (key("a", "success"), 1),
            (key("b", "cancelled"), 1),
            (key("b", "error"), 0),
        ];
        assert_eq!(counters(&metrics, family), expected.into());
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
