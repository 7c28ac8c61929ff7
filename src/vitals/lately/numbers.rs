//! Gives alerts the numbers of the application: what was counted lately, and what is now.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc, time::Duration};

use super::Kept;
use crate::{
    alerts::{CounterOf, Gauge, Host, Labels, Numbers, Stored},
    facts::work::{CallOutcome, Work},
    metrics::{CircuitState, bounds::Bounds, catalog::Id, current::Current, readings::Key},
    used_memory::UsedMemory,
    window::{self, Moment, Span, Sums, View, store},
};

/// How much of the file of records alerts may take. The rest is for starts and deployments.
const MOST_BYTES: usize = 3 * 1024 * 1024;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of one moment.
struct AtOnce<'k> {
    kept: &'k Kept,
    view: View<'k>,
    /// Read when a rule first asks for it.
    current: OnceCell<Current>,
}

impl Host for Arc<Kept> {
    fn at_once(&self, judge: &mut dyn FnMut(&dyn Numbers)) {
        judge(&AtOnce {
            kept: self,
            view: self.window.view(),
            current: OnceCell::new(),
        });
    }

    fn clock(&self) -> Moment {
        window::clock_now()
    }

    fn keep(&self, stored: Stored) {
        if self.writer.is_some() {
            let mut records = self.records();
            records.set_only(store::ALERTS, &stored.within(MOST_BYTES));
            self.write(&records);
        }
    }
}

// === impl AtOnce ===

impl AtOnce<'_> {
    fn current(&self) -> &Current {
        self.current.get_or_init(|| self.kept.metrics.current())
    }

    fn gauges(&self, id: Id) -> Vec<(String, f64)> {
        self.kept.metrics.gauges(id)
    }

    /// What share of one gauge another one is, in per cent, by their label.
    fn percent(&self, part: Id, whole: Id) -> Vec<(String, f64)> {
        let whole: BTreeMap<_, _> = self.gauges(whole).into_iter().collect();
        let parts = self.gauges(part).into_iter();
        parts
            .filter_map(|(name, part)| {
                let whole = whole.get(&name).filter(|whole| **whole > 0.0)?;
                Some((name, part * 100.0 / whole))
            })
            .collect()
    }

    /// A process before has left slots of 10 and of 30 minutes. A short window that began in one of them would be much longer than
    /// asked, and an incident that ended long ago would begin anew. Then it is the time since this process began.
    fn without_long_slots(
        &self,
        mut sums: Sums,
        from: Duration,
        window: Duration,
        durations: bool,
    ) -> Sums {
        let is_long = |begin: Duration| from.saturating_sub(begin) > window / 4;
        let (counts, times) = (
            is_long(sums.begin),
            durations && is_long(sums.durations_begin),
        );
        if sums.restored.is_zero() || !(counts || times) {
            return sums;
        }
        let lived = self.now().saturating_sub(self.kept.began).min(window);
        let own = self.view.sums(Span::Last(lived), |key| {
            (key.is_of_durations() && times) || (!key.is_of_durations() && counts)
        });
        if times {
            sums.durations = own.durations;
            (sums.durations_begin, sums.durations_end) = (own.durations_begin, own.durations_end);
        }
        if counts {
            (sums.counts, sums.last) = (own.counts, own.last);
            (sums.begin, sums.end) = (own.begin, own.end);
            (sums.covered, sums.restored) = (own.covered, own.restored);
        }
        sums
    }

    /// How long ago each job succeeded, in seconds. One that did not in the last day is as old as all that was observed of it.
    fn job_ages(&self) -> Vec<(String, f64)> {
        let now = self.now().as_secs_f64();
        let is_job = |key: &Key| {
            matches!(
                key,
                Key::Work {
                    work: Work::Job,
                    ..
                }
            )
        };
        let sums = self.view.sums(Span::Last(DAY), is_job);
        let oldest = sums.covered.as_secs_f64();
        let mut ages = BTreeMap::new();
        for key in sums.counts.keys() {
            let Key::Work { name, outcome, .. } = key else {
                continue;
            };
            let ended = sums.last.get(key).map_or(0.0, Duration::as_secs_f64);
            let age = match outcome {
                Some(CallOutcome::Success) => (now - ended).clamp(0.0, oldest),
                _ => oldest,
            };
            let known: &mut f64 = ages.entry(name.to_string()).or_insert(age);
            *known = known.min(age);
        }
        // Those of this process are exact.
        for (job, at) in self.gauges(Id::JobLastSuccess) {
            ages.insert(job, (now - at).max(0.0));
        }
        ages.into_iter().collect()
    }

    /// The memory in use. Where nobody publishes it, it is read now.
    fn memory(&self) -> Vec<(String, f64)> {
        let published = self.gauges(Id::MemoryPercent);
        if !published.is_empty() {
            return published;
        }
        let read = UsedMemory::of_process().read();
        let percent = read.map(|memory| (String::new(), memory.percent()));
        percent.into_iter().collect()
    }

    /// How many circuit breakers are open. It is 0 where there is none.
    fn open_circuits(&self) -> Vec<(String, f64)> {
        let circuits = self.kept.metrics.circuits();
        let open = circuits.values();
        let open = open.filter(|state| **state == CircuitState::Open).count();
        vec![(String::new(), open as f64)]
    }
}

impl Numbers for AtOnce<'_> {
    fn now(&self) -> Duration {
        self.view.wall()
    }

    fn counted(&self, from: Duration, to: Option<Duration>, durations: bool) -> Sums {
        let wanted = |key: &Key| durations || !key.is_of_durations();
        let Some(to) = to else {
            let window = self.now().saturating_sub(from);
            let sums = self.view.sums(Span::Last(window), wanted);
            return self.without_long_slots(sums, from, window, durations);
        };
        self.view.sums(Span::Between(from, to), wanted)
    }

    fn observed(&self) -> Duration {
        self.view.sums(Span::Last(DAY), |_| false).covered
    }

    fn slot(&self) -> Duration {
        self.kept.slot
    }

    fn bounds(&self) -> &Bounds {
        &self.kept.bounds
    }

    fn in_flight(&self) -> u64 {
        self.kept.metrics.totals().in_flight
    }

    fn deployed(&self) -> Option<Duration> {
        let last = self.kept.records().last_deployment()?;
        Some(Duration::from_millis(last.at_ms))
    }

    fn gauge(&self, gauge: Gauge) -> Vec<(String, f64)> {
        let now = self.now().as_secs_f64();
        let scaled = |id, scale: &dyn Fn(f64) -> f64| {
            let values = self.gauges(id).into_iter();
            values.map(|(name, value)| (name, scale(value))).collect()
        };
        match gauge {
            Gauge::MemoryPercent => self.memory(),
            Gauge::CpuPercent => self.gauges(Id::CpuPercent),
            Gauge::CircuitsOpen => self.open_circuits(),
            Gauge::RuntimeLagMillis => scaled(Id::TokioLag, &|lag| lag * 1_000.0),
            Gauge::CheckFailed => scaled(Id::HealthStatus, &|status| {
                if status > 0.0 { 0.0 } else { 1.0 }
            }),
            Gauge::DiskFreePercent => self.percent(Id::DiskFree, Id::DiskSize),
            Gauge::PoolPercent => self.percent(Id::PoolInUse, Id::PoolMax),
            Gauge::CertificateDays => scaled(Id::CertificateExpiry, &|expiry| {
                (expiry - now) / DAY.as_secs_f64()
            }),
            Gauge::JobAgeSeconds => self.job_ages(),
            Gauge::QueueLength => self.gauges(Id::JobQueueLength),
            Gauge::RedisPercent => self.percent(Id::RedisMemoryUsed, Id::RedisMemoryMax),
            Gauge::CacheHitPercent => scaled(Id::RedisHitRatio, &|ratio| ratio * 100.0),
        }
    }

    fn gauges_of(&self, name: &str, labels: &[(String, String)]) -> Vec<(Labels, f64)> {
        let series = self.current().gauges.get(name).into_iter().flatten();
        let wanted = series.filter(|series| series.has(labels));
        wanted
            .map(|series| (series.labels.clone(), series.value))
            .collect()
    }

    fn counter(&self, counter: &CounterOf) -> Option<f64> {
        let series = self.current().counters.get(&counter.name)?;
        let wanted = series.iter().filter(|series| series.has(&counter.labels));
        let mut found = false;
        let sum = wanted
            .inspect(|_| found = true)
            .map(|series| series.value)
            .sum();
        found.then_some(sum)
    }
}

#[cfg(test)]
mod tests;
