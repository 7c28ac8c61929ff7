//! Says what requests were like lately, in the numbers that everything else has.

mod after_the_fact;

mod conservation;

mod quantiles;

mod settings;

mod state;

mod tiling;

use std::time::Duration;

use tower_vitals::{
    Vitals,
    statistics::{EndpointOrder, Statistics},
};

/// What happened since the start. No test takes so long.
fn all(vitals: &Vitals) -> Statistics {
    let day = Duration::from_secs(24 * 60 * 60);
    vitals.statistics().over(day).unwrap()
}

/// The requests of each endpoint, as `GET /orders/{id} 200`, with how many there were.
fn by_status(statistics: &Statistics) -> Vec<(String, u64)> {
    let mut counts = Vec::new();
    for one in statistics.endpoints(EndpointOrder::Requests) {
        for (status, count) in &one.traffic.statuses {
            counts.push((format!("{} {} {status}", one.method, one.endpoint), *count));
        }
    }
    counts.sort();
    counts
}

/// The failures, as `database /orders/{id}`, with how many there were.
fn by_category(statistics: &Statistics) -> Vec<(String, u64)> {
    let errors = statistics.errors.iter();
    let shown = errors.map(|error| {
        let (category, endpoint) = (error.category.as_str(), &error.endpoint);
        (format!("{category} {endpoint}"), error.count)
    });
    let mut counts: Vec<_> = shown.collect();
    counts.sort();
    counts
}
