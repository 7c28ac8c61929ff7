use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{Router, body::Body, extract::Path, response::IntoResponse, routing::get};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{
    alerts::{Alerts, Rule, Running, Signal},
    catch_panic::CatchPanicLayer,
    category::ErrorCategoryLayer,
    facts::failure::Failure,
    facts::work::EndedWork,
    metrics,
    vitals::Vitals,
    window::Window,
};

use super::*;

/// When the first process began, as wall time since 1970.
const BEGIN: Duration = Duration::from_secs(1_800_000_000);

/// A process whose clock is set.
struct Process {
    kept: Arc<Kept>,
    now: Arc<AtomicU64>,
}

impl Process {
    /// It begins so many seconds after the first one.
    fn begin(seconds: u64) -> Self {
        let metrics = metrics::Settings::new().isolated().unwrap();
        let bounds = metrics.duration_bounds();
        let now = Arc::new(AtomicU64::new(seconds));
        let (counters, clock) = (metrics.clone(), Arc::clone(&now));
        let window = Window::by_clock(
            window::Settings::new(&bounds),
            move || counters.readings(),
            move || {
                let monotonic = Duration::from_secs(clock.load(Relaxed));
                let wall = BEGIN + monotonic;
                Moment { monotonic, wall }
            },
        );
        let kept = Kept {
            #[cfg(feature = "fleet")]
            fleet: None,
            metrics,
            window,
            slot: Duration::from_secs(10),
            began: BEGIN + Duration::from_secs(seconds),
            bounds,
            records: Mutex::default(),
            writer: None,
            #[cfg(feature = "fleet")]
            marks: std::sync::OnceLock::new(),
            #[cfg(feature = "fleet")]
            lease: std::sync::OnceLock::new(),
        };
        let kept = Arc::new(kept);
        Self { kept, now }
    }

    /// Lets so many slots pass, with one request in each that takes so long.
    fn run(&self, slots: u64, time: Duration) {
        for _ in 0..slots {
            let metrics = &self.kept.metrics;
            metrics.record_request(&Method::GET, "/", StatusCode::OK, time);
            self.now.fetch_add(10, Relaxed);
            self.kept.window.tick();
        }
    }

    /// How many requests, and how many durations, a window has, and how much of it was observed.
    fn counted(&self, window: Duration) -> (u64, u64, Duration) {
        let mut found = (0, 0, Duration::ZERO);
        self.kept.at_once(&mut |numbers| {
            let sums = numbers.counted(numbers.now() - window, None, true);
            let requests = sums.counts.iter();
            let requests = requests.filter(|(key, _)| matches!(key, Key::Requests { .. }));
            let times = sums.durations.values().flatten().flatten();
            found = (
                requests.map(|(_, counts)| counts[0]).sum(),
                times.sum(),
                sums.covered,
            );
        });
        found
    }
}

#[test]
fn a_short_window_after_a_restart_is_that_of_the_process() {
    let before = Process::begin(0);
    before.run(30, Duration::from_secs(3));
    let five = 5 * MINUTE;
    assert_eq!(before.counted(five), (30, 30, five));
    before.run(138, Duration::from_millis(20));
    let (bytes, _) = before.kept.window.to_bytes(1 << 20);
    // What was slow long ago is in the same slot of half an hour as what was fast lately.
    let after = Process::begin(1_690);
    after.kept.window.restore(&bytes).unwrap();
    after.run(6, Duration::from_millis(20));
    assert_eq!(after.counted(five), (6, 6, MINUTE));
    // A long window has what both counted.
    assert_eq!(after.counted(60 * MINUTE).0, 174);
    after.run(60, Duration::from_millis(20));
    assert_eq!(after.counted(five), (30, 30, five));
}

#[test]
fn a_job_is_as_old_as_its_last_success_also_in_the_process_before() {
    let before = Process::begin(0);
    before.run(1, MINUTE);
    let ended = |outcome| EndedWork::of(Work::Job, "rollup", 0, outcome, MINUTE);
    before.kept.metrics.count_work(&ended(CallOutcome::Success));
    before.run(6, MINUTE);
    let (bytes, _) = before.kept.window.to_bytes(1 << 20);
    let after = Process::begin(1_270);
    after.kept.window.restore(&bytes).unwrap();
    let age = |process: &Process| {
        let mut ages = Vec::new();
        process
            .kept
            .at_once(&mut |numbers| ages = numbers.gauge(Gauge::JobAgeSeconds));
        ages
    };
    let [(job, seconds)] = &age(&after)[..] else {
        panic!("{:?}", age(&after));
    };
    // It succeeded in the second slot, and what is restored has long slots.
    assert_eq!(job, "rollup");
    assert!((0.0..=1_270.0).contains(seconds), "{seconds}");
    // One that only fails is as old as all that is known.
    let failing = Process::begin(0);
    failing.run(1, MINUTE);
    failing.kept.metrics.count_work(&ended(CallOutcome::Error));
    failing.run(5, MINUTE);
    assert_eq!(age(&failing), [("rollup".to_owned(), 60.0)]);
}

/// A failure that keeps its cause.
#[derive(Debug)]
enum PriceError {
    NoPrice(std::num::ParseIntError),
    Overflow,
}

impl std::fmt::Display for PriceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("order 17")
    }
}

impl std::error::Error for PriceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoPrice(cause) => Some(cause),
            Self::Overflow => None,
        }
    }
}

#[tokio::test]
async fn a_request_that_fails_with_an_error_of_a_new_type_is_a_new_error() {
    let price = |text: &str| -> Result<u8, PriceError> {
        let price: u16 = text.parse().map_err(PriceError::NoPrice)?;
        u8::try_from(price).map_err(|_| PriceError::Overflow)
    };
    let show = move |Path(text): Path<String>| async move {
        match &*text {
            "panic" => panic!("on purpose"),
            "bare" => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            text => price(text)
                .map(|price| price.to_string())
                .map_err(|error| Failure::new(error).into_response()),
        }
    };
    let process = Process::begin(0);
    let layer = ErrorCategoryLayer::new().metrics(process.kept.metrics.clone());
    let app = Router::new()
        .route("/prices/{text}", get(show))
        .layer(CatchPanicLayer::new())
        .layer(layer);
    let ask = |text: &str| {
        let request = Request::get(format!("/prices/{text}"));
        let answer = app.clone().oneshot(request.body(Body::empty()).unwrap());
        async { answer.await.unwrap().into_body().collect().await.unwrap() }
    };
    let rule = || {
        let rule = Rule::new("new", Signal::new_errors()).above(0.0);
        rule.window(5 * MINUTE).pending_for(Duration::ZERO)
    };
    let alerts = Alerts::none().rule(rule()).checked().unwrap();
    let host = Box::new(Arc::clone(&process.kept));
    let running = Running::new(alerts, None, host, None, &process.kept.metrics);
    let new = || {
        running.evaluate();
        let firing = running.watch().engine().firing();
        firing.first().and_then(|alert| alert.value)
    };
    ask("x").await;
    process.run(7 * 60, MINUTE);
    // Another number is no number in the same way, and another order fails with the same error.
    ask("y").await;
    ask("7").await;
    assert_eq!(new(), None);
    for (failure, all) in [("999", 1.0), ("panic", 2.0), ("bare", 3.0), ("998", 3.0)] {
        ask(failure).await;
        process.run(1, MINUTE);
        assert_eq!(new(), Some(all), "{failure}");
    }
    let mut types = Vec::new();
    process.kept.at_once(&mut |numbers| {
        let sums = numbers.counted(BEGIN, None, false);
        types.extend(sums.counts.into_keys().filter_map(|key| match key {
            Key::ErrorType { error_type, .. } => Some(error_type.to_string()),
            _ => None,
        }));
    });
    types.sort();
    assert_eq!(
        types,
        ["500", "NoPrice: ParseIntError", "Overflow", "panic"]
    );
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "measures, and needs optimisation: cargo test --release"]
fn a_thousand_rules_over_the_window_of_a_thousand_endpoints() {
    let signals = [
        Signal::error_rate_percent(),
        Signal::p95_ms(),
        Signal::p99_ms(),
        Signal::requests_per_second(),
        Signal::errors_per_minute(),
        Signal::error_spike_percent(),
        Signal::pool_usage_percent(),
        Signal::memory_usage_percent(),
        Signal::gauge("workers", &[]),
    ];
    for (scope, each) in [("the service", false), ("each endpoint", true)] {
        for (what, threshold) in [("nothing", 3_600.0), ("everything", 0.1)] {
            let rules = (0..1_000).map(|index| {
                let signal = signals[index % signals.len()].clone();
                let is_share = signal.name() == "error_rate_percent";
                let threshold = if is_share {
                    f64::min(threshold, 99.0)
                } else {
                    threshold
                };
                let by_endpoint = index % signals.len() < 6;
                // Thresholds that differ are edges of the buckets, and there are few of those.
                let rule = Rule::new(format!("rule_{index}"), signal)
                    .above(threshold)
                    .at_least(1)
                    .pending_for(Duration::ZERO);
                match each && by_endpoint {
                    true => rule.each_endpoint(),
                    false => rule,
                }
            });
            let alerts = Alerts::none().rules(rules).interval(60 * MINUTE);
            let vitals = Vitals::builder().isolated().alerts(alerts).build().unwrap();
            let metrics = vitals.metrics();
            for endpoint in 0..1_000 {
                let endpoint = String::leak(format!("/api/v1/things/{endpoint}"));
                for (millis, status) in [(5, 200), (20, 200), (80, 404), (300, 200), (900, 500)] {
                    let status = StatusCode::from_u16(status).unwrap();
                    let time = Duration::from_millis(millis);
                    (0..4).for_each(|_| {
                        metrics.record_request(&Method::GET, endpoint, status, time);
                    });
                }
            }
            let handle = vitals.alerts();
            let mut times: Vec<_> = (0..20)
                .map(|_| {
                    let before = Instant::now();
                    handle.evaluate();
                    before.elapsed()
                })
                .collect();
            times.sort_unstable();
            println!(
                "{scope}, {what} is broken: {} alerts; evaluation {:?} in the middle, {:?} at most",
                handle.all().len(),
                times[times.len() / 2],
                times[times.len() - 1]
            );
        }
    }
}
