use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::*;
use crate::{config::ConfigError, window::Span};

/// Two windows: in the one that ends now, as many requests as the window has seconds.
struct Kept {
    bounds: Bounds,
    cleared: AtomicBool,
}

impl Source for Kept {
    fn last(&self, window: Duration) -> [Sums; 2] {
        let (mut now, mut before) = (Window::new(), Window::new());
        (0..window.as_secs()).for_each(|_| now.request(&Method::GET, "/", 200, Some(MS(1))));
        before.failures(ErrorCategory::Timeout, "/", 3);
        [now.sums, before.sums]
    }

    fn stretches(&self) -> Box<Stretches<'_>> {
        Box::new(|from, to| {
            let mut window = Window::new();
            let seconds = (to.min(self.now()) - from).as_secs();
            (0..seconds).for_each(|_| window.request(&Method::GET, "/", 200, Some(MS(1))));
            window.sums
        })
    }

    fn view(&self) -> Box<Stretch<'_>> {
        Box::new(|span, _| match span {
            Span::Last(window) => self.stretches()(self.now() - window, self.now()),
            Span::Between(from, to) | Span::Step(from, to) => self.stretches()(from, to),
        })
    }

    fn now(&self) -> Duration {
        Duration::from_secs(1_000)
    }

    fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    fn in_flight(&self) -> u64 {
        7
    }

    fn circuits(&self) -> BTreeMap<&'static str, CircuitState> {
        BTreeMap::from([("groq", CircuitState::Open)])
    }

    fn samples(&self) -> BTreeMap<String, f64> {
        BTreeMap::from([("tokio_workers".to_owned(), 4.0)])
    }

    fn deployments(&self) -> Vec<DeploymentMark> {
        vec![DeploymentMark {
            version: "1.0".into(),
            at: Duration::from_secs(970),
            environment: "test".into(),
            by: "ada".into(),
            changes: String::new(),
        }]
    }

    fn clear(&self) {
        self.cleared.store(true, Relaxed);
    }

    fn memory(&self) -> usize {
        4_711
    }

    fn given_up(&self) -> u64 {
        3
    }

    fn lost_ticks(&self) -> u64 {
        2
    }
}

fn kept() -> (Arc<Kept>, StatisticsHandle) {
    let source = Arc::new(Kept {
        bounds: Window::new().bounds,
        cleared: AtomicBool::new(false),
    });
    (Arc::clone(&source), StatisticsHandle::new(source))
}

#[test]
fn a_window_of_0_or_of_more_than_a_day_is_refused_with_its_value() {
    let (_, handle) = kept();
    let day = Duration::from_secs(86_400);
    let error = |window| -> ConfigError { handle.over(window).unwrap_err() };
    let text = r#"window: invalid value "0ns": must be above 0 and at most 24 hours"#;
    assert_eq!(error(Duration::ZERO).to_string(), text);
    let longer = day + Duration::from_nanos(1);
    assert_eq!(error(longer).value(), "86400.000000001s");
    assert_eq!(error(Duration::MAX).field(), "window");
    for window in [Duration::from_nanos(1), day] {
        let statistics = handle.over(window).unwrap();
        assert_eq!(statistics.window_seconds, window.as_secs_f64());
    }
}

#[test]
fn a_handle_gives_what_its_source_has() {
    let (source, handle) = kept();
    let statistics = handle.over(Duration::from_secs(12)).unwrap();
    assert_eq!((statistics.total.requests, statistics.in_flight), (12, 7));
    assert_eq!(statistics.errors[0].previous, 3);
    assert_eq!(statistics.circuits["groq"], CircuitState::Open);
    assert_eq!(statistics.samples["tokio_workers"], 4.0);
    let releases = handle.releases();
    assert_eq!((releases.len(), releases[0].traffic.requests), (1, 30));
    let deployments = handle.deployments();
    assert_eq!(
        (deployments.per_day, deployments.deployments[0].more_errors),
        (1, Some(false))
    );
    assert!(!source.cleared.load(Relaxed));
    handle.clear();
    assert!(source.cleared.load(Relaxed));
    let kept = (handle.memory(), handle.given_up(), handle.lost_ticks());
    assert_eq!(kept, (4_711, 3, 2));
}
