//! Keeps the last values of what is asked from time to time: pools, queues, databases, the process.
//!
//! A scrape reads what is kept and asks nobody. So what hangs delays only its own values, whose age shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{Metrics, catalog::Id, one_family::OneFamily};

/// The last values of one source.
#[derive(Debug)]
pub(crate) struct Sampler {
    name: Arc<str>,
    since: Instant,
    last: Mutex<Option<Last>>,
}

#[derive(Debug)]
struct Last {
    at: Instant,
    values: Arc<[Sampled]>,
}

/// One value, with the labels of its family.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sampled {
    pub(crate) id: Id,
    pub(crate) labels: Vec<Arc<str>>,
    pub(crate) value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Gauge(f64),
    Counter(u64),
    /// A counter of seconds.
    Seconds(f64),
}

/// The samplers of some counters, and what ends their threads: they wait for the other end.
#[derive(Debug, Default)]
pub(super) struct Samplers(Mutex<Vec<(Arc<Sampler>, Sender<Infallible>)>>);

/// What the samplers of some counters said last.
#[derive(Debug, Default)]
pub(super) struct Samples {
    values: Vec<Arc<[Sampled]>>,
    ages: Vec<(Arc<str>, Duration)>,
}

// === impl Sampler ===

impl Sampler {
    pub(crate) fn new(name: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            since: Instant::now(),
            last: Mutex::default(),
        })
    }

    /// Notes an answer. What is not known is left out, and is then absent.
    pub(crate) fn put(&self, values: Vec<Sampled>) {
        let last = Last {
            at: Instant::now(),
            values: values.into(),
        };
        *self.last() = Some(last);
    }

    /// Notes that there is no answer: no values are better than wrong ones. Their age goes on from the last answer.
    pub(crate) fn forget(&self) {
        if let Some(last) = &mut *self.last() {
            last.values = Arc::default();
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Sampled ===

impl Sampled {
    pub(crate) fn gauge(id: Id, labels: &[&str], value: f64) -> Self {
        Self {
            id,
            labels: labels.iter().map(|label| Arc::from(*label)).collect(),
            value: Value::Gauge(value),
        }
    }

    pub(crate) fn counter(id: Id, labels: &[&str], value: u64) -> Self {
        Self {
            value: Value::Counter(value),
            ..Self::gauge(id, labels, 0.0)
        }
    }

    pub(crate) fn seconds_counter(id: Id, labels: &[&str], seconds: f64) -> Self {
        Self {
            value: Value::Seconds(seconds),
            ..Self::gauge(id, labels, 0.0)
        }
    }
}

// === impl Samplers ===

impl Samplers {
    fn all(&self) -> MutexGuard<'_, Vec<(Arc<Sampler>, Sender<Infallible>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What they said last.
    pub(super) fn read(&self) -> Samples {
        let mut samples = Samples::default();
        let samplers = self
            .all()
            .iter()
            .map(|(sampler, _)| Arc::clone(sampler))
            .collect::<Vec<_>>();
        let now = Instant::now();
        for sampler in samplers {
            let last = sampler.last();
            let at = last.as_ref().map_or(sampler.since, |last| last.at);
            let age = now.saturating_duration_since(at);
            samples.ages.push((Arc::clone(&sampler.name), age));
            samples
                .values
                .extend(last.as_ref().map(|last| Arc::clone(&last.values)));
        }
        samples
    }
}

// === impl Samples ===

impl Samples {
    /// Gives the values of a family.
    pub(super) fn give(&self, family: &mut OneFamily<'_>) {
        let id = family.id();
        let values = self.values.iter().flat_map(|values| &**values);
        let of_family = values.filter(|sampled| sampled.id == id);
        // A series that is there twice costs the whole scrape, so of two answers the one of the newer sampler stays.
        let series: BTreeMap<Vec<&str>, Value> = of_family
            .map(|sampled| {
                let labels = sampled.labels.iter().map(|label| &**label);
                (labels.collect(), sampled.value)
            })
            .collect();
        for (labels, value) in series {
            match value {
                Value::Gauge(value) => family.gauge(&labels, value),
                Value::Counter(value) => family.counter(&labels, value),
                Value::Seconds(value) => family.seconds_counter(&labels, value),
            }
        }
        if id == Id::SampleAge {
            for (name, age) in &self.ages {
                family.gauge(&[name], age.as_secs_f64());
            }
        }
    }
}

// === impl Metrics ===

impl Metrics {
    /// Publishes the values of this sampler with these counters, or with those of the process, in place of those of another sampler
    /// of its name. The other end is closed when another one takes its place, and when these counters end.
    pub(crate) fn publish_sampler(
        metrics: Option<&Self>,
        sampler: &Arc<Sampler>,
    ) -> Receiver<Infallible> {
        let (alive, ended) = mpsc::channel();
        let mut all = Self::samplers_of(metrics).all();
        all.retain(|(known, _)| known.name != sampler.name);
        all.push((Arc::clone(sampler), alive));
        ended
    }

    /// The names of the samplers of one kind, such as `primary` for a pool.
    pub(crate) fn samplers_of_kind(&self, kind: &str) -> BTreeSet<String> {
        let all = Self::samplers_of(Some(self)).all();
        let names = all.iter().filter_map(|(sampler, _)| {
            let (known, name) = sampler.name.split_once(':')?;
            (known == kind).then(|| name.to_owned())
        });
        names.collect()
    }

    /// Those of the process are there before its counters: a sampler that starts first does not fix the settings of these.
    pub(super) fn samplers_of(metrics: Option<&Self>) -> &Samplers {
        static OF_PROCESS: Samplers = Samplers(Mutex::new(Vec::new()));
        match metrics {
            Some(metrics) if !metrics.is_global() => &metrics.inner.samplers,
            _ => &OF_PROCESS,
        }
    }
}

#[cfg(test)]
mod tests;
