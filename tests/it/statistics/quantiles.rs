//! Shows quantiles that are near those of the durations themselves.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use tower_vitals::statistics::Traffic;

use super::all;
use crate::support::stacks::isolated;

/// The largest error of a quantile.
const NEAR: f64 = 0.05;

/// From 100 µs to 60 s, in nanoseconds.
const RANGE: std::ops::RangeInclusive<u64> = 100_000..=60_000_000_000;

/// Durations of each shape, in nanoseconds.
fn shapes() -> [(&'static str, Vec<u64>); 8] {
    let clamp = |value: f64| (value as u64).clamp(*RANGE.start(), *RANGE.end());
    let spread: Vec<_> = (0..2_000).map(|n| clamp(1e5 * 1.007_f64.powi(n))).collect();
    // Of ten times the duration there is a tenth.
    let tail = (0..5_000).map(|_| clamp(1e5 / fastrand::f64().max(1e-9)));
    let bimodal = (0..1_000).map(|n| {
        if n % 10 == 0 {
            4_000_000_000
        } else {
            3_000_000
        }
    });
    let outlier = (0..999).map(|_| 20_000_000).chain([60_000_000_000]);
    [
        ("constant", vec![137_000_000; 500]),
        ("shortest", vec![100_000; 50]),
        ("longest", vec![60_000_000_000; 50]),
        ("bimodal", bimodal.collect()),
        ("sorted", spread.clone()),
        ("reversed", spread.into_iter().rev().collect()),
        ("one outlier", outlier.collect()),
        ("heavy tail", tail.collect()),
    ]
}

/// The duration at the nearest rank, in milliseconds.
fn exact(durations: &[u64], percent: usize) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted[(percent * sorted.len()).div_ceil(100) - 1] as f64 / 1e6
}

fn assert_near(shape: &str, traffic: &Traffic, durations: &[u64]) {
    for (percent, shown) in [
        (50, traffic.p50_ms),
        (95, traffic.p95_ms),
        (99, traffic.p99_ms),
        (100, traffic.max_ms),
    ] {
        let (shown, exact) = (shown.unwrap(), exact(durations, percent));
        let error = (shown / exact - 1.0).abs();
        assert!(error <= NEAR, "{shape} p{percent}: {shown} for {exact}");
    }
    assert_eq!(traffic.requests, durations.len() as u64);
    // Sums and means are exact, but for what a number of floating point is.
    let total = durations.iter().sum::<u64>() as f64 / 1e6;
    assert!((traffic.total_ms / total - 1.0).abs() < 1e-12, "{shape}");
    let mean = total / durations.len() as f64;
    let error = (traffic.mean_ms.unwrap() / mean - 1.0).abs();
    assert!(error < 1e-12, "{shape}");
}

#[test]
fn quantiles_are_within_five_percent_of_those_of_the_durations() {
    fastrand::seed(17);
    let vitals = isolated();
    let mut together = Vec::new();
    for (shape, durations) in shapes() {
        for nanos in &durations {
            let duration = Duration::from_nanos(*nanos);
            let metrics = vitals.metrics();
            metrics.record_request(&Method::GET, shape, StatusCode::OK, duration);
        }
        let lately = all(&vitals);
        let traffic = &lately.endpoint("GET", shape).unwrap().traffic;
        assert_near(shape, traffic, &durations);
        together.extend(durations);
        assert_near("all", &lately.total, &together);
    }
}
