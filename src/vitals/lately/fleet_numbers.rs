//! Gives alerts the numbers of all instances together.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Kept;
use crate::{
    alerts::{CounterOf, Gauge, Labels, Numbers},
    facts::work::{CallOutcome, Work},
    fleet::View,
    metrics::{bounds::Bounds, readings::Key},
    statistics::Source,
    window::{Span, Sums},
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of one moment. Those that say how something is now are of each instance, and not here.
pub(super) struct OfFleet<'k> {
    kept: &'k Kept,
    view: View<'k>,
}

// === impl OfFleet ===

impl<'k> OfFleet<'k> {
    pub(super) const fn new(kept: &'k Kept, view: View<'k>) -> Self {
        Self { kept, view }
    }

    /// Whether all that was asked for could be read.
    pub(super) fn is_whole(&self) -> bool {
        self.view.failure().is_none()
    }

    /// How long ago each job succeeded, in seconds: at least so long, by the minute in the last quarter of an hour, by ten minutes in the
    /// last two hours, and else by the hour. One that did not in the last day is as old as all that was observed.
    fn job_ages(&self) -> Vec<(String, f64)> {
        let windows = windows();
        let mut known: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let (jobs, oldest) = {
            let sums = self.view.sums(Span::Last(DAY), is_job);
            (names(&sums, None), sums.covered)
        };
        let mut succeeded_within = |index: usize, job: &str| {
            let within = known.entry(index).or_insert_with(|| {
                let window = windows.get(index).copied().unwrap_or(DAY);
                let sums = self.view.sums(Span::Last(window), is_job);
                names(&sums, Some(CallOutcome::Success))
            });
            within.contains(job)
        };
        let ages = jobs.into_iter().map(|job| {
            // It succeeded in the first window that has it and in all longer ones.
            let (mut from, mut to) = (0, windows.len());
            while from < to {
                let middle = usize::midpoint(from, to);
                match succeeded_within(middle, &job) {
                    true => to = middle,
                    false => from = middle + 1,
                }
            }
            let age = match from.checked_sub(1) {
                None => Duration::ZERO,
                Some(_) if from == windows.len() => oldest,
                Some(before) => windows.get(before).copied().unwrap_or(oldest),
            };
            (job, age.as_secs_f64())
        });
        ages.collect()
    }
}

/// The windows whose edges are kept, the shortest first.
fn windows() -> Vec<Duration> {
    let minutes = (1..15).chain((20..120).step_by(10));
    let hours = (2..=24).map(|hours| 60 * hours);
    minutes.chain(hours).map(|many| many * MINUTE).collect()
}

fn is_job(key: &Key) -> bool {
    let wanted = Work::Job;
    matches!(key, Key::Work { work, .. } if *work == wanted)
}

/// The jobs that ended in this way, or in any.
fn names(sums: &Sums, wanted: Option<CallOutcome>) -> BTreeSet<String> {
    let names = sums.counts.keys().filter_map(|key| match key {
        Key::Work { name, outcome, .. } if wanted.is_none() || *outcome == wanted => {
            Some(name.to_string())
        }
        _ => None,
    });
    names.collect()
}

impl Numbers for OfFleet<'_> {
    fn now(&self) -> Duration {
        self.view.wall()
    }

    fn counted(&self, from: Duration, to: Option<Duration>, durations: bool) -> Sums {
        let wanted = |key: &Key| durations || !key.is_of_durations();
        let span = match to {
            None => Span::Last(self.now().saturating_sub(from)),
            Some(to) => Span::Between(from, to),
        };
        self.view.sums(span, wanted)
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
        0
    }

    fn deployed(&self) -> Option<Duration> {
        // Those of all instances: an old one may be in charge while a new version is rolled out.
        let all = Source::deployments(self.kept);
        all.into_iter().map(|mark| mark.at).max()
    }

    fn gauge(&self, gauge: Gauge) -> Vec<(String, f64)> {
        match gauge {
            Gauge::JobAgeSeconds => self.job_ages(),
            _ => Vec::new(),
        }
    }

    fn gauges_of(&self, _: &str, _: &[(String, String)]) -> Vec<(Labels, f64)> {
        Vec::new()
    }

    fn counter(&self, _: &CounterOf) -> Option<f64> {
        None
    }
}
