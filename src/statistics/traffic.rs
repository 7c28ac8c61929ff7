//! Sums the requests of an endpoint, or of all of them.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    times::{ShownTimes, Times, add},
    wall_time::WallTime,
};
use crate::{
    facts::{labels::StatusLabel, severity::Severity},
    metrics::{
        bounds::Bounds,
        readings::{Key, requests},
    },
    window::Sums,
};

/// The requests of an endpoint, or of all of them, that ended in a window.
///
/// Times are in milliseconds, and are own times to the head of the response, as the histogram has them. Without a request
/// that they could be of, they are `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Traffic {
    /// Requests that ended, however they ended.
    pub requests: u64,
    /// Those with a status of 5xx.
    ///
    /// What fails behind another status is only in the [errors by category](super::Statistics::errors): a failed gRPC call, a
    /// body that breaks off, a panic after the head.
    pub errors: u64,
    /// Those with a status of 4xx. A client that left before there was a response is none: its status is 499, but nobody sent
    /// that. If the service itself answers 499, that counts.
    pub client_errors: u64,
    /// The share of `errors` in `requests`, from 0 to 1. `None` without requests.
    pub error_rate: Option<f64>,
    /// The requests by status, such as `200`, or `unknown` outside 100 to 599. Only those that occurred.
    pub statuses: BTreeMap<String, u64>,
    /// The requests by severity, always with all four. A client that left has none.
    pub severities: BTreeMap<&'static str, u64>,
    /// The mean. It is exact.
    pub mean_ms: Option<f64>,
    /// The median. From 66 µs to 69 s it is within 5 %. `None` also if the fine counts of the window were given up for memory.
    pub p50_ms: Option<f64>,
    /// What 95 % of the requests do not exceed, as exact as the median.
    pub p95_ms: Option<f64>,
    /// What 99 % of the requests do not exceed, as exact as the median.
    pub p99_ms: Option<f64>,
    /// The longest, as exact as the median. If it is above 69 s, 68,719 is shown.
    pub max_ms: Option<f64>,
    /// The sum of all durations. It is exact.
    pub total_ms: f64,
    /// When the last of these requests ended, as exact as the slots of the window: 10 seconds in the last five minutes, a
    /// minute in the last six hours, then ten minutes. `None` without requests.
    pub last_updated: Option<WallTime>,
}

/// Requests while they are summed.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: u64,
    errors: u64,
    client_errors: u64,
    statuses: BTreeMap<u16, u64>,
    severities: [u64; Severity::ALL.len()],
    times: Times,
    last: Option<Duration>,
}

// === impl Traffic ===

impl Traffic {
    /// The requests of all endpoints.
    pub(crate) fn of_all(sums: &Sums, bounds: &Bounds) -> Self {
        let mut tally = Tally::default();
        for (key, counts) in &sums.counts {
            if let Key::Requests { status, .. } = key {
                tally.add_requests(*status, counts, sums.last.get(key));
            }
        }
        for (key, counts) in &sums.durations {
            if let Key::Durations { .. } = key {
                tally.add_durations(counts.as_deref());
            }
        }
        tally.finish(bounds)
    }
}

// === impl Tally ===

impl Tally {
    /// Adds counts in the order of [`requests`].
    pub(super) fn add_requests(
        &mut self,
        status: StatusLabel,
        counts: &[u64],
        last: Option<&Duration>,
    ) {
        let count = |index: usize| counts.get(index).copied().unwrap_or(0);
        let (all, measured) = (count(requests::ALL), count(requests::MEASURED));
        if all == 0 {
            return;
        }
        add(&mut self.requests, all);
        add(self.statuses.entry(status.code()).or_default(), all);
        match status.code() {
            500..=599 => add(&mut self.errors, all),
            // Only what has an answer has a duration. The other clients left.
            499 => add(&mut self.client_errors, measured),
            400..=498 => add(&mut self.client_errors, all),
            _ => {}
        }
        for (severity, sum) in self.severities.iter_mut().enumerate() {
            add(sum, count(requests::SEVERITIES + severity));
        }
        self.times.add(measured, count(requests::NANOS));
        self.last = self.last.max(last.copied());
    }

    /// Adds counts by the buckets of the grid. `None` if they were given up.
    pub(super) fn add_durations(&mut self, counts: Option<&[u64]>) {
        self.times.add_durations(counts);
    }

    /// Whether there was no request.
    pub(super) const fn is_empty(&self) -> bool {
        self.requests == 0
    }

    pub(super) fn finish(self, bounds: &Bounds) -> Traffic {
        let ShownTimes {
            mean_ms,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
            total_ms,
        } = self.times.finish(bounds);
        let statuses = self.statuses.into_iter();
        let names = Severity::ALL.map(Severity::as_str);
        Traffic {
            requests: self.requests,
            errors: self.errors,
            client_errors: self.client_errors,
            error_rate: share(self.errors, self.requests),
            statuses: statuses
                .map(|(code, count)| (StatusLabel::at(code).to_string(), count))
                .collect(),
            severities: names.into_iter().zip(self.severities).collect(),
            mean_ms,
            p50_ms,
            p95_ms,
            p99_ms,
            max_ms,
            total_ms,
            last_updated: self.last.map(WallTime::new),
        }
    }
}

/// A part of a whole, from 0 to 1. `None` of nothing.
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
