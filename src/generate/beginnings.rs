//! Writes the tests of rules that compare with the time before: more errors than then, and new kinds of errors.

use std::time::Duration;

use super::{
    scenario::Scenario,
    test_file::{Evaluations, Series, Test, active, firing, steps},
    values::{STEP, Values},
};
use crate::{
    alerts::{CheckedRule, Comparison, Scope},
    facts::category::ErrorCategory,
    metrics::catalog::Id,
};

/// Why a rule has no test.
const NO_SERIES: &str = "these names have no such metric";

/// How many failures there are in each step before there are more. So a threshold has a digit behind the point.
const BEFORE: f64 = 1_000.0;

/// The tests of a rule over the growth of errors.
pub(super) fn of_spike(
    scenario: &Scenario<'_>,
    evaluations: Evaluations,
) -> Result<Vec<Test>, &'static str> {
    let rule = scenario.rule;
    if rule.comparison == Comparison::Below || rule.threshold < 0.0 {
        return Err("no number breaks it");
    }
    let window = rule.window;
    // Two windows are known.
    let begins = evaluations.after(2 * window, 1);
    let series = |segments: Vec<(f64, Duration)>| {
        let segments: Vec<_> = segments
            .into_iter()
            .map(|(growth, time)| (growth, steps(time)))
            .collect();
        let failed = scenario.failures().ok_or(NO_SERIES)?;
        let mut series = scenario.observed().ok_or(NO_SERIES)?;
        series.push((failed, Values::new(segments).counter()));
        Ok::<_, &str>(series)
    };
    let test = |says: &str, series| Test::new(format!("{} {says}", rule.name), series);
    let (name, threshold) = (&rule.name, rule.threshold);
    let before = BEFORE.max(rule.at_least as f64);
    let good = (before * (1.0 + threshold / 100.0) + 1e-6).floor();
    let full = begins + window;
    let steady = |now| series(vec![(before, begins), (now, window)]);
    let mut tests = vec![
        test(&format!("is active above {threshold}"), steady(good + 1.0)?).counts(
            &active(name),
            full,
            1,
        ),
        test("is not active at the threshold", steady(good)?).counts(&active(name), full, 0),
    ];
    // Nothing failed, and then so much in each step that the first of them breaks the rule.
    let fired = evaluations.after(begins + rule.pending_for, 2);
    let ended = evaluations.after(begins + 2 * window + rule.keep_firing_for, 3);
    let many = (2.0 + threshold / 100.0).ceil() + rule.at_least as f64;
    if fired <= full {
        let series = series(vec![(0.0, begins), (many, ended - begins)])?;
        tests.push(
            test("fires where nothing failed before, and ends", series)
                .counts(&firing(name), fired, 1)
                .counts(&firing(name), ended, 0),
        );
    }
    if rule.at_least > 1 {
        let few = (rule.at_least - 1) as f64;
        let segments = vec![(0.0, begins), (few, STEP), (0.0, window)];
        let series = series(segments)?;
        tests.push(test("is not active with few errors", series).counts(&active(name), full, 0));
    }
    tests.push(test("does not fire without data", Vec::new()).counts(&firing(name), full, 0));
    Ok(tests)
}

/// The tests of a rule over new kinds of errors.
pub(super) fn of_new_errors(
    scenario: &Scenario<'_>,
    evaluations: Evaluations,
) -> Result<Vec<Test>, &'static str> {
    let rule = scenario.rule;
    let most = rule.threshold.floor().max(-1.0) as usize;
    if rule.comparison == Comparison::Below || rule.threshold < 0.0 {
        return Err("no number breaks it");
    }
    let window = rule.window;
    // What is known of an hour before the window.
    let begins = evaluations.after(window + scenario.published.hour(), 2);
    let fired = evaluations.after(begins + rule.pending_for, 2);
    let ended = evaluations.after(begins + window + rule.keep_firing_for, 3);
    if fired >= begins + window {
        return Err("a new kind of error is no longer new when it would fire");
    }
    let kinds = |number: usize, segments: &Values| {
        let kinds = kinds(rule, number).ok_or("no number breaks it")?;
        let mut series = scenario.observed().ok_or(NO_SERIES)?;
        for (category, route) in kinds {
            let labels = [(0, category), (1, route.as_str())];
            let name = scenario.published.sample(Id::Errors, &labels);
            series.push((name.ok_or(NO_SERIES)?, segments.counter()));
        }
        Ok::<_, &str>(series)
    };
    let test = |says: &str, series: Vec<Series>| Test::new(format!("{} {says}", rule.name), series);
    let firing = firing(&rule.name);
    let rest = steps(ended - begins);
    let new = Values::new([(0.0, steps(begins)), (1.0, 1), (0.0, rest)]);
    let known = Values::new([(1.0, 1), (0.0, steps(begins)), (1.0, 1), (0.0, rest)]);
    let threshold = rule.threshold;
    Ok(vec![
        test(
            &format!("fires above {threshold}, and ends"),
            kinds(most + 1, &new)?,
        )
        .counts(&firing, fired, 1)
        .counts(&firing, ended, 0),
        test("does not fire at the threshold", kinds(most, &new)?).counts(&firing, fired, 0),
        test("does not fire for what is known", kinds(most + 1, &known)?).counts(&firing, fired, 0),
        test("does not fire without data", Vec::new()).counts(&firing, fired, 0),
    ])
}

/// So many kinds of failures that a rule counts. `None` if there are not as many.
fn kinds(rule: &CheckedRule, number: usize) -> Option<Vec<(&'static str, String)>> {
    let categories: Vec<_> = match rule.signal.category {
        Some(category) => vec![category.as_str()],
        None => ErrorCategory::OF_SERVER
            .map(|category| category.as_str())
            .into(),
    };
    let routes = match &rule.scope {
        Scope::Service => (0..number).map(|number| format!("/{number}")).collect(),
        Scope::Endpoint { route, .. } => vec![route.to_string()],
        Scope::EachEndpoint => vec!["/a".to_owned()],
    };
    let all = routes.iter().flat_map(|route| {
        let categories = categories.iter();
        categories.map(|category| (*category, route.clone()))
    });
    let kinds: Vec<_> = all.take(number).collect();
    (kinds.len() == number).then_some(kinds)
}
