//! Gives all that people look at together, as it is at one moment: the counters are read once for all of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{
    Now, Statistics,
    deployments::JudgedDeployment,
    endpoints::EndpointStatistics,
    errors::ErrorStatistics,
    handle::{StatisticsHandle, Stretch},
    releases::by_time,
    steps::{Step, Steps},
    traffic::Traffic,
};
use crate::{
    facts::labels::MethodLabel,
    metrics::readings::{Key, requests},
    window::Span,
};

const MINUTE: Duration = Duration::from_secs(60);

/// The window of what is called lately.
const LATELY: Duration = Duration::from_secs(5 * 60);

/// What happened in the last hour, step by step.
#[derive(Debug)]
pub(crate) struct Hour {
    /// Of the whole service, by the minute.
    pub(crate) minutes: Steps<Step>,
    /// The requests of each endpoint.
    pub(crate) trend: Steps<Requests>,
}

/// How many requests each endpoint had.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    pub(crate) is_observed: bool,
    counts: HashMap<(Arc<str>, MethodLabel), u64>,
}

/// What there is at one moment.
#[derive(Debug)]
pub(crate) struct Overview {
    /// The last minute.
    pub(crate) now: Traffic,
    pub(crate) now_covered: Duration,
    /// The last five minutes.
    pub(crate) lately: Statistics,
}

/// One endpoint, step by step.
#[derive(Debug)]
pub(crate) struct EndpointHistory {
    pub(crate) steps: Steps<Step>,
    pub(crate) total: Option<EndpointStatistics>,
    /// The failures of the endpoint, with any method.
    pub(crate) categories: BTreeMap<&'static str, u64>,
}

// === impl StatisticsHandle ===

impl StatisticsHandle {
    /// What there is now, and brings `hour` up to now.
    pub(crate) fn overview(&self, hour: &mut Hour) -> Overview {
        let source = &*self.source;
        let (view, bounds) = (source.view(), source.bounds());
        let now = view(Span::Last(MINUTE), &Key::is_of_traffic);
        let sums = view(Span::Last(LATELY), &|_| true);
        let before = Span::Between(sums.begin.saturating_sub(LATELY), sums.begin);
        let before = view(before, &|key| matches!(key, Key::Errors { .. }));
        let wanted =
            |key: &Key| key.is_of_traffic() || matches!(key, Key::Totals | Key::Errors { .. });
        hour.minutes.update(source.now(), |from, to| {
            Step::of(&view(Span::Step(from, to), &wanted), bounds)
        });
        hour.trend.update(source.now(), |from, to| {
            Requests::read(&view, Span::Step(from, to))
        });
        Overview {
            now: Traffic::of_all(&now, bounds),
            now_covered: now.covered,
            lately: Statistics::new(LATELY, &sums, &before, bounds, Now::of(source)),
        }
    }

    /// So many steps of one endpoint up to now.
    pub(crate) fn history_of(
        &self,
        method: &str,
        endpoint: &str,
        length: Duration,
        many: usize,
    ) -> EndpointHistory {
        let source = &*self.source;
        let (view, bounds) = (source.view(), source.bounds());
        let wanted = |key: &Key| match key {
            Key::Requests {
                endpoint: one,
                method: with,
                ..
            }
            | Key::Durations {
                endpoint: one,
                method: with,
            } => **one == *endpoint && with.as_str() == method,
            Key::Errors { endpoint: one, .. } => **one == *endpoint,
            _ => false,
        };
        let mut steps = Steps::new(length, many);
        steps.update(source.now(), |from, to| {
            Step::of(&view(Span::Step(from, to), &wanted), bounds)
        });
        let all = u32::try_from(many).unwrap_or(u32::MAX);
        let sums = view(Span::Last(length * all), &wanted);
        EndpointHistory {
            steps,
            total: EndpointStatistics::of_each(&sums, bounds)
                .into_iter()
                .next(),
            categories: ErrorStatistics::counted(&sums),
        }
    }

    /// How many deployments are known, and the newest of them.
    pub(crate) fn newest_deployments(&self, most: usize) -> (usize, Vec<JudgedDeployment>) {
        let source = &*self.source;
        let marks = source.deployments();
        let marks = by_time(&marks);
        let newest = JudgedDeployment::newest(&marks, most, source.bounds(), source.stretches());
        (marks.len(), newest)
    }
}

// === impl Hour ===

impl Hour {
    pub(crate) const fn new() -> Self {
        Self {
            minutes: Steps::new(MINUTE, 60),
            trend: Steps::new(LATELY, 12),
        }
    }
}

// === impl Requests ===

impl Requests {
    fn read(view: &Stretch<'_>, span: Span) -> Self {
        let sums = view(span, &|key| matches!(key, Key::Requests { .. }));
        let mut counts: HashMap<_, u64> = HashMap::new();
        for (key, values) in &sums.counts {
            if let Key::Requests {
                endpoint, method, ..
            } = key
            {
                let all = values.get(requests::ALL).copied().unwrap_or(0);
                let sum = counts.entry((Arc::clone(endpoint), *method)).or_default();
                *sum = sum.saturating_add(all);
            }
        }
        Self {
            is_observed: !sums.covered.is_zero(),
            counts,
        }
    }

    /// The requests of each endpoint in each of these steps. `None` where nothing was observed.
    pub(crate) fn by_endpoint(steps: &[Self]) -> HashMap<(&str, &'static str), Vec<Option<u64>>> {
        let none = || steps.iter().map(|step| step.is_observed.then_some(0));
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for (index, step) in steps.iter().enumerate() {
            for ((endpoint, method), count) in &step.counts {
                let row = all.entry((&**endpoint, method.as_str()));
                let row = row.or_insert_with(|| none().collect());
                if let Some(place) = row.get_mut(index) {
                    *place = Some(*count);
                }
            }
        }
        all
    }
}
