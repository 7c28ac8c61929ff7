//! Checks the edges of buckets that the application chose.

use std::time::Duration;

use super::bounds::{Bounds, Measure};
use crate::config::ConfigError;

/// The most edges of a histogram. Each takes 32 bytes a series.
const MOST_EDGES: usize = 64;

/// The highest edge in seconds: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3_600.0;

/// The edges that the application chose, or why they cannot be. `None` where it chose none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnBuckets {
    pub(super) requests: Option<Result<Bounds, ConfigError>>,
    pub(super) streams: Option<Result<Bounds, ConfigError>>,
    pub(super) sizes: Option<Result<Bounds, ConfigError>>,
}

// === impl OwnBuckets ===

impl OwnBuckets {
    pub(super) fn requests(&self) -> Option<&Bounds> {
        self.requests.as_ref()?.as_ref().ok()
    }

    pub(super) fn streams(&self) -> Option<&Bounds> {
        self.streams.as_ref()?.as_ref().ok()
    }

    pub(super) fn sizes(&self) -> Option<&Bounds> {
        self.sizes.as_ref()?.as_ref().ok()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let mut chosen = [&self.requests, &self.streams, &self.sizes]
            .into_iter()
            .flatten();
        chosen.try_for_each(|checked| checked.as_ref().map(|_| ()).map_err(Clone::clone))
    }
}

/// The fourteen edges of OpenTelemetry, and 2 s.
pub(super) fn default_seconds() -> Bounds {
    const MILLIS: [u64; 15] = [
        5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_000, 2_500, 5_000, 7_500, 10_000,
    ];
    Bounds::new(MILLIS.into_iter().map(Duration::from_millis))
}

/// The edges of a histogram of durations, from seconds.
pub(super) fn of_seconds(
    field: &str,
    edges: impl IntoIterator<Item = f64>,
) -> Result<Bounds, ConfigError> {
    let expected = "a number of seconds above 0 and up to a year; the bucket above all edges is there by itself";
    let nanos = |edge: f64| {
        let nanos = (edge * 1e9).round();
        (nanos >= 1.0 && edge <= LONGEST).then_some(nanos as u64)
    };
    let edges = checked(field, edges, nanos, expected)?;
    Ok(Bounds::of(Measure::Seconds, edges))
}

/// The edges of a histogram of sizes, from bytes. The lowest can be 0: it counts bodies without bytes.
pub(super) fn of_bytes(
    field: &str,
    edges: impl IntoIterator<Item = u64>,
) -> Result<Bounds, ConfigError> {
    // A scrape shows no larger number exactly.
    let exact = |edge| (edge <= 1 << 53).then_some(edge);
    let edges = checked(field, edges, exact, "at most 2^53 bytes")?;
    Ok(Bounds::of(Measure::Bytes, edges))
}

/// The edges as `read` gives them: 1 to 64, ascending. `read` refuses those that are not what is expected.
pub(super) fn checked<T: Copy + ToString, V: PartialOrd>(
    field: &str,
    edges: impl IntoIterator<Item = T>,
    read: impl Fn(T) -> Option<V>,
    expected: &str,
) -> Result<Vec<V>, ConfigError> {
    let mut checked = Vec::new();
    for (index, edge) in edges.into_iter().enumerate() {
        let refuse = |reason| {
            let field = format!("{field}[{index}]");
            Err(ConfigError::new(field, edge.to_string(), reason))
        };
        if index == MOST_EDGES {
            return refuse("at most 64 edges");
        }
        match read(edge) {
            None => return refuse(expected),
            Some(read) if checked.last().is_some_and(|below| read <= *below) => {
                return refuse("edges ascend, and the one before is not below this one");
            }
            Some(read) => checked.push(read),
        }
    }
    if checked.is_empty() {
        return Err(ConfigError::new(field, "[]", "at least one edge"));
    }
    Ok(checked)
}
