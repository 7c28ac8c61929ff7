//! What a service does beside answering requests, as it is written.

use std::time::Duration;

use super::*;
use crate::{
    facts::work::{CallOutcome, EndedWork, Work},
    metrics::{
        CircuitState, Metrics, Names, Settings,
        catalog::Id,
        gather::gather,
        sampled::{Sampled, Sampler, Value},
    },
};

/// Both formats of these counters, with some work, circuits and samples.
fn both(metrics: &Metrics) -> [Result<Parsed, String>; 2] {
    let ms = Duration::from_millis;
    for outcome in CallOutcome::ALL {
        metrics.count_work(&EndedWork::of(
            Work::Operation,
            "fetch",
            0,
            outcome,
            ms(250),
        ));
        metrics.count_work(&EndedWork::of(Work::Query, "orders", 0, outcome, ms(250)));
        metrics.count_work(&EndedWork::of(Work::Query, "orders", 1, outcome, ms(250)));
    }
    metrics.count_work(&EndedWork::of(
        Work::Outbound,
        "groq",
        0,
        CallOutcome::Success,
        ms(500),
    ));
    metrics.count_work(&EndedWork::of(
        Work::Job,
        "rollup",
        0,
        CallOutcome::Panicked,
        ms(4_000),
    ));
    Metrics::circuits_of(Some(metrics)).set("groq", CircuitState::HalfOpen);
    let sampler = Sampler::new("process");
    let _alive = Metrics::publish_sampler(Some(metrics), &sampler);
    sampler.put(vec![
        Sampled {
            value: Value::Seconds(1.25),
            ..Sampled::gauge(Id::ProcessCpu, &[], 0.0)
        },
        Sampled::gauge(Id::PoolSize, &["a \"quoted\"\npool"], 3.0),
    ]);
    [Text, OpenMetrics].map(|format| {
        let text = written(format, |writer| gather(Some(metrics), &[], writer));
        parsed(format, &text)
    })
}

fn sample(parsed: &Parsed, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let labels: Labels = labels.iter().map(own).collect();
    parsed.samples.get(&(name.to_owned(), labels)).copied()
}

#[test]
fn work_has_its_names_and_labels_in_both_formats_and_presets() {
    for (names, queries, [operation, table]) in [
        (
            Names::Prometheus,
            "db_query_duration_seconds",
            ["operation", "table"],
        ),
        (
            Names::OpenTelemetry,
            "db_client_operation_duration_seconds",
            ["db_operation_name", "db_collection_name"],
        ),
    ] {
        let metrics = Settings::new().names(names).isolated().unwrap();
        for parsed in both(&metrics) {
            let parsed = parsed.unwrap();
            let value = |name: &str, labels: &[(&str, &str)]| sample(&parsed, name, labels);
            for outcome in CallOutcome::ALL {
                let labels = [("name", "fetch"), ("outcome", outcome.as_str())];
                let runs = "monitored_operation_duration_seconds_count";
                assert_eq!(value(runs, &labels), Some(1.0), "{outcome:?}");
            }
            for one in ["SELECT", "INSERT"] {
                let labels = [(operation, one), (table, "orders")];
                assert_eq!(value(&format!("{queries}_count"), &labels), Some(5.0));
                assert_eq!(value(&format!("{queries}_sum"), &labels), Some(1.25));
            }
            let calls = |outcome| {
                let labels = [("service", "groq"), ("outcome", outcome)];
                value("external_calls_total", &labels)
            };
            assert_eq!((calls("success"), calls("error")), (Some(1.0), Some(0.0)));
            let others = (calls("timeout"), calls("cancelled"));
            assert_eq!(others, (Some(0.0), None), "only failures are 0");
            let groq = [("service", "groq")];
            assert_eq!(
                value("external_call_duration_seconds_sum", &groq),
                Some(0.5)
            );
            let runs = |outcome| {
                let labels = [("job", "rollup"), ("outcome", outcome)];
                value("job_runs_total", &labels)
            };
            assert_eq!((runs("panicked"), runs("error")), (Some(1.0), Some(0.0)));
            let rollup = [("job", "rollup")];
            assert_eq!(value("job_duration_seconds_sum", &rollup), Some(4.0));
            // It never succeeded.
            assert_eq!(value("job_last_success_timestamp_seconds", &rollup), None);
            for (state, expected) in [("closed", 0.0), ("open", 0.0), ("half_open", 1.0)] {
                let labels = [("name", "groq"), ("state", state)];
                assert_eq!(value("circuit_breaker_state", &labels), Some(expected));
            }
            assert_eq!(value("circuit_breaker_open_count", &[]), Some(0.0));
            assert_eq!(value("process_cpu_seconds_total", &[]), Some(1.25));
            let pool = [("pool", "a \"quoted\"\npool")];
            assert_eq!(value("db_connection_pool_size", &pool), Some(3.0));
        }
    }
}

#[test]
fn without_work_none_of_its_families_is_written() {
    let metrics = Settings::new().isolated().unwrap();
    for format in [Text, OpenMetrics] {
        let text = written(format, |writer| gather(Some(&metrics), &[], writer));
        let parsed = parsed(format, &text).unwrap();
        let of_requests = ["http_", "errors", "vitals_", "grpc_", "build_", "app_"];
        for name in parsed.families.keys() {
            let known = of_requests.iter().any(|start| name.starts_with(start));
            assert!(known && name != "vitals_sample_age_seconds", "{name}");
        }
    }
}
