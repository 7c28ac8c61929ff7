//! Gives the numbers of a service of which all requests fail, or none.

use std::{sync::Arc, time::Duration};

use crate::{
    alerts::{CounterOf, Gauge, Labels, Numbers},
    facts::labels::{MethodLabel, StatusLabel},
    metrics::{
        bounds::Bounds,
        readings::{Key, requests},
    },
    window::Sums,
};

pub(super) struct Given {
    now: Duration,
    is_failing: bool,
    in_flight: u64,
    bounds: Bounds,
}

// === impl Given ===

impl Given {
    pub(super) fn new(now: Duration, is_failing: bool, in_flight: u64) -> Self {
        Self {
            now,
            is_failing,
            in_flight,
            bounds: Bounds::new([Duration::from_secs(1)]).on_grid(),
        }
    }
}

impl Numbers for Given {
    fn now(&self) -> Duration {
        self.now
    }

    fn counted(&self, from: Duration, to: Option<Duration>, _: bool) -> Sums {
        let key = Key::Requests {
            endpoint: Arc::from("/orders"),
            method: MethodLabel::at(0),
            status: StatusLabel::at(if self.is_failing { 500 } else { 200 }),
        };
        let mut counts = vec![0; requests::COUNTS];
        counts[requests::ALL] = 100;
        let end = to.unwrap_or(self.now);
        Sums {
            begin: from,
            end,
            covered: end.saturating_sub(from),
            counts: [(key, counts)].into(),
            ..Sums::default()
        }
    }

    fn observed(&self) -> Duration {
        Duration::from_secs(3_600)
    }

    fn slot(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn in_flight(&self) -> u64 {
        self.in_flight
    }

    fn deployed(&self) -> Option<Duration> {
        None
    }

    fn gauge(&self, _: Gauge) -> Vec<(String, f64)> {
        Vec::new()
    }

    fn gauges_of(&self, _: &str, _: &[(String, String)]) -> Vec<(Labels, f64)> {
        Vec::new()
    }

    fn counter(&self, _: &CounterOf) -> Option<f64> {
        None
    }
}
