//! Publishes to a recorder what was counted since the last time. No request waits for it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak},
};

use metrics::{Key, Recorder};

use super::{
    GLOBAL, Inner, Metrics,
    bounds::Bounds,
    checks::PublishedChecks,
    families,
    names::{self, MetricNames, Names},
    naming::Naming,
    push::Push,
    series::Series,
    sink::Sink,
    table::Table,
    totals::Totals,
};
use crate::facts::{exchange::Outcome, severity::Severity};

/// What the process has published to its recorder. There is one global recorder.
static OF_PROCESS: LazyLock<SharedPublisher> = LazyLock::new(SharedPublisher::default);

/// Lets one thread at a time publish. Only the publishing thread and scrapes wait for it.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedPublisher(Arc<Mutex<Publisher>>);

/// Remembers the last recorder, and what it has. A new recorder gets everything again.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// The address of the last recorder.
    recorder: Option<usize>,
    /// It is incremented for each new recorder.
    generation: u64,
    /// The recorder has the descriptions of this preset.
    described: Option<Names>,
    /// How often that failed, as long as the process has no counters.
    uncounted: u32,
    /// What was added to all names.
    naming: Naming,
    /// A round has begun and has not ended. If the next one finds this, a panic ended that round.
    in_round: bool,
    checks: PublishedChecks,
}

/// One round of publishing.
struct Round<'a> {
    push: Push<'a>,
    /// The recorder, as series remember it.
    generation: u64,
    /// Everything is pushed, also what has not changed.
    all: bool,
    names: &'static MetricNames,
    scheme: &'static str,
}

// === impl SharedPublisher ===

impl SharedPublisher {
    /// Publishes the counters of the process, if there are any, and all checks that no other counters publish. Nobody else
    /// publishes until the result is dropped.
    pub(super) fn publish_process(
        recorder: &dyn Recorder,
        drain: &dyn Fn(),
    ) -> MutexGuard<'static, Publisher> {
        let metrics = GLOBAL.get();
        let mine = |owner: &Weak<Inner>| {
            owner.strong_count() == 0 || metrics.is_some_and(|metrics| metrics.owns(owner))
        };
        let mut publisher = OF_PROCESS.lock();
        publisher.publish(metrics, recorder, drain, &mine);
        publisher
    }

    /// Publishes counters that are not those of the process, and the checks that were added to them. Nobody else publishes
    /// until the result is dropped.
    pub(super) fn publish<'a>(
        &'a self,
        metrics: &Metrics,
        recorder: &dyn Recorder,
        drain: &dyn Fn(),
    ) -> MutexGuard<'a, Publisher> {
        let mine = |owner: &Weak<Inner>| metrics.owns(owner);
        let mut publisher = self.lock();
        publisher.publish(Some(metrics), recorder, drain, &mine);
        publisher
    }

    fn lock(&self) -> MutexGuard<'_, Publisher> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Publisher ===

impl Publisher {
    /// Publishes everything. `drain` lets the recorder process the samples that it keeps. `mine` chooses the checks by
    /// their owner.
    fn publish(
        &mut self,
        metrics: Option<&Metrics>,
        recorder: &dyn Recorder,
        drain: &dyn Fn(),
        mine: &dyn Fn(&Weak<Inner>) -> bool,
    ) {
        // Before the process counts, only checks are published, under the names of this crate.
        let unnamed = Naming::default();
        let settings = metrics.map(|metrics| &metrics.inner.settings);
        let naming = settings.map_or(&unnamed, |settings| &settings.naming);
        self.select(recorder, naming);
        let all = std::mem::replace(&mut self.in_round, true);
        let names = settings.map_or(Names::Prometheus, |settings| settings.names);
        self.describe(metrics, names, recorder);
        let mut push = Push::new(recorder, naming, drain);
        self.checks.publish(&mut push, mine);
        if let Some((metrics, settings)) = metrics.zip(settings) {
            let round = Round {
                push,
                generation: self.generation,
                all,
                names: settings.names.metric_names(),
                scheme: settings.scheme,
            };
            round.run(metrics);
        }
        drain();
        self.in_round = false;
    }

    /// Remembers the recorder. It has nothing yet under other names, either.
    fn select(&mut self, recorder: &dyn Recorder, naming: &Naming) {
        let address = std::ptr::from_ref(recorder).cast::<()>().addr();
        if self.recorder != Some(address) || self.naming != *naming {
            self.recorder = Some(address);
            self.naming = naming.clone();
            self.generation += 1;
            self.described = None;
            self.checks.clear();
        }
    }

    /// Describes the metrics once. A recorder that panics is asked again in the next round, and gets the numbers in any case.
    fn describe(&mut self, metrics: Option<&Metrics>, names: Names, recorder: &dyn Recorder) {
        if self.described != Some(names) {
            let families = || families::describe(names.metric_names(), &self.naming, recorder);
            let described = catch_unwind(AssertUnwindSafe(families));
            self.described = described.is_ok().then_some(names);
            self.uncounted += u32::from(described.is_err());
        }
        if let Some(metrics) = metrics {
            for _ in 0..std::mem::take(&mut self.uncounted) {
                metrics.hook_failed();
            }
        }
    }
}

// === impl Round ===

impl Round<'_> {
    fn run(mut self, metrics: &Metrics) {
        let Inner {
            http,
            streams,
            errors,
            grpc,
            grpc_seconds,
            sizes,
            sessions,
            shares,
            build,
            ..
        } = &*metrics.inner;
        self.totals(&metrics.totals(), &shares.in_flight());
        if let Some(release) = build.get() {
            self.push.gauge(&names::build_key(release), 1.0);
            self.push.gauge(&names::target_key(release), 1.0);
        }
        // A copy: nobody waits for this lock while the recorder runs.
        let deployments = metrics.deployments().clone();
        for (version, at) in deployments {
            self.push.gauge(&names::deployment_key(&version), at);
        }
        let mut severities = [0; Severity::ALL.len()];
        for endpoint in http.series() {
            let of_endpoint = self.endpoint(&endpoint, http.bounds());
            add(&mut severities, of_endpoint);
        }
        for (severity, requests) in Severity::ALL.into_iter().zip(severities) {
            let key = names::severity_key(severity);
            self.push.counter(&key, requests);
        }
        for series in streams.series().iter().flatten() {
            let (names, scheme) = (self.names, self.scheme);
            let key = || names.duration_key(names.streams, series, scheme);
            self.histogram(series, key, streams.bounds());
        }
        if let Some(sizes) = sizes.get() {
            self.sizes(&sizes.requests, self.names.request_bytes);
            self.sizes(&sizes.responses, self.names.response_bytes);
        }
        for series in errors.series().iter().flatten() {
            let key = self.names.errors_key(series);
            self.push.counter(&key, series.read().requests);
        }
        for series in grpc.series().iter().flatten() {
            let key = names::grpc_handled_key(series);
            self.push.counter(&key, series.read().requests);
        }
        for series in grpc_seconds.series().iter().flatten() {
            let key = || Key::from_parts(names::GRPC_SECONDS, names::grpc_labels(series));
            self.histogram(series, key, grpc_seconds.bounds());
        }
        if let Some(open) = sessions.open() {
            let key = Key::from_static_name(names::SESSIONS);
            self.push.gauge(&key, open as f64);
        }
        let names = self.names;
        for series in sessions.durations.series().iter().flatten() {
            let key = || names.sessions_key(series);
            self.histogram(series, key, sessions.durations.bounds());
        }
    }

    fn totals(&self, totals: &Totals, in_flight: &[(&'static str, u64)]) {
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

    /// Publishes all series of one endpoint, except those that did not change, and its severities, except those that never
    /// happened. Returns the severities, summed over all series.
    fn endpoint(
        &mut self,
        all: &[Arc<Series>],
        bounds: Option<&Bounds>,
    ) -> [u64; Severity::ALL.len()] {
        let mut severities = [0; Severity::ALL.len()];
        let mut changed = false;
        for series in all {
            let reading = series.read();
            add(&mut severities, reading.severities);
            let mut published = series
                .published
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if !published.update(self.generation, &reading) && !self.all {
                continue;
            }
            changed = true;
            if let Some(requests) = self.names.requests {
                let key = self.names.requests_key(requests, series);
                self.push.counter(&key, reading.requests);
            }
            let name = self.names.duration;
            let key = self.names.duration_key(name, series, self.scheme);
            if let Some(bounds) = bounds {
                let before = &mut published.duration;
                self.push.histogram(&key, &reading.duration, before, bounds);
            }
        }
        if let Some(first) = all.first().filter(|_| changed) {
            let happened = Severity::ALL.into_iter().zip(severities);
            for (severity, requests) in happened.filter(|(_, requests)| *requests > 0) {
                let key = self.names.route_severity_key(&first.endpoint, severity);
                self.push.counter(&key, requests);
            }
        }
        severities
    }

    fn sizes(&mut self, table: &Table, name: &'static str) {
        for series in table.series().iter().flatten() {
            let (names, scheme) = (self.names, self.scheme);
            let key = || names.duration_key(name, series, scheme);
            self.histogram(series, key, table.bounds());
        }
    }

    /// Publishes a histogram, unless it did not change.
    fn histogram(&mut self, series: &Series, key: impl FnOnce() -> Key, bounds: Option<&Bounds>) {
        let reading = series.read();
        let mut published = series
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let changed = published.update(self.generation, &reading) || self.all;
        if let Some(bounds) = bounds.filter(|_| changed) {
            let before = &mut published.duration;
            self.push
                .histogram(&key(), &reading.duration, before, bounds);
        }
    }
}

fn add<const N: usize>(sums: &mut [u64; N], more: [u64; N]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.wrapping_add(more);
    }
}

#[cfg(test)]
mod tests;
