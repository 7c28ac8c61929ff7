//! How far Prometheus and the process differ where scrapes are late or lost, or come after the birth of a series.

use std::{fmt::Write, ops::Range};

use super::{
    histories::chance,
    promtool::{Files, quoted},
    shapes::{Part, Shape},
    views::Views,
    *,
};
use crate::alerts::few::{Counts, ShareRule};

/// How many seconds a history has: seven hours.
pub(super) const SECONDS: usize = 7 * 3_600;

/// The seconds between two scrapes, if none is late or lost.
const SCRAPE: usize = 15;

/// The seconds between two evaluations.
const EVALUATION: usize = 60;

/// How many requests failed, and how many did not, until the end of each second, and when Prometheus saw it.
pub(super) struct History {
    failed: Vec<u64>,
    sound: Vec<u64>,
    /// In ascending order.
    pub(super) scrapes: Vec<usize>,
}

/// How many verdicts there were, and how many of them differ.
#[derive(Debug, Default)]
struct Found {
    compared: usize,
    broken: usize,
    differing: usize,
    /// Of those that differ: no moved edge explains it, but what increase() supposes.
    supposed: usize,
    /// Nothing explains it.
    unexplained: Vec<String>,
    /// How often the process's verdict changed.
    changes: usize,
    /// Of those that differ: it is not what the process said one evaluation earlier or later, either.
    apart: usize,
    /// Of some verdicts, those that a moved edge or a birth changes.
    asked: usize,
    unsure: usize,
}

// === impl History ===

impl History {
    /// From 0.001 to 1,000 requests a second, with gaps, and with failures about the threshold.
    fn random(threshold: f64) -> Self {
        let (mut failed, mut sound) = (vec![0], vec![0]);
        while failed.len() <= SECONDS {
            let rate = 10_f64.powf(fastrand::f64() * 6.0 - 3.0);
            let share = match fastrand::u8(0..5) {
                0 => 0.0,
                1 => threshold / 100.0,
                2 => 1.0,
                3 => fastrand::f64(),
                _ => threshold / 100.0 * (0.5 + fastrand::f64()),
            };
            let is_gap = fastrand::u8(0..5) == 0;
            for _ in 0..fastrand::usize(60..3_600) {
                let requests = if is_gap { 0 } else { chance(rate) };
                let failures = chance(requests as f64 * share).min(requests);
                failed.push(failed[failed.len() - 1] + failures);
                sound.push(sound[sound.len() - 1] + requests - failures);
            }
        }
        failed.truncate(SECONDS + 1);
        sound.truncate(SECONDS + 1);
        let phase = fastrand::usize(0..SCRAPE);
        let scrapes = (0..SECONDS / SCRAPE).filter_map(|index| {
            let at = phase + index * SCRAPE + fastrand::usize(0..3);
            (fastrand::u8(0..50) > 0).then_some(at.min(SECONDS))
        });
        let mut scrapes: Vec<_> = scrapes.collect();
        scrapes.dedup();
        Self {
            failed,
            sound,
            scrapes,
        }
    }

    /// What happened until the end of this second.
    pub(super) fn until(&self, at: usize) -> Counts {
        Counts {
            failures: self.failed[at],
            requests: self.failed[at] + self.sound[at],
        }
    }

    /// The scrape that first found a series. It is there once there is something to count, and a histogram with all its buckets.
    pub(super) fn birth(&self, shape: Shape, part: Part) -> usize {
        let part = if shape.is_latency() { Part::All } else { part };
        let found = self.scrapes.iter().copied().find(|at| {
            let count = part.of(self.until(*at));
            part == Part::Nothing || count > 0
        });
        found.unwrap_or(SECONDS)
    }

    /// What Prometheus scraped of a series.
    fn scraped(&self, shape: Shape, part: Part) -> String {
        let birth = self.birth(shape, part);
        let mut values = String::new();
        let mut next = 0;
        for at in self.scrapes.iter().filter(|at| **at >= birth) {
            if *at > next {
                write!(values, "_x{} ", at - next).unwrap();
            }
            write!(values, "{} ", part.of(self.until(*at))).unwrap();
            next = at + 1;
        }
        match values.is_empty() {
            true => "_".to_owned(),
            false => values.trim_end().to_owned(),
        }
    }

    /// The verdict of the process.
    fn verdict(&self, shape: Shape, rule: &ShareRule, until: usize) -> bool {
        shape.is_broken(rule, |time| {
            let from = until.saturating_sub(time.as_secs() as usize);
            let (from, until) = (self.until(from), self.until(until));
            Counts {
                failures: until.failures - from.failures,
                requests: until.requests - from.requests,
            }
        })
    }

    fn as_test(&self, seed: u64, shape: Shape, rule: &ShareRule) -> String {
        let mut test = "- interval: 1s\n  input_series:\n".to_owned();
        let mut verdicts = String::new();
        for until in (0..=SECONDS).step_by(EVALUATION) {
            let verdict = u8::from(self.verdict(shape, rule, until));
            write!(verdicts, "{verdict} _x{} ", EVALUATION - 1).unwrap();
        }
        let series = shape.series().into_iter();
        let scraped = series.map(|(series, part)| (series, self.scraped(shape, part)));
        for (series, values) in scraped.chain([("process_verdict".to_owned(), verdicts)]) {
            let values = values.trim_end();
            writeln!(test, "  - {{series: '{series}', values: '{values}'}}").unwrap();
        }
        // Nothing is expected, so promtool says what it found. No number is that of a seed.
        let found = format!("count_over_time(differed[8h]) != {seed}");
        test + &format!(
            "  promql_expr_test:\n  - {{expr: '{found}', eval_time: 7h, exp_samples: []}}\n"
        )
    }
}

// === impl Found ===

impl Found {
    /// Compares histories of one rule. `of` is what Prometheus has, which is the same one unless a test wants it otherwise.
    fn compare(&mut self, shape: Shape, rule: &ShareRule, of: &ShareRule, seeds: Range<u64>) {
        let breach = shape.breach(of);
        // The moment of each evaluation at which the process says something else.
        let differs = format!("(count({breach}) or vector(0)) != on () process_verdict");
        let differed = quoted(&format!("count_values(\"at\", ({differs}) * 0 + time())"));
        let recorded =
            format!("groups:\n- name: all\n  rules:\n  - record: differed\n    expr: {differed}\n");
        let mut tests = "rule_files: [rules.yml]\nevaluation_interval: 1m\ntests:\n".to_owned();
        let histories = seeds.clone().map(|seed| {
            fastrand::seed(seed);
            History::random(rule.threshold)
        });
        let histories: Vec<_> = histories.collect();
        for (seed, history) in seeds.clone().zip(&histories) {
            tests += &history.as_test(seed, shape, rule);
        }
        let files = Files::new(&format!("scrapes-{}", seeds.start));
        files.write("rules.yml", &recorded);
        files.write("tests.yml", &tests);
        let (_, said) = files.said(["test", "rules"], "tests.yml");
        assert!(said.contains("FAILED:"), "{said}");
        for (seed, history) in seeds.zip(&histories) {
            let about = said.split("!= ");
            let mut about = about.filter(|about| about.starts_with(&seed.to_string()));
            let times = moments(about.next().unwrap_or_default());
            let views = Views {
                history,
                shape,
                rule,
            };
            self.add(&views, &times, &format!("{shape:?} {rule:?} seed {seed}"));
        }
    }

    /// Adds a history whose verdicts differ at these moments.
    fn add(&mut self, views: &Views<'_>, times: &[usize], name: &str) {
        let own = |until| views.history.verdict(views.shape, views.rule, until);
        let evaluations = (0..=SECONDS).step_by(EVALUATION);
        let own: Vec<bool> = evaluations.clone().map(own).collect();
        let differs = evaluations.map(|until| times.contains(&until));
        let differs: Vec<bool> = differs.collect();
        self.compared += own.len();
        self.broken += own.iter().filter(|broken| **broken).count();
        for at in 1..own.len() - 1 {
            self.changes += usize::from(own[at] != own[at - 1]);
            let is_steady = own[at - 1] == own[at] && own[at] == own[at + 1];
            self.apart += usize::from(is_steady && differs[at]);
        }
        for at in (0..own.len()).step_by(120) {
            self.asked += 1;
            self.unsure += usize::from(views.can_be(!own[at], at * EVALUATION));
        }
        for until in times {
            let theirs = !own[until / EVALUATION];
            self.differing += 1;
            if views.can_be(theirs, *until) {
                continue;
            }
            match views.is_supposed(theirs, *until) {
                true => self.supposed += 1,
                false => self.unexplained.push(format!("{name} at {until}")),
            }
        }
    }

    fn share(&self) -> f64 {
        100.0 * self.differing as f64 / self.compared as f64
    }
}

/// The moments that promtool names.
fn moments(said: &str) -> Vec<usize> {
    let parts = said.split("at=\"").skip(1);
    let mut moments: Vec<usize> = parts
        .map(|part| part.split('"').next().unwrap().parse().unwrap())
        .collect();
    moments.sort_unstable();
    moments
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn late_and_lost_scrapes_change_few_verdicts_and_none_that_is_sure() {
    let mut found = Found::default();
    let rules = [
        (Shape::Errors, 60, 5.0, 20, 5),
        (Shape::Errors, 60, 10.0, 10, 15),
        (Shape::Errors, 60, 20.0, 20, 30),
        (Shape::Errors, 40, 1.0, 100, 60),
        (Shape::OtelErrors, 30, 5.0, 20, 5),
        (Shape::Latency, 30, 5.0, 20, 5),
        (Shape::OtelLatency, 20, 1.0, 50, 10),
    ];
    for (index, (shape, histories, threshold, at_least, minutes)) in rules.into_iter().enumerate() {
        let rule = ShareRule {
            threshold,
            at_least,
            window: MINUTE * minutes,
        };
        let first = 7_000 + 100 * index as u64;
        found.compare(shape, &rule, &rule, first..first + histories);
    }
    let share = found.share();
    println!("{found:#?}\n{share:.2} % differ");
    assert!(found.unexplained.is_empty(), "{found:#?}");
    assert!(share < 2.0, "{share} %");
    // What increase() supposes explains few of them, and few verdicts could differ at all.
    assert!(found.supposed * 1_000 < found.compared * 2, "{found:#?}");
    assert!(found.unsure * 8 < found.asked, "{found:#?}");
    // What differs is mostly the verdict of the evaluation before or after. The others are shares that stay at the threshold.
    assert!(found.apart * 200 < found.compared, "{found:#?}");
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn another_rule_than_that_of_the_process_is_found() {
    let rule = ShareRule {
        threshold: 5.0,
        at_least: 20,
        window: MINUTE * 5,
    };
    let other = |index: u64, change: fn(&mut ShareRule)| {
        let mut of = rule;
        change(&mut of);
        let mut found = Found::default();
        let first = 9_000 + 100 * index;
        found.compare(Shape::Errors, &rule, &of, first..first + 10);
        assert!(!found.unexplained.is_empty(), "{of:?}: {found:#?}");
    };
    other(0, |rule| rule.threshold = 5.5);
    other(1, |rule| rule.window = MINUTE * 6);
    other(2, |rule| rule.at_least = 25);
}
