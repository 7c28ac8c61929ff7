//! Writes the tests of rules over the age of jobs: of a job that never succeeded, and of one that several processes run.

use std::time::Duration;

use super::{
    scenario::Scenario,
    test_file::{Evaluations, Series, Test, active, firing, steps},
    values::Values,
};
use crate::{
    alerts::{CheckedRule, Comparison, Gauge, Kind, Published},
    facts::work::CallOutcome,
    metrics::catalog::Id,
};

/// The longest time that a test plays a job that never succeeds: promtool evaluates all rules all the time.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The tests of this rule that others do not have.
pub(super) fn of(
    rule: &CheckedRule,
    published: &Published<'_>,
    evaluations: Evaluations,
) -> Result<Vec<Test>, &'static str> {
    let is_of_jobs = matches!(rule.signal.kind, Kind::Now(Gauge::JobAgeSeconds));
    if !is_of_jobs || rule.comparison == Comparison::Below {
        return Ok(Vec::new());
    }
    let longest = Duration::try_from_secs_f64(rule.threshold.max(0.0));
    let longest = longest.ok().filter(|longest| *longest <= LONGEST);
    let scenario = Scenario::of(rule, published);
    let tests = tests(&scenario, longest, evaluations);
    tests.ok_or("these names have no such metric")
}

/// `longest` is how long a job that never succeeds is played. `None` leaves that test out.
fn tests(
    scenario: &Scenario<'_>,
    longest: Option<Duration>,
    evaluations: Evaluations,
) -> Option<Vec<Test>> {
    let Scenario {
        rule, published, ..
    } = scenario;
    let job = rule.signal.only.as_deref().unwrap_or("a");
    let success = |instance| published.of_instance(Id::JobLastSuccess, &[(0, job)], instance);
    let test = |says: &str, series| Test::new(format!("{} {says}", rule.name), series);
    let (active, firing) = (active(&rule.name), firing(&rule.name));
    let (good, bad) = scenario.limits()?;

    let at = evaluations.after(rule.pending_for, 2);
    let of = |numbers: [f64; 2]| {
        let series = ["a", "b"].into_iter().zip(numbers);
        let series = series.map(|(instance, number)| {
            let values = Values::new([(number, steps(at) + 1)]);
            Some((success(instance)?, values.gauge()))
        });
        series.collect::<Option<Vec<Series>>>()
    };
    let stale = test(
        "does not fire where another process ran the job",
        of([bad, good])?,
    );
    let one = test("is one alert of all processes", of([bad, bad])?);
    let mut all = vec![stale.counts(&firing, at, 0), one.counts(&firing, at, 1)];
    let Some(longest) = longest else {
        return Some(all);
    };

    let fired = evaluations.after(longest + rule.pending_for, 2);
    let ended = evaluations.after(fired + rule.keep_firing_for, 3);
    let last = steps(ended);
    let later = Values::new([(good, last - steps(fired))]);
    let later = format!("_x{} {}", steps(fired), later.gauge());
    let mut series: Vec<Series> = vec![
        (published.series(Id::Started)?, format!("1x{last}")),
        (success("a")?, later),
    ];
    if rule.signal.only.is_none() {
        let labels = [(0, job), (1, CallOutcome::Error.as_str())];
        let runs = published.sample(Id::JobRuns, &labels)?;
        series.push((runs, format!("1x{last}")));
    }
    let mut never = test("fires for a job that never succeeded, and ends", series);
    if let Some(before) = evaluations.before(longest) {
        never = never.counts(&active, before, 0);
    }
    all.push(never.counts(&firing, fired, 1).counts(&firing, ended, 0));
    Some(all)
}
