//! Plays services minute by minute.

mod clocks;
mod few;
mod kept;
mod listed;
mod load;
mod model;
mod new_errors;
mod room;
mod scenarios;
mod signals;
mod states;

use std::{cell::Cell, collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    alert::Transition,
    checked::CheckedRule,
    fingerprint::Labels,
    listener::Evaluation,
    numbers::Numbers,
    own::CounterOf,
    part::Part,
    rule::Rule,
    set::Alerts,
    signal::Gauge,
    state::{AlertState, ResolveReason},
    tracked::Tick,
    watch::Watch,
};
use crate::{
    facts::{
        category::ErrorCategory,
        labels::{MethodLabel, StatusLabel},
        work::{CallOutcome, Work},
    },
    metrics::{
        bounds::Bounds,
        readings::{Key, requests, work},
    },
    statistics::WallTime,
    window::Sums,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A day on which services are played.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// A service whose numbers are made up.
pub(crate) struct Service {
    pub(crate) now: Duration,
    begin: Duration,
    bounds: Bounds,
    counts: Vec<(Duration, Key, Vec<u64>)>,
    durations: Vec<(Duration, Key, Vec<u64>)>,
    gauges: Vec<(Gauge, String, f64)>,
    own_gauges: Vec<(String, Labels, f64)>,
    counters: BTreeMap<String, f64>,
    deployed: Option<Duration>,
    in_flight: u64,
    /// How often a window was summed.
    summed: Cell<usize>,
}

/// A service with its alerts, and what they told.
pub(crate) struct Play {
    pub(crate) service: Service,
    watch: Watch,
    /// Minutes since the beginning, and what changed.
    log: Vec<(u64, Transition)>,
}

// === impl Service ===

impl Service {
    fn new() -> Self {
        let edges = [5, 10, 25, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000];
        Self {
            now: BEGIN,
            begin: BEGIN,
            bounds: Bounds::new(edges.map(Duration::from_millis)).on_grid(),
            counts: Vec::new(),
            durations: Vec::new(),
            gauges: Vec::new(),
            own_gauges: Vec::new(),
            counters: BTreeMap::new(),
            deployed: None,
            in_flight: 7,
            summed: Cell::new(0),
        }
    }

    /// So many requests end now.
    pub(crate) fn requests(&mut self, endpoint: &str, status: u16, count: u64) {
        self.requests_at(self.now, endpoint, status, count);
    }

    fn requests_at(&mut self, at: Duration, endpoint: &str, status: u16, count: u64) {
        let key = Key::Requests {
            endpoint: Arc::from(endpoint),
            method: MethodLabel::at(0),
            status: StatusLabel::at(status),
        };
        let mut counts = vec![0; requests::COUNTS];
        counts[requests::ALL] = count;
        self.counts.push((at, key, counts));
    }

    /// So many requests end now, and took so long.
    fn took(&mut self, endpoint: &str, time: Duration, count: u64) {
        self.requests(endpoint, 200, count);
        let key = Key::Durations {
            endpoint: Arc::from(endpoint),
            method: MethodLabel::at(0),
        };
        let counts = self.buckets(time, count);
        self.durations.push((self.now, key, counts));
    }

    fn errors(&mut self, endpoint: &str, category: ErrorCategory, count: u64) {
        let key = Key::Errors {
            endpoint: Arc::from(endpoint),
            category,
        };
        self.counts.push((self.now, key, vec![count]));
    }

    /// Failures whose errors have this type.
    fn errors_of_type(&mut self, endpoint: &str, category: ErrorCategory, error_type: &str) {
        self.errors(endpoint, category, 1);
        let key = Key::ErrorType {
            endpoint: Arc::from(endpoint),
            category,
            error_type: Arc::from(error_type),
        };
        self.counts.push((self.now, key, vec![1]));
    }

    fn work(&mut self, work: Work, name: &str, outcome: CallOutcome, time: Duration, count: u64) {
        let name: Arc<str> = Arc::from(name);
        let mut counts = vec![0; work::COUNTS];
        counts[work::CALLS] = count;
        let key = Key::Work {
            work,
            name: Arc::clone(&name),
            detail: 0,
            outcome: Some(outcome),
        };
        self.counts.push((self.now, key, counts));
        let detail = 0;
        let key = Key::WorkDurations { work, name, detail };
        let counts = self.buckets(time, count);
        self.durations.push((self.now, key, counts));
    }

    fn buckets(&self, time: Duration, count: u64) -> Vec<u64> {
        let mut counts = vec![0; self.bounds.buckets()];
        counts[self.bounds.index(time.as_nanos() as u64)] = count;
        counts
    }
}

impl Numbers for Service {
    fn now(&self) -> Duration {
        self.now
    }

    fn counted(&self, from: Duration, to: Option<Duration>, durations: bool) -> Sums {
        self.summed.set(self.summed.get() + 1);
        // A window begins with a slot of 10 seconds, or of a minute if it is longer ago than 5 minutes.
        let slot = if self.now - from > 5 * MINUTE { 60 } else { 10 };
        let from = Duration::from_secs(from.as_secs() / slot * slot);
        let to = to.unwrap_or(self.now);
        let begin = from.max(self.begin);
        let mut sums = Sums {
            begin: from,
            end: to,
            covered: to.saturating_sub(begin),
            ..Sums::default()
        };
        let is_in = |at: Duration| from < at && at <= to;
        for (_, key, counts) in self.counts.iter().filter(|one| is_in(one.0)) {
            let sum = sums.counts.entry(key.clone());
            let sum = sum.or_insert_with(|| vec![0; counts.len()]);
            sum.iter_mut()
                .zip(counts)
                .for_each(|(sum, more)| *sum += more);
        }
        if durations {
            for (_, key, counts) in self.durations.iter().filter(|one| is_in(one.0)) {
                let sum = sums.durations.entry(key.clone());
                let sum = sum.or_insert_with(|| Some(vec![0; counts.len()]));
                let sum = sum.as_mut().unwrap();
                sum.iter_mut()
                    .zip(counts)
                    .for_each(|(sum, more)| *sum += more);
            }
        }
        sums
    }

    fn observed(&self) -> Duration {
        HOUR
    }

    fn slot(&self) -> Duration {
        10 * SECOND
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn in_flight(&self) -> u64 {
        self.in_flight
    }

    fn deployed(&self) -> Option<Duration> {
        self.deployed
    }

    fn gauge(&self, gauge: Gauge) -> Vec<(String, f64)> {
        let wanted = self.gauges.iter().filter(|one| one.0 == gauge);
        wanted
            .map(|(_, name, value)| (name.clone(), *value))
            .collect()
    }

    fn gauges_of(&self, name: &str, labels: &[(String, String)]) -> Vec<(Labels, f64)> {
        let fits = |all: &Labels| {
            labels
                .iter()
                .all(|(name, value)| all.get(name) == Some(value))
        };
        let wanted = self.own_gauges.iter();
        let wanted = wanted.filter(|(known, all, _)| known == name && fits(all));
        wanted
            .map(|(_, labels, value)| (labels.clone(), *value))
            .collect()
    }

    fn counter(&self, counter: &CounterOf) -> Option<f64> {
        let labels: Vec<_> = counter
            .labels
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        let key = format!("{}{}", counter.name, labels.concat());
        self.counters.get(&key).copied()
    }
}

// === impl Play ===

impl Play {
    pub(crate) fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        let checked = Alerts::none().rules(rules).checked().unwrap();
        Self {
            service: Service::new(),
            watch: Watch::new(checked.rules),
            log: Vec::new(),
        }
    }

    /// A minute passes, and then the rules are evaluated.
    pub(crate) fn minute(&mut self) {
        self.after(MINUTE, false);
    }

    fn minutes(&mut self, count: u64) {
        (0..count).for_each(|_| self.minute());
    }

    fn after(&mut self, elapsed: Duration, is_gap: bool) {
        self.service.now += elapsed;
        let tick = Tick {
            at: self.service.now,
            elapsed,
            is_gap,
        };
        let transitions = self
            .watch
            .evaluate(Part::All, tick, &self.service)
            .transitions;
        let minute = (self.service.now - BEGIN).as_secs() / 60;
        self.log
            .extend(transitions.into_iter().map(|one| (minute, one)));
    }

    /// Gives the last evaluation, as whoever tells people hears of it.
    pub(crate) fn told<T>(&self, tell: impl FnOnce(&Evaluation<'_>) -> T) -> T {
        let minute = (self.service.now - BEGIN).as_secs() / 60;
        let last = self.log.iter().filter(|(at, _)| *at == minute);
        let transitions: Vec<_> = last.map(|(_, one)| one.clone()).collect();
        let firing = self.watch.engine().firing();
        tell(&Evaluation {
            part: Part::All,
            elapsed: MINUTE,
            at: WallTime::new(self.service.now),
            interval: MINUTE,
            transitions: &transitions,
            firing: &firing,
        })
    }

    /// The minutes at which the alert with this name came into this state.
    fn came(&self, name: &str, state: AlertState) -> Vec<u64> {
        let log = self.log.iter();
        log.filter(|(_, one)| one.alert.name == name)
            .filter(|(_, one)| one.alert.state == state && one.from != state)
            .map(|(minute, _)| *minute)
            .collect()
    }

    fn fired(&self, name: &str) -> Vec<u64> {
        self.came(name, AlertState::Firing)
    }

    fn resolved(&self, name: &str) -> Vec<u64> {
        self.came(name, AlertState::Resolved)
    }

    /// The state of a rule.
    fn state(&self, name: &str) -> AlertState {
        let engine = self.watch.engine();
        let mut states = engine.states();
        states.find(|(known, _)| ***known == *name).unwrap().1
    }
}

/// A rule that can work.
fn checked(rule: Rule) -> CheckedRule {
    rule.checked(&[]).unwrap()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
