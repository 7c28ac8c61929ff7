use std::cell::RefCell;

use super::*;
use crate::metrics::readings::totals;

const SECONDS: fn(u64) -> Duration = Duration::from_secs;

/// What is read of an update, as numbers of seconds.
fn read(steps: &mut Steps<u64>, now: u64) -> Vec<(u64, u64)> {
    let read = RefCell::new(Vec::new());
    steps.update(SECONDS(now), |from, to| {
        let to = if to == Duration::MAX { 0 } else { to.as_secs() };
        read.borrow_mut().push((from.as_secs(), to));
        from.as_secs()
    });
    read.into_inner()
}

#[test]
fn steps_end_now_and_only_those_that_can_change_are_read_again() {
    let mut steps = Steps::new(SECONDS(60), 4);
    assert_eq!(
        read(&mut steps, 6_030),
        [(5_820, 5_880), (5_880, 5_940), (5_940, 6_000), (6_000, 0)]
    );
    assert_eq!(steps.begin(), SECONDS(5_820));
    assert_eq!(steps.all(), [5_820, 5_880, 5_940, 6_000]);
    assert_eq!(read(&mut steps, 6_059), [(5_940, 6_000), (6_000, 0)]);
    assert_eq!(steps.all(), [5_820, 5_880, 5_940, 6_000]);
    // A new step: all are read, since clocks can jump and counts can be forgotten.
    assert_eq!(read(&mut steps, 6_060).len(), 4);
    assert_eq!(steps.begin(), SECONDS(5_880));
    assert_eq!(
        read(&mut steps, 60).len(),
        2,
        "the clock is near its origin"
    );
    assert_eq!((steps.begin(), steps.all()), (SECONDS(0), &[0, 60][..]));
}

fn step(covered: u64, started: u64, ended: u64) -> Step {
    let mut window = Window::new();
    window.sums.covered = SECONDS(covered);
    let mut counts = vec![0; totals::COUNTS];
    counts[totals::STARTED] = started;
    // Two outcomes, so that their sum counts.
    counts[totals::OUTCOMES] = ended / 2;
    counts[totals::OUTCOMES + 5] = ended - ended / 2;
    window.add(Key::Totals, &counts);
    Step::of(&window.sums, &window.bounds)
}

#[test]
fn requests_in_flight_at_the_end_of_a_step_follow_from_those_of_now() {
    let steps = [
        step(60, 7, 4),
        step(0, 0, 0),
        step(60, 5, 3),
        step(60, 0, 5),
        step(10, 2, 1),
    ];
    let in_flight = Step::in_flight(&steps, 3);
    assert_eq!(in_flight, [Some(5), None, Some(7), Some(2), Some(3)]);
    assert_eq!(Step::in_flight(&[], 3), []);
}

#[test]
fn a_step_has_the_numbers_of_its_requests_and_a_gap_has_none() {
    let mut window = Window::new();
    window.sums.covered = SECONDS(60);
    for (status, millis) in [(200, 20), (200, 300), (404, 20), (500, 20)] {
        window.request(&Method::GET, "/orders", status, Some(MS(millis)));
    }
    window.failures(ErrorCategory::Database, "/orders", 2);
    window.failures(ErrorCategory::Database, "/other", 1);
    window.failures(ErrorCategory::NotFound, "/orders", 1);
    let step = Step::of(&window.sums, &window.bounds);
    let total = window.statistics().total;
    assert_eq!((step.requests, step.error_rate), (4, Some(0.25)));
    assert_eq!(
        [step.p50_ms, step.p95_ms, step.p99_ms],
        [total.p50_ms, total.p95_ms, total.p99_ms]
    );
    assert_eq!(step.severities, [2, 1, 0, 1]);
    assert_eq!(step.requests_per_second(), Some(4.0 / 60.0));
    let categories = BTreeMap::from([("database", 3), ("not_found", 1)]);
    assert_eq!(step.categories, categories);
    let gap = Step::default();
    assert_eq!((gap.requests_per_second(), gap.error_rate), (None, None));
}
