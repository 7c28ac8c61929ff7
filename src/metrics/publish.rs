//! Publishes to a recorder what was counted since the last time. No request waits for it.

use std::sync::{Arc, PoisonError};

use metrics::{Key, Recorder};

use super::{
    Inner, Metrics,
    names::{self, MetricNames},
    push::{Push, Target},
    series::Series,
    sink::Sink,
    table::Table,
    totals::Totals,
};
use crate::facts::{exchange::Outcome, severity::Severity};

/// Remembers the last recorder. A new recorder gets everything again.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// The address of the last recorder.
    recorder: Option<usize>,
    /// It is incremented for each new recorder.
    generation: u64,
}

/// One round of publishing.
struct Round<'a> {
    push: Push<'a>,
    target: Target,
    names: &'static MetricNames,
    scheme: &'static str,
}

// === impl Publisher ===

impl Publisher {
    /// Remembers the recorder. Returns it as a target, and whether it is new.
    pub(super) fn select(&mut self, recorder: &dyn Recorder) -> (Target, bool) {
        let address = std::ptr::from_ref(recorder).cast::<()>().addr();
        let new = self.recorder != Some(address);
        if new {
            self.recorder = Some(address);
            self.generation += 1;
        }
        (Target::new(address, self.generation), new)
    }

    /// Publishes everything. `drain` lets the recorder process the samples that it keeps.
    pub(super) fn publish(&mut self, metrics: &Metrics, recorder: &dyn Recorder, drain: &dyn Fn()) {
        let Inner {
            settings,
            http,
            errors,
            grpc,
            ..
        } = &*metrics.inner;
        let names = settings.names.metric_names();
        let (target, new) = self.select(recorder);
        if new {
            names.describe(recorder);
        }
        let mut round = Round {
            push: Push::new(recorder, drain),
            target,
            names,
            scheme: settings.scheme,
        };
        round.totals(&metrics.totals(), &metrics.inner.shares.in_flight());
        if let Some(release) = metrics.inner.build.get() {
            round.push.gauge(&names::build_key(release), 1.0);
        }
        for (version, at) in metrics.deployments().iter() {
            round.push.gauge(&names::deployment_key(version), *at);
        }
        metrics.inner.checks.publish(&mut round.push, target);
        for endpoint in http.series() {
            round.endpoint(&endpoint, http);
        }
        for series in errors.series().iter().flatten() {
            let key = names.errors_key(series);
            round.push.counter(&key, series.read().requests);
        }
        for series in grpc.series().iter().flatten() {
            round.grpc(series, grpc);
        }
        drain();
    }
}

// === impl Round ===

impl Round<'_> {
    fn totals(&self, totals: &Totals, in_flight: &[(&'static str, i64)]) {
        let counters = [
            (names::STARTED, totals.started),
            (names::EXCLUDED, totals.excluded),
            (names::OVERFLOW, totals.overflow),
            (names::HOOK_FAILURES, totals.hook_failures),
            (names::READINESS_ERRORS, totals.readiness_errors),
        ];
        for (name, value) in counters {
            self.push.counter(&Key::from_static_name(name), value);
        }
        for outcome in Outcome::ALL {
            let key = names::outcome_key(outcome);
            self.push.counter(&key, totals.outcome(outcome));
        }
        let key = self.names.excluded_errors_key();
        self.push.counter(&key, totals.excluded_errors);
        for sink in Sink::all() {
            let key = names::dropped_key(sink);
            self.push.counter(&key, totals.dropped(sink));
        }
        for (key, value) in self.names.in_flight(in_flight, self.scheme) {
            self.push.gauge(&key, value as f64);
        }
    }

    /// Publishes all series of one endpoint, except those that did not change. Severities are summed over all series.
    fn endpoint(&mut self, all: &[Arc<Series>], table: &Table) {
        let mut severities = [0_u64; 4];
        let mut changed = false;
        for series in all {
            let reading = series.read();
            for (sum, severity) in severities.iter_mut().zip(reading.severities) {
                *sum = sum.wrapping_add(severity);
            }
            let mut published = series
                .published
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !published.update(self.target.generation, &reading) {
                continue;
            }
            changed = true;
            if let Some(requests) = self.names.requests {
                let key = self.names.requests_key(requests, series);
                self.push.counter(&key, reading.requests);
            }
            let key = |name| self.names.duration_key(name, series, self.scheme);
            let (duration, streams) = (key(self.names.duration), key(self.names.streams));
            let before = &mut published.duration;
            self.push
                .histogram(&duration, &reading.duration, before, &table.bounds);
            let before = &mut published.streams;
            self.push
                .histogram(&streams, &reading.streams, before, &table.streams);
        }
        if let Some(first) = all.first().filter(|_| changed) {
            for severity in Severity::ALL {
                let key = self.names.severity_key(&first.endpoint, severity);
                self.push.counter(&key, severities[severity as usize]);
            }
        }
    }

    fn grpc(&mut self, series: &Series, table: &Table) {
        let reading = series.read();
        let mut published = series
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !published.update(self.target.generation, &reading) {
            return;
        }
        let key = names::grpc_handled_key(series);
        self.push.counter(&key, reading.requests);
        let key = Key::from_parts(names::GRPC_SECONDS, names::grpc_labels(series));
        let before = &mut published.duration;
        self.push
            .histogram(&key, &reading.duration, before, &table.bounds);
    }
}
