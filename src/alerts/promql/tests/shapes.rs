//! Rules whose verdict is a share, and the series over which Prometheus judges them.

use super::{shares::requests, *};
use crate::alerts::few::{Counts, ShareRule, Stretches};

/// What is judged, and by which names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Errors,
    OtelErrors,
    Latency,
    OtelLatency,
}

/// What a series counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// What failed, or took longer than the edge.
    Failed,
    Sound,
    All,
    /// Nothing: it stays 0.
    Nothing,
}

// === impl Shape ===

impl Shape {
    /// The breach in PromQL.
    pub(super) fn breach(self, share: &ShareRule) -> String {
        let (signal, threshold) = match self {
            Self::Errors | Self::OtelErrors => (Signal::error_rate_percent(), share.threshold),
            // A p95 is above the edge where more than 5 % are.
            Self::Latency | Self::OtelLatency => match share.threshold {
                1.0 => (Signal::p99_ms(), 2_000.0),
                5.0 => (Signal::p95_ms(), 2_000.0),
                _ => (Signal::p50_ms(), 2_000.0),
            },
        };
        let rule = above(signal, threshold)
            .at_least(share.at_least)
            .window(share.window);
        texts(&rule, &self.settings()).1
    }

    pub(super) fn series(self) -> Vec<(String, Part)> {
        let otel = |suffix, rest| {
            let labels = r#"http_request_method="GET",http_route="/a""#;
            format!("http_server_request_duration_seconds{suffix}{{{labels},{rest}}}")
        };
        let plain = |suffix, rest| {
            let labels = r#"method="GET",endpoint="/a""#;
            format!("http_request_duration_seconds{suffix}{{{labels}{rest}}}")
        };
        let status = |status| format!("http_response_status_code=\"{status}\"");
        match self {
            Self::Errors => vec![(requests(200), Part::Sound), (requests(500), Part::Failed)],
            Self::OtelErrors => {
                let given_up = r#"http_request_outcomes_total{outcome="cancelled"}"#;
                vec![
                    (otel("_count", status("200")), Part::Sound),
                    (otel("_count", status("503")), Part::Failed),
                    (given_up.to_owned(), Part::Nothing),
                ]
            }
            Self::Latency => vec![
                (plain("_bucket", ",le=\"2.0\""), Part::Sound),
                (plain("_bucket", ",le=\"+Inf\""), Part::All),
                (plain("_count", ""), Part::All),
            ],
            Self::OtelLatency => vec![
                (otel("_bucket", status("200") + ",le=\"2.0\""), Part::Sound),
                (otel("_bucket", status("200") + ",le=\"+Inf\""), Part::All),
                (otel("_count", status("200")), Part::All),
            ],
        }
    }

    /// Whether the series of a histogram begin together, with the first request of any kind.
    pub(super) fn is_latency(self) -> bool {
        matches!(self, Self::Latency | Self::OtelLatency)
    }

    /// The verdict of the process.
    pub(super) fn is_broken(self, share: &ShareRule, counts: impl Fn(Duration) -> Counts) -> bool {
        let judged = match self.is_latency() {
            true => share.window_alone(counts(share.window)),
            false => share.judge(&Stretches::new(SLOT), counts),
        };
        judged.is_broken
    }

    fn settings(self) -> Settings {
        match self {
            Self::Errors | Self::Latency => Settings::new(),
            Self::OtelErrors | Self::OtelLatency => otel(),
        }
    }
}

// === impl Part ===

impl Part {
    pub(super) fn of(self, counts: Counts) -> u64 {
        match self {
            Self::Failed => counts.failures,
            Self::Sound => counts.requests - counts.failures,
            Self::All => counts.requests,
            Self::Nothing => 0,
        }
    }
}
