use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::*;
use crate::{
    facts::labels::StatusLabel,
    metrics::{
        CircuitState,
        bounds::Bounds,
        readings::{Key, Readings, requests},
    },
    window::{Moment, Settings, Span, Sums, Window as Slots},
};

/// The wall time of the start, on a multiple of all steps.
const START: u64 = 1_700_006_400_000;

/// Real slots, with a clock of the test.
struct Counted {
    bounds: Bounds,
    slots: Slots,
    /// In milliseconds since the start.
    at: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Counted {
    fn new() -> Self {
        let bounds = Window::new().bounds;
        let (at, requests) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let counted = Arc::clone(&requests);
        let read = move || {
            let key = Key::Requests {
                endpoint: "/orders".into(),
                method: MethodLabel::new(&Method::GET),
                status: StatusLabel::at(200),
            };
            let mut counts = vec![0; requests::COUNTS];
            counts[requests::ALL] = counted.load(Relaxed);
            Readings {
                counts: vec![(key, counts)],
                durations: Vec::new(),
            }
        };
        let clock = {
            let at = Arc::clone(&at);
            move || {
                let at = at.load(Relaxed);
                Moment {
                    monotonic: Duration::from_millis(at),
                    wall: Duration::from_millis(START + at),
                }
            }
        };
        Self {
            slots: Slots::by_clock(Settings::new(&bounds), read, clock),
            bounds,
            at,
            requests,
        }
    }
}

impl Source for Counted {
    fn last(&self, window: Duration) -> [Sums; 2] {
        [
            self.slots.view().sums(Span::Last(window), |_| true),
            Sums::default(),
        ]
    }

    fn stretches(&self) -> Box<Stretches<'_>> {
        let view = self.slots.view();
        Box::new(move |from, to| view.sums(Span::Between(from, to), |_| true))
    }

    fn view(&self) -> Box<Stretch<'_>> {
        let view = self.slots.view();
        Box::new(move |span, wanted| view.sums(span, wanted))
    }

    fn now(&self) -> Duration {
        Duration::from_millis(START + self.at.load(Relaxed))
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn in_flight(&self) -> u64 {
        0
    }

    fn circuits(&self) -> BTreeMap<&'static str, CircuitState> {
        BTreeMap::new()
    }

    fn samples(&self) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    fn deployments(&self) -> Vec<DeploymentMark> {
        Vec::new()
    }

    fn clear(&self) {}

    fn memory(&self) -> usize {
        0
    }

    fn given_up(&self) -> u64 {
        0
    }

    fn lost_ticks(&self) -> u64 {
        0
    }
}

#[test]
fn each_request_is_in_one_step_at_any_moment_of_a_minute() {
    let source = Arc::new(Counted::new());
    let handle = StatisticsHandle::new(Arc::clone(&source) as Arc<dyn Source>);
    let mut hour = Hour::new();
    // A request in each quarter of a second, and ticks that are a little late.
    let mut seen = Vec::new();
    for quarter in 1..=4 * 330 {
        source.at.store(quarter * 250, Relaxed);
        let requests = source.requests.fetch_add(1, Relaxed) + 1;
        for is_ticked in [false, true] {
            if is_ticked {
                source.at.fetch_add(20, Relaxed);
                source.slots.tick();
            }
            handle.overview(&mut hour);
            let minutes = hour.minutes.all().iter().map(|step| step.requests);
            let trends = Requests::by_endpoint(hour.trend.all());
            let trend = trends.values().flatten().flatten();
            let history = handle.history_of("GET", "/orders", Duration::from_secs(60), 10);
            let steps = history.steps.all().iter().map(|step| step.requests);
            let sums = [minutes.sum::<u64>(), trend.sum(), steps.sum()];
            assert_eq!(sums, [requests; 3], "{quarter} {is_ticked}");
        }
        seen = hour
            .minutes
            .all()
            .iter()
            .map(|step| step.requests)
            .collect();
    }
    assert_eq!(seen[seen.len() - 6..], [240, 240, 240, 240, 240, 120]);
}

/// The requests of each whole minute of a service with four each second, whose ticks are so late in turn.
fn minutes_of_late_ticks(late: &[u64]) -> Vec<u64> {
    let source = Arc::new(Counted::new());
    let handle = StatisticsHandle::new(Arc::clone(&source) as Arc<dyn Source>);
    for (slot, late) in (1..=60).zip(late.iter().cycle()) {
        let at = (10_000 * slot).max(source.at.load(Relaxed)) + late;
        source.at.store(at, Relaxed);
        source.requests.store(at / 250, Relaxed);
        source.slots.tick();
    }
    let mut hour = Hour::new();
    handle.overview(&mut hour);
    let seen = hour.minutes.all().iter().map(|step| step.requests);
    seen.filter(|requests| *requests > 0).collect()
}

#[test]
fn a_tick_that_is_late_leaves_no_hole_in_the_minutes_and_doubles_none() {
    // A minute can differ by the slot that its edge is in, and where nobody ticked by half of that time.
    for (late, most) in [(0, 0), (20, 0), (4_000, 0), (6_000, 40), (9_000, 40)] {
        let minutes = minutes_of_late_ticks(&[late]);
        let near = |requests: &u64| requests.abs_diff(240) <= most;
        let whole = &minutes[1..minutes.len() - 1];
        assert!(whole.iter().all(near), "{late}: {minutes:?}");
    }
    for late in [20_000, 45_000, 60_000] {
        let once: Vec<_> = [late].into_iter().chain([20; 30]).collect();
        let minutes = minutes_of_late_ticks(&once);
        let near = |requests: &u64| requests.abs_diff(240) <= 4 * (late + 10_000) / 2_000;
        let whole = &minutes[1..minutes.len() - 1];
        assert!(whole.iter().all(near), "{late}: {minutes:?}");
    }
}
