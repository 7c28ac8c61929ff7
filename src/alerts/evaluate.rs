//! Evaluates all rules at one moment.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    checked::{CheckedRule, Scope},
    endpoints,
    fingerprint::Labels,
    growth::Growth,
    judge::Judge,
    numbers::Numbers,
    own::Own,
    part::Part,
    signal::{Gauge, Kind},
    tally::Times,
    verdict::{Reading, Readings, Verdict},
    windows::Windows,
};
use crate::facts::{caught_panic::CaughtPanic, work::Work};

/// How many alerts that nobody knows yet one evaluation gives, of endpoints and of what signals have a number for each of.
const MOST_NEW: usize = 1_000;

/// Its text could hold anything, so it is not shown.
const PANICKED: &str = "the signal panicked";

/// Which alerts of a rule are not inactive. They are asked for by name, so that one that is fine again is seen.
pub(crate) type Known<'k> = dyn Fn(usize) -> Vec<Labels> + 'k;

/// Evaluates rules. It keeps what it must remember between evaluations.
#[derive(Debug, Default)]
pub(crate) struct Evaluator {
    /// By the index of their rule.
    growth: HashMap<usize, Growth>,
}

/// One evaluation.
struct Evaluation<'e> {
    numbers: &'e dyn Numbers,
    windows: &'e Windows,
    growth: &'e mut HashMap<usize, Growth>,
    found: Readings,
    /// How many alerts there are among the readings that nobody knows yet.
    new: usize,
}

/// One rule at one evaluation.
struct OneRule<'e> {
    index: usize,
    rule: &'e CheckedRule,
    judge: Judge<'e>,
    known: &'e [Labels],
}

// === impl Evaluator ===

impl Evaluator {
    /// What each rule of a part finds. A rule that is fine and has no alert is left out, and so is a number without data that is one of
    /// many. A rule whose closure panics gives an error, and the others go on.
    pub(crate) fn evaluate(
        &mut self,
        part: Part,
        rules: &[CheckedRule],
        numbers: &dyn Numbers,
        known: &Known<'_>,
    ) -> Readings {
        let of_part = rules.iter().filter(|rule| part.has(rule));
        let windows = Windows::take(of_part, numbers);
        let mut evaluation = Evaluation {
            windows: &windows,
            numbers,
            growth: &mut self.growth,
            found: Readings::default(),
            new: 0,
        };
        for (index, rule) in by_severity(rules).filter(|(_, rule)| part.has(rule)) {
            let known = known(index);
            let from = evaluation.found.all.len();
            let one = OneRule {
                index,
                rule,
                judge: Judge::new(rule, numbers.bounds()),
                known: &known,
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| evaluation.rule(&one))) {
                // It can be a value of the application, which panics when it is dropped.
                drop(CaughtPanic::new(payload));
                evaluation.found.all.truncate(from);
                evaluation.failed(&one);
            }
        }
        evaluation.found
    }
}

/// The rules with their index, the critical ones first: where there are too many alerts, theirs have a place.
pub(super) fn by_severity(rules: &[CheckedRule]) -> impl Iterator<Item = (usize, &CheckedRule)> {
    let mut all: Vec<_> = rules.iter().enumerate().collect();
    all.sort_by_key(|(_, rule)| Reverse(rule.severity));
    all.into_iter()
}

// === impl Evaluation ===

impl Evaluation<'_> {
    fn rule(&mut self, one: &OneRule<'_>) {
        let rule = one.rule;
        match &rule.signal.kind {
            Kind::Own(own) => self.own(one, own),
            Kind::Now(gauge) => self.gauge(one, *gauge),
            Kind::InFlight => {
                let in_flight = self.numbers.in_flight() as f64;
                self.put(one, rule.labels(), one.judge.value(Some(in_flight)));
            }
            Kind::OutboundErrorRate => self.outbound(one),
            Kind::JobFailures => {
                let jobs = self.work(one, Work::Job);
                for (job, failures) in jobs {
                    self.put_one_of(one, "job", &job, one.judge.value(Some(failures)));
                }
            }
            Kind::QueryLatency => {
                let times = self.query_times(one);
                let verdict = times.map(|times| one.judge.times(&times, 95));
                self.put(one, rule.labels(), verdict.unwrap_or(Verdict::NoData));
            }
            Kind::SlowQueries => {
                let times = self.query_times(one);
                let slow = times.and_then(|times| one.judge.above(&times));
                let slow = slow.map(|slow| slow as f64);
                self.put(one, rule.labels(), one.judge.value(slow));
            }
            _ if rule.scope == Scope::EachEndpoint => self.each_endpoint(one),
            _ => {
                let verdict = endpoints::one_place(&one.judge, rule, self.windows);
                self.put(one, rule.labels(), verdict);
            }
        }
    }

    fn own(&mut self, one: &OneRule<'_>, own: &Own) {
        let verdict = match own {
            Own::Asked { ask, .. } => one.judge.value(ask()),
            Own::Gauge { name, labels } => {
                let series = self.numbers.gauges_of(name, labels);
                if !series.is_empty() {
                    for (labels, value) in series {
                        self.put(one, labels, one.judge.value(Some(value)));
                    }
                    return;
                }
                Verdict::NoData
            }
            Own::Share { part, whole, .. } => {
                let shown = [part, whole].map(|counter| self.numbers.counter(counter));
                let growth = self.growth.entry(one.index).or_default();
                let few = self.windows.few;
                let longest = one.rule.window.max(few.six_hours);
                growth.note(self.numbers.now(), shown, longest);
                one.judge.share(&few, |window| growth.over(window))
            }
        };
        self.put(one, one.rule.labels(), verdict);
    }

    fn gauge(&mut self, one: &OneRule<'_>, gauge: Gauge) {
        let series = self.numbers.gauge(gauge);
        let only = one.rule.signal.only.as_deref();
        let wanted = series.iter();
        let wanted = wanted.filter(|(name, _)| only.is_none_or(|only| only == name));
        let mut found = false;
        for (name, value) in wanted {
            found = true;
            let verdict = one.judge.value(Some(*value));
            match gauge.label() {
                Some(label) => self.put_one_of(one, label, name, verdict),
                None => self.put(one, one.rule.labels(), verdict),
            }
        }
        match (gauge, only) {
            _ if found => {}
            // A job that never succeeded has no number. It is as old as all that is known.
            (Gauge::JobAgeSeconds, Some(job)) => {
                let age = self.numbers.observed().as_secs_f64();
                self.put_one_of(one, "job", job, one.judge.value(Some(age)));
            }
            _ => self.put(one, one.rule.labels(), Verdict::NoData),
        }
    }

    fn outbound(&mut self, one: &OneRule<'_>) {
        let only = one.rule.signal.only.as_deref();
        let windows = self.windows;
        let few = windows.few;
        let mut names = BTreeSet::new();
        // One that had no call in the window can have failed before.
        for window in [one.rule.window, few.six_hours] {
            let tallies = windows.last(window).into_iter();
            let services = tallies.flat_map(|tallies| tallies.work(Work::Outbound, only));
            names.extend(services.map(|(name, _)| name.to_owned()));
        }
        for name in names {
            let verdict = one.judge.share(&few, |window| {
                let tallies = windows.last(window);
                let mut of_name = tallies.into_iter();
                let tally = of_name.find_map(|all| all.work(Work::Outbound, Some(&name)).next());
                tally.map(|(_, tally)| tally.counts()).unwrap_or_default()
            });
            self.put_one_of(one, "service", &name, verdict);
        }
    }

    /// The failures of each piece of work of one kind.
    fn work(&self, one: &OneRule<'_>, work: Work) -> Vec<(String, f64)> {
        let only = one.rule.signal.only.as_deref();
        let tallies = self.windows.last(one.rule.window).into_iter();
        let all = tallies.flat_map(|tallies| tallies.work(work, only));
        all.map(|(name, tally)| (name.to_owned(), tally.counts().failures as f64))
            .collect()
    }

    /// How long queries took. `None` if nothing was observed.
    fn query_times(&self, one: &OneRule<'_>) -> Option<Times> {
        let tallies = self.windows.last(one.rule.window)?;
        let mut times = Times::default();
        let only = one.rule.signal.only.as_deref();
        for (_, tally) in tallies.work(Work::Query, only) {
            times.add_all(&tally.times);
        }
        (!tallies.covered.is_zero()).then_some(times)
    }

    /// The endpoints of a rule that judges each.
    fn each_endpoint(&mut self, one: &OneRule<'_>) {
        let room = MOST_NEW.saturating_sub(self.new);
        let each = endpoints::each(&one.judge, one.rule, one.known, self.windows, room);
        self.found.left_out += each.left_out;
        self.new += each.new;
        for (endpoint, verdict) in each.found {
            let mut labels = endpoint.labels();
            one.rule.mark(&mut labels);
            self.push(one, labels, verdict);
        }
    }

    /// Puts one of many. If it is fine and nobody knows it, it is left out.
    fn put_one_of(&mut self, one: &OneRule<'_>, label: &str, value: &str, verdict: Verdict) {
        let mut labels = one.rule.labels();
        labels.insert(label.to_owned(), value.to_owned());
        self.put(one, labels, verdict);
    }

    fn put(&mut self, one: &OneRule<'_>, mut labels: Labels, verdict: Verdict) {
        one.rule.mark(&mut labels);
        // That of the rule itself has a place in any case.
        if labels != one.rule.labels() && !one.known.contains(&labels) {
            match verdict {
                Verdict::Fine(_) | Verdict::Unjudged(_) | Verdict::NoData => return,
                _ if self.new >= MOST_NEW => {
                    self.found.left_out += 1;
                    return;
                }
                _ => self.new += 1,
            }
        }
        self.push(one, labels, verdict);
    }

    /// The rule could not be judged, and so no alert of it.
    fn failed(&mut self, one: &OneRule<'_>) {
        let labels = one.rule.labels();
        let others = one.known.iter().filter(|known| **known != labels);
        for labels in others.cloned().collect::<Vec<_>>() {
            self.push(one, labels, Verdict::Error(PANICKED.to_owned()));
        }
        self.push(one, labels, Verdict::Error(PANICKED.to_owned()));
    }

    fn push(&mut self, one: &OneRule<'_>, labels: Labels, verdict: Verdict) {
        self.found.all.push(Reading {
            rule: one.index,
            labels,
            verdict,
        });
    }
}
