//! Plays the requests of seven hours, and when Prometheus saw them.

use std::fmt::Write;

use super::{
    histories::chance,
    shapes::{Part, Shape},
};
use crate::alerts::few::{Counts, ShareRule};

/// How many seconds a history has: seven hours.
pub(super) const SECONDS: usize = 7 * 3_600;

/// The seconds between two scrapes, if none is late or lost.
const SCRAPE: usize = 15;

/// The seconds between two evaluations.
pub(super) const EVALUATION: usize = 60;

/// How many requests failed, and how many did not, until the end of each second, and when Prometheus saw it.
pub(super) struct History {
    failed: Vec<u64>,
    sound: Vec<u64>,
    /// In ascending order.
    pub(super) scrapes: Vec<usize>,
}

// === impl History ===

impl History {
    /// From 0.001 to 1,000 requests a second, with gaps, and with failures about the threshold.
    pub(super) fn random(threshold: f64) -> Self {
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
    pub(super) fn scraped(&self, shape: Shape, part: Part) -> String {
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
    pub(super) fn verdict(&self, shape: Shape, rule: &ShareRule, until: usize) -> bool {
        shape.is_broken(rule, |time| {
            let from = until.saturating_sub(time.as_secs() as usize);
            let (from, until) = (self.until(from), self.until(until));
            Counts {
                failures: until.failures - from.failures,
                requests: until.requests - from.requests,
            }
        })
    }

    pub(super) fn as_test(&self, seed: u64, shape: Shape, rule: &ShareRule) -> String {
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
