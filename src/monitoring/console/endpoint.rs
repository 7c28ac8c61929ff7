//! Answers what one endpoint was like.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    super::{parameters::Parameters, refusal::Refusal, sources::Sources},
    traffic::{Series, bands_ms},
};
use crate::{
    statistics::{EndpointHistory, EndpointStatistics},
    timestamp::{self, rfc3339},
};

/// Which endpoint, and how many steps of which length.
#[derive(Debug)]
pub(in crate::monitoring) struct EndpointQuestion {
    method: String,
    endpoint: String,
    step: Duration,
    steps: u32,
}

#[derive(Debug, Serialize)]
pub(in crate::monitoring) struct ShownEndpoint<'q> {
    timestamp: String,
    method: &'q str,
    endpoint: &'q str,
    window_seconds: u64,
    #[serde(flatten)]
    series: Series,
    total: Option<EndpointStatistics>,
    categories: BTreeMap<&'static str, u64>,
    bands_ms: [f64; 3],
}

// === impl EndpointQuestion ===

impl EndpointQuestion {
    /// The names of the parameters.
    pub(in crate::monitoring) const PARAMETERS: [&'static str; 3] =
        ["method", "endpoint", "window"];

    pub(in crate::monitoring) fn parse(given: &Parameters<'_>) -> Result<Self, Refusal> {
        let text = |name: &str, expected: &str| {
            let text = given.one(name, expected, |text| {
                (!text.is_empty()).then(|| text.to_owned())
            })?;
            text.ok_or_else(|| Refusal::bad(format!("{name}: expected {expected}")))
        };
        // Beyond an hour, durations are kept in slots of half an hour.
        let window = given.one("window", "15m, 1h or 24h", |text| match text {
            "15m" => Some((60, 15)),
            "1h" => Some((60, 60)),
            "24h" => Some((30 * 60, 48)),
            _ => None,
        })?;
        let (step, steps) = window.unwrap_or((60, 60));
        Ok(Self {
            method: text("method", "a method such as GET")?,
            endpoint: text("endpoint", "an endpoint such as /orders/{id}")?,
            step: Duration::from_secs(step),
            steps,
        })
    }

    /// Reads it. It can take milliseconds.
    pub(in crate::monitoring) fn answer(&self, sources: &Sources) -> ShownEndpoint<'_> {
        let EndpointHistory {
            steps,
            total,
            categories,
        } = sources.statistics.history_of(
            &self.method,
            &self.endpoint,
            self.step,
            self.steps as usize,
        );
        ShownEndpoint {
            timestamp: rfc3339::since_1970(timestamp::since_1970()).to_string(),
            method: &self.method,
            endpoint: &self.endpoint,
            window_seconds: (self.step * self.steps).as_secs(),
            series: Series::of(&steps),
            total,
            categories,
            bands_ms: bands_ms(sources.bands),
        }
    }
}
