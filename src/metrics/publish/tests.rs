use std::{
    collections::BTreeMap,
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata,
    SharedString, Unit,
};

use super::*;
use crate::{
    facts::{
        exchange::Outcome,
        labels::MethodLabel,
        severity::Severity,
        work::{CallOutcome, EndedWork, Work},
    },
    metrics::{
        CircuitState, Inner, Settings,
        catalog::{self, Id},
        sampled::{Sampled, Sampler, Value},
        series::{Sample, SeriesKey},
    },
};

/// The number of counters and gauges, and the sum and the number of the samples.
type Numbers = BTreeMap<String, (f64, usize)>;

/// Panics at one call. Clones share the numbers.
#[derive(Clone, Default)]
struct Faulty(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    numbers: Numbers,
    described: usize,
    calls: usize,
    /// The call at which it panics.
    at: Option<usize>,
}

struct Handle(Faulty, String);

impl Faulty {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self) {
        let mut held = self.held();
        held.calls += 1;
        let panics = held.at == Some(held.calls);
        drop(held);
        if panics {
            // Without the hook, which would print each of them.
            resume_unwind(Box::new("as asked"));
        }
    }

    fn handle(&self, key: &Key) -> Arc<Handle> {
        self.act();
        Arc::new(Handle(self.clone(), key.to_string()))
    }
}

impl Handle {
    fn change(&self, change: impl FnOnce(&mut (f64, usize))) {
        self.0.act();
        change(self.0.held().numbers.entry(self.1.clone()).or_default());
    }
}

impl CounterFn for Handle {
    fn increment(&self, _: u64) {
        panic!("counters are absolute");
    }
    fn absolute(&self, value: u64) {
        self.change(|number| number.0 = value as f64);
    }
}

impl GaugeFn for Handle {
    fn increment(&self, _: f64) {
        panic!("gauges are set");
    }
    fn decrement(&self, _: f64) {
        panic!("gauges are set");
    }
    fn set(&self, value: f64) {
        self.change(|number| number.0 = value);
    }
}

impl HistogramFn for Handle {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }
    fn record_many(&self, value: f64, many: usize) {
        let samples = value * many as f64;
        self.change(|(sum, count)| (*sum, *count) = (*sum + samples, *count + many));
    }
}

impl Recorder for Faulty {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {
        self.act();
        self.held().described += 1;
    }
    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe_counter(key, unit, text);
    }
    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe_counter(key, unit, text);
    }
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.handle(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.handle(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.handle(key))
    }
}

/// Counts requests, and publishes them in three rounds to a recorder that panics at this call, which is not in the third.
/// Returns the recorder and the number of failures that are counted.
fn published(at: Option<usize>) -> (Faulty, f64) {
    let metrics = Settings::new().isolated().unwrap();
    metrics.record_deployment("1.4.2", 7.0);
    let method = MethodLabel::new(&http::Method::GET);
    for (endpoint, head, severity) in [
        ("/a", 0.75, Severity::Normal),
        ("/a", 0.75, Severity::Normal),
        ("/a", 4.5, Severity::Slow),
        ("/b", 0.25, Severity::Normal),
    ] {
        metrics.start(method);
        let sample = Sample {
            severity: Some(severity),
            ..Sample::of(Duration::from_secs_f64(head))
        };
        let Inner {
            http,
            streams,
            errors,
            grpc,
            grpc_seconds,
            shares,
            ..
        } = &*metrics.inner;
        http.record(Some(endpoint), SeriesKey(0, 200), sample);
        let second = Sample::of(Duration::from_secs(1));
        streams.record(Some(endpoint), SeriesKey(0, 0), second);
        errors.record(Some(endpoint), SeriesKey(0, 0), second);
        let call = "/shop.v1.Prices/Get";
        grpc.record(Some(call), SeriesKey(0, 0), second);
        grpc_seconds.record(Some(call), SeriesKey(0, 0), sample);
        shares.end(method, Outcome::Completed);
    }
    let recorder = Faulty::default();
    recorder.held().at = at;
    let mut publisher = Publisher::default();
    let mut publish = || publisher.publish(Some(&metrics), &[], &recorder);
    for _ in 0..2 {
        drop(catch_unwind(AssertUnwindSafe(&mut publish)));
    }
    publish();
    (recorder, metrics.totals().hook_failures as f64)
}

#[test]
fn a_recorder_that_panics_at_any_call_has_every_number_once_after_another_round() {
    let (sound, _) = published(None);
    let Held {
        numbers: expected,
        described,
        calls,
        ..
    } = std::mem::take(&mut *sound.held());
    let sum = |name| {
        expected
            .iter()
            .find(|(key, _)| key.contains(name))
            .unwrap()
            .1
    };
    assert_eq!(*sum("http_request_duration_seconds"), (6.0, 3));
    assert!(calls > 80 && described > 10, "{calls} calls");
    // The rounds after the first are shorter: all counters and gauges, and no sample.
    for at in 1..=calls * 2 / 3 {
        let (recorder, failures) = published(Some(at));
        let mut numbers = recorder.held().numbers.clone();
        let counted = numbers
            .iter_mut()
            .find(|(key, _)| key.contains("vitals_hook_failures_total"));
        let counted = std::mem::take(counted.unwrap().1);
        assert_eq!(counted.0, failures, "call {at}");
        assert_eq!(numbers, expected, "call {at}");
        assert!(recorder.held().described >= described, "call {at}");
    }
}

#[test]
fn a_recorder_of_an_application_gets_work_circuits_and_samples_exactly() {
    let metrics = Settings::new().isolated().unwrap();
    let ms = Duration::from_millis;
    let (success, timeout) = (CallOutcome::Success, CallOutcome::Timeout);
    let recorder = Faulty::default();
    let mut publisher = Publisher::default();
    let sampler = Sampler::new("process");
    let _alive = Metrics::publish_sampler(Some(&metrics), &sampler);
    Metrics::circuits_of(Some(&metrics)).set("groq", CircuitState::Open);
    Metrics::note_job_success(Some(&metrics), "rollup", 1_700_000_000.5);
    for round in 1..=3 {
        metrics.count_work(&EndedWork::of(
            Work::Operation,
            "fetch",
            0,
            success,
            ms(250),
        ));
        metrics.count_work(&EndedWork::of(Work::Query, "orders", 0, success, ms(125)));
        metrics.count_work(&EndedWork::of(Work::Outbound, "groq", 0, timeout, ms(500)));
        metrics.count_work(&EndedWork::of(Work::Job, "rollup", 0, success, ms(4_000)));
        sampler.put(vec![
            Sampled::gauge(Id::MemoryPercent, &[], 40.5),
            Sampled::counter(Id::RedisEvicted, &["cache"], round),
            Sampled {
                value: Value::Seconds(round as f64 + 0.9),
                ..Sampled::gauge(Id::ProcessCpu, &[], 0.0)
            },
        ]);
        publisher.publish(Some(&metrics), &[], &recorder);
    }
    let held = recorder.held();
    for (key, number) in [
        (
            "monitored_operation_duration_seconds, [name = fetch, outcome = success]",
            (0.75, 3),
        ),
        (
            "db_query_duration_seconds, [operation = SELECT, table = orders]",
            (0.375, 3),
        ),
        (
            "external_calls_total, [service = groq, outcome = timeout]",
            (3.0, 0),
        ),
        (
            "external_calls_total, [service = groq, outcome = error]",
            (0.0, 0),
        ),
        ("external_call_duration_seconds, [service = groq]", (1.5, 3)),
        (
            "job_runs_total, [job = rollup, outcome = success]",
            (3.0, 0),
        ),
        ("job_duration_seconds, [job = rollup]", (12.0, 3)),
        (
            "job_last_success_timestamp_seconds, [job = rollup]",
            (1_700_000_000.5, 0),
        ),
        (
            "circuit_breaker_state, [name = groq, state = open]",
            (1.0, 0),
        ),
        (
            "circuit_breaker_state, [name = groq, state = closed]",
            (0.0, 0),
        ),
        ("circuit_breaker_open_count", (1.0, 0)),
        ("memory_usage_percent", (40.5, 0)),
        ("redis_evicted_keys_total, [name = cache]", (3.0, 0)),
        // A counter of a recorder is a whole number.
        ("process_cpu_seconds_total", (3.0, 0)),
        ("vitals_overflow_total", (0.0, 0)),
    ] {
        assert_eq!(held.numbers[&format!("Key({key})")], number, "{key}");
    }
    // All families are described, also those that nothing was counted of.
    assert_eq!(
        held.described,
        catalog::all()
            .filter(|entry| entry.spelling(Names::Prometheus).is_some())
            .count()
    );
}

/// A recorder of an application gets checks before the process counts, and then the counters with their names.
#[test]
fn a_recorder_of_an_application_gets_the_names_that_were_chosen() {
    let settings = Settings::new().prefix("shop_").label("region", "eu-1");
    let metrics = settings.isolated().unwrap();
    metrics.start(MethodLabel::new(&http::Method::GET));
    let recorder = Faulty::default();
    let mut publisher = Publisher::default();
    publisher.publish(None, &[], &recorder);
    let before = recorder.held().described;
    publisher.publish(Some(&metrics), &[], &recorder);
    publisher.publish(Some(&metrics), &[], &recorder);
    let held = recorder.held();
    assert_eq!(held.described, 2 * before, "once under each name");
    let names = held.numbers.keys();
    for name in names.clone() {
        let named = name.starts_with("Key(shop_") && name.contains("region = eu-1");
        assert!(named, "{name}");
    }
    let started = "Key(shop_http_requests_started_total, [region = eu-1])";
    assert_eq!(held.numbers[started], (1.0, 0));
}

/// The facade has counters of whole numbers only.
#[test]
fn a_recorder_of_an_application_gets_whole_seconds_that_never_go_back() {
    let metrics = Settings::new().isolated().unwrap();
    let sampler = Sampler::new("process");
    let _ended = Metrics::publish_sampler(Some(&metrics), &sampler);
    let recorder = Faulty::default();
    let mut publisher = Publisher::default();
    let cpu = "Key(process_cpu_seconds_total)";
    for (seconds, whole) in [(0.99, 0.0), (1.25, 1.0), (1.999, 1.0), (61.0, 61.0)] {
        let seconds = Sampled::seconds_counter(Id::ProcessCpu, &[], seconds);
        let threads = Sampled::gauge(Id::ProcessThreads, &[], 3.0);
        sampler.put(vec![seconds, threads]);
        publisher.publish(Some(&metrics), &[], &recorder);
        let held = recorder.held();
        assert_eq!(held.numbers[cpu], (whole, 0));
        assert_eq!(held.numbers["Key(process_threads)"], (3.0, 0));
    }
}
