use std::{sync::Barrier, thread, time::Duration};

use tokio::time::Instant;

use super::*;
use crate::metrics::{
    Settings,
    series::{Sample, SeriesKey},
};

const ENDPOINTS: usize = 1_000;
const THREADS: usize = 8;
const EACH: usize = 40;

/// Counts requests of each endpoint with two statuses. Their durations are spread over most buckets.
fn count(metrics: &Metrics, endpoints: &[String], thread: usize) {
    for (number, endpoint) in endpoints.iter().enumerate() {
        for status in [200, 500] {
            for request in 0..EACH {
                let nanos = 70_000_u64 << ((number + thread + request) % 19);
                let sample = Sample::of(Duration::from_nanos(nanos + nanos * request as u64 / 50));
                let http = &metrics.inner.http;
                assert!(http.record(Some(endpoint), SeriesKey(0, status), sample));
            }
        }
    }
}

/// Prints what a reading takes while eight threads have counters of their own.
#[test]
#[ignore = "with optimisation it tells what a reading takes"]
fn a_reading_of_a_thousand_endpoints_has_what_eight_threads_counted() {
    let metrics = Metrics::on(Settings::new(), THREADS);
    let endpoints: Vec<_> = (0..ENDPOINTS).map(|n| format!("/endpoints/{n}")).collect();
    let (counted, read) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (metrics, endpoints, counted, read) = (&metrics, &endpoints, &counted, &read);
            scope.spawn(move || {
                count(metrics, endpoints, thread);
                counted.wait();
                read.wait();
            });
        }
        counted.wait();
        let mut took = Vec::new();
        for _ in 0..50 {
            let begun = Instant::now();
            let readings = metrics.readings();
            took.push(begun.elapsed());
            assert_eq!(readings.durations.len(), ENDPOINTS);
            for (_, buckets) in &readings.durations {
                assert_eq!(buckets.iter().sum::<u64>(), (2 * THREADS * EACH) as u64);
            }
        }
        took.sort_unstable();
        println!(
            "a reading took {:?} to {:?}, median {:?}",
            took[0], took[49], took[25]
        );
        read.wait();
    });
}
