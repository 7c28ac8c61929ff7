//! How far Prometheus and the process differ where scrapes are late or lost, or come after the birth of a series.

use std::ops::Range;

use super::{
    promtool::{Files, quoted},
    seen::{EVALUATION, History, SECONDS},
    shapes::Shape,
    views::Views,
    *,
};
use crate::alerts::few::ShareRule;

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
