//! Gives a recorder what the ledger has counted since it was last asked, off every request's path.

use std::sync::{Arc, PoisonError};

use metrics::{Key, Level, Metadata, Recorder};

use super::{
    Inner, Metrics, Sink, Totals,
    names::{self, MetricNames},
    series::{Bounds, Series, seconds},
    table::Table,
};
use crate::{exchange::Outcome, timing::Severity};

/// Exporters keep 16 bytes a sample until they are drained; after this many we ask for it.
const SAMPLES_AT_ONCE: u64 = 65_536;

static METADATA: Metadata<'_> = Metadata::new("tower_vitals", Level::INFO, None);

/// What one recorder was given; a recorder that takes its place is given everything again.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    /// By address.
    recorder: Option<usize>,
    /// Counts the recorders there were.
    generation: u64,
}

/// One round of publishing.
struct Round<'a> {
    recorder: &'a dyn Recorder,
    /// Drains what the recorder holds back.
    drain: &'a dyn Fn(),
    pushed: u64,
    generation: u64,
    names: &'static MetricNames,
    scheme: &'static str,
}

// === impl Publisher ===

impl Publisher {
    pub(super) fn publish(&mut self, metrics: &Metrics, recorder: &dyn Recorder, drain: &dyn Fn()) {
        let Inner {
            settings,
            http,
            errors,
            grpc,
            ..
        } = &*metrics.inner;
        let names = settings.names.metric_names();
        let address = std::ptr::from_ref(recorder).cast::<()>().addr();
        if self.recorder != Some(address) {
            self.recorder = Some(address);
            self.generation += 1;
            names.describe(recorder);
        }
        let mut round = Round {
            recorder,
            drain,
            pushed: 0,
            generation: self.generation,
            names,
            scheme: settings.scheme,
        };
        round.totals(&metrics.totals(), &metrics.in_flight());
        if let Some(release) = metrics.inner.build.get() {
            round.gauge(&names::build_key(release), 1.0);
        }
        for (version, at) in metrics.deployments().iter() {
            round.gauge(&names::deployment_key(version), *at);
        }
        for endpoint in http.series() {
            round.endpoint(&endpoint, http);
        }
        for series in errors.series().iter().flatten() {
            let key = names.errors_key(series);
            round.counter(&key, series.read().requests);
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
            self.counter(&Key::from_static_name(name), value);
        }
        for outcome in Outcome::ALL {
            self.counter(&names::outcome_key(outcome), totals.outcome(outcome));
        }
        self.counter(&self.names.excluded_errors_key(), totals.excluded_errors);
        let Totals {
            dropped_log,
            dropped_sentry,
            dropped_sentry_flood,
            dropped_sentry_scrubbing,
            ..
        } = *totals;
        let dropped = [
            dropped_log,
            dropped_sentry,
            dropped_sentry_flood,
            dropped_sentry_scrubbing,
        ];
        for (sink, dropped) in Sink::ALL.iter().zip(dropped) {
            self.counter(&names::dropped_key(sink.as_str()), dropped);
        }
        for (key, value) in self.names.in_flight(in_flight, self.scheme) {
            self.gauge(&key, value as f64);
        }
    }

    fn gauge(&self, key: &Key, value: f64) {
        self.recorder.register_gauge(key, &METADATA).set(value);
    }

    /// All series of one endpoint; those that did not change since last time are left alone.
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
            if !published.is_due(self.generation, &reading) {
                continue;
            }
            changed = true;
            if let Some(requests) = self.names.requests {
                let key = self.names.requests_key(requests, series);
                self.counter(&key, reading.requests);
            }
            let key = |name| self.names.duration_key(name, series, self.scheme);
            let (duration, streams) = (key(self.names.duration), key(self.names.streams));
            self.histogram(
                &duration,
                &reading.duration,
                &mut published.duration,
                &table.bounds,
            );
            self.histogram(
                &streams,
                &reading.streams,
                &mut published.streams,
                &table.streams,
            );
        }
        if let Some(first) = all.first().filter(|_| changed) {
            for severity in Severity::ALL {
                let key = self.names.severity_key(&first.endpoint, severity);
                self.counter(&key, severities[severity as usize]);
            }
        }
    }

    fn grpc(&mut self, series: &Series, table: &Table) {
        let reading = series.read();
        let mut published = series
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !published.is_due(self.generation, &reading) {
            return;
        }
        self.counter(&names::grpc_handled_key(series), reading.requests);
        let key = Key::from_parts(names::GRPC_SECONDS, names::grpc_labels(series));
        let before = &mut published.duration;
        self.histogram(&key, &reading.duration, before, &table.bounds);
    }

    fn counter(&self, key: &Key, value: u64) {
        self.recorder
            .register_counter(key, &METADATA)
            .absolute(value);
    }

    /// Each bucket's new samples at their mean, so that buckets, count and sum are those that were counted.
    fn histogram(
        &mut self,
        key: &Key,
        now: &[(u64, u64)],
        before: &mut Vec<(u64, u64)>,
        bounds: &Bounds,
    ) {
        before.resize(now.len(), (0, 0));
        if *before == now {
            return;
        }
        let handle = self.recorder.register_histogram(key, &METADATA);
        for (index, (now, before)) in now.iter().zip(before).enumerate() {
            let count = now.0.wrapping_sub(before.0);
            if count == 0 {
                continue;
            }
            // Below zero where more was given, at the bucket's edge, than has been seen: it comes later.
            let sum = now.1.wrapping_sub(before.1).cast_signed();
            let sum = u64::try_from(sum).unwrap_or(0);
            let (from, upto) = bounds.bucket(index);
            // A count may be seen before its sum: what is missing comes with the bucket's next sample.
            let mean = (sum / count).clamp(from, upto);
            let rest = (sum.saturating_sub(mean.saturating_mul(count))).min(count);
            let rest = if mean < upto { rest } else { 0 };
            for (value, mut left) in [(mean, count - rest), (mean + u64::from(rest > 0), rest)] {
                while left > 0 {
                    let chunk = left.min(SAMPLES_AT_ONCE - self.pushed);
                    handle.record_many(seconds(value), chunk as usize);
                    left -= chunk;
                    self.pushed += chunk;
                    if self.pushed == SAMPLES_AT_ONCE {
                        (self.drain)();
                        self.pushed = 0;
                    }
                }
            }
            let given = mean.wrapping_mul(count).wrapping_add(rest);
            *before = (now.0, before.1.wrapping_add(given));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use metrics::{Counter, Gauge, Histogram, HistogramFn, KeyName, SharedString, Unit};

    use super::{
        super::{
            Names, Settings,
            series::{Sample, SeriesKey},
        },
        *,
    };

    /// What a histogram was given, in nanoseconds, and what it holds until it is drained.
    #[derive(Debug, Default)]
    struct Given {
        samples: Vec<(u64, u64)>,
        held: u64,
        most: u64,
    }

    /// Takes all histograms for one.
    #[derive(Debug, Default)]
    struct Holding(Arc<Held>);

    #[derive(Debug, Default)]
    struct Held(Mutex<Given>);

    impl HistogramFn for Held {
        fn record(&self, value: f64) {
            self.record_many(value, 1);
        }

        fn record_many(&self, value: f64, count: usize) {
            let mut given = self.0.lock().unwrap();
            let count = count as u64;
            given.samples.push(((value * 1e9).round() as u64, count));
            given.held += count;
            given.most = given.most.max(given.held);
        }
    }

    impl Recorder for Holding {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
            Counter::noop()
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::from_arc(Arc::clone(&self.0))
        }
    }

    /// What a recorder is given of requests that took so many nanoseconds.
    fn given(nanos: impl IntoIterator<Item = u64>) -> Given {
        let metrics = Settings::new().isolated().unwrap();
        for nanos in nanos {
            let sample = Sample {
                head: Some(Duration::from_nanos(nanos)),
                severity: None,
                stream: None,
            };
            metrics.inner.http.record(None, SeriesKey(0, 200), sample);
        }
        let recorder = Holding::default();
        let drain = || recorder.0.0.lock().unwrap().held = 0;
        metrics.publish_and(&recorder, &drain);
        std::mem::take(&mut *recorder.0.0.lock().unwrap())
    }

    #[test]
    fn a_recorder_is_drained_before_it_holds_too_much() {
        const REQUESTS: u64 = 3 * SAMPLES_AT_ONCE + 7;
        let given = given((0..REQUESTS).map(|_| 1_000));
        assert_eq!(given.most, SAMPLES_AT_ONCE);
        assert_eq!(given.held, 0, "drained in the end");
        let all: u64 = given.samples.iter().map(|(_, count)| count).sum();
        assert_eq!(all, REQUESTS);
    }

    #[test]
    fn samples_have_the_sum_that_was_counted() {
        assert_eq!(given([1, 1, 2]).samples, [(1, 2), (2, 1)]);
    }

    #[test]
    fn a_count_that_is_seen_before_its_sum_stays_in_its_bucket() {
        let recorder = Holding::default();
        let mut round = Round {
            recorder: &recorder,
            drain: &|| {},
            pushed: 0,
            generation: 1,
            names: Names::Guides.metric_names(),
            scheme: "http",
        };
        let bounds = Bounds::new([10, 20].map(Duration::from_nanos));
        let key = Key::from_static_name("duration");
        let mut before = Vec::new();
        // Two requests of 15 and 16 ns, the second half seen; then all of it, and a third of 12.
        for now in [(2, 15), (3, 43)] {
            round.histogram(&key, &[(0, 0), now, (0, 0)], &mut before, &bounds);
        }
        let given = recorder.0.0.lock().unwrap();
        assert_eq!(given.samples, [(11, 2), (20, 1)]);
    }

    #[test]
    fn two_counts_that_are_seen_before_their_sums_make_no_endless_sample() {
        let recorder = Holding::default();
        let mut round = Round {
            recorder: &recorder,
            drain: &|| {},
            pushed: 0,
            generation: 1,
            names: Names::Guides.metric_names(),
            scheme: "http",
        };
        let bounds = Bounds::new([Duration::from_nanos(10)]);
        let key = Key::from_static_name("duration");
        let mut before = Vec::new();
        for now in [(1, 0), (2, 0), (3, 90)] {
            round.histogram(&key, &[(0, 0), now], &mut before, &bounds);
        }
        let given = recorder.0.0.lock().unwrap();
        assert_eq!(given.samples, [(11, 1), (11, 1), (68, 1)]);
    }
}
