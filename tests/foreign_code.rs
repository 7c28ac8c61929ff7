//! Goes on while the application's own recorder, log or Sentry hook panics or hangs. Each test runs in a process of its own,
//! since a process has one global recorder and one global subscriber.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

use std::{
    collections::BTreeMap,
    env,
    panic::resume_unwind,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{Router, routing::get};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    task::JoinHandle,
    time::{self, Instant},
};
use tower_vitals::{
    Deployment, ShutdownReport, Vitals,
    health::{Check, Health, Role, Status},
    metrics::Settings,
    sentry::SentryOptions,
};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// By then a process that is done has ended.
const AT_MOST: Duration = Duration::from_secs(60);

static STATE: AtomicU8 = AtomicU8::new(OK);
const OK: u8 = 0;
const PANICKING: u8 = 1;
const HANGING: u8 = 2;

/// How often the recorder was called.
static CALLS: AtomicU64 = AtomicU64::new(0);

/// The recorder of the application.
struct Foreign(DebuggingRecorder);

/// What the recorder got so far.
struct Recorded {
    snapshots: Snapshotter,
    /// A snapshot takes the samples out, and sets counters to 0.
    taken: Mutex<BTreeMap<String, u64>>,
}

/// The log of the application, which hangs at an error.
struct Log;

/// The one metric at which the recorder hangs.
static HANGS_AT: Mutex<&str> = Mutex::new("");

fn act(name: &str) {
    let state = STATE.load(Ordering::SeqCst);
    if state == HANGING && *HANGS_AT.lock().unwrap() != name {
        return;
    }
    CALLS.fetch_add(1, Ordering::SeqCst);
    match state {
        PANICKING => panic!("the code of the application panics as asked"),
        HANGING => loop {
            thread::park();
        },
        _ => {}
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let hangs = STATE.load(Ordering::SeqCst) == HANGING;
        if hangs && *event.metadata().level() == Level::ERROR {
            act("");
        }
    }
}

impl Foreign {
    fn install() -> Recorded {
        let own = DebuggingRecorder::new();
        let snapshots = own.snapshotter();
        metrics::set_global_recorder(Self(own)).unwrap();
        Recorded {
            snapshots,
            taken: Mutex::default(),
        }
    }
}

impl Recorder for Foreign {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        act("a description");
        self.0.describe_counter(key, unit, text);
    }
    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        act("a description");
        self.0.describe_gauge(key, unit, text);
    }
    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        act("a description");
        self.0.describe_histogram(key, unit, text);
    }
    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        act(key.name());
        self.0.register_counter(key, metadata)
    }
    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        act(key.name());
        self.0.register_gauge(key, metadata)
    }
    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        act(key.name());
        self.0.register_histogram(key, metadata)
    }
}

impl Recorded {
    /// The value of each metric by its name and labels; of a histogram how many samples.
    fn now(&self) -> BTreeMap<String, f64> {
        let mut taken = self.taken.lock().unwrap();
        let metrics = self.snapshots.snapshot().into_vec().into_iter();
        let value = |(key, .., value): (metrics_util::CompositeKey, _, _, _)| {
            let labels = key
                .key()
                .labels()
                .map(|label| format!(" {}", label.value()));
            let name = format!("{}{}", key.key().name(), labels.collect::<String>());
            let value = match value {
                DebugValue::Counter(value) => {
                    let most = taken.entry(name.clone()).or_default();
                    *most = value.max(*most);
                    *most as f64
                }
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(new) => {
                    let all = taken.entry(name.clone()).or_default();
                    *all += new.len() as u64;
                    *all as f64
                }
            };
            (name, value)
        };
        metrics.map(value).collect()
    }

    fn until(&self, name: &str, value: f64) -> BTreeMap<String, f64> {
        eventually(name, || {
            let now = self.now();
            (now.get(name) == Some(&value)).then_some(now)
        })
    }
}

fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(MS(5));
    }
    panic!("never: {what}");
}

/// Runs the test of this name in a process of its own, and ends it if it hangs. Returns `false` in that process.
fn in_its_own_process(test: &str) -> bool {
    const INSIDE: &str = "TOWER_VITALS_INSIDE";
    if env::var_os(INSIDE).is_some() {
        return false;
    }
    // A name that is no test would pass: nothing would run.
    let listed = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--list"])
        .output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    assert!(listed.contains(&format!("{test}: test")), "{listed}");
    let began = Instant::now();
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "yes")
        .spawn()
        .unwrap();
    while began.elapsed() < AT_MOST {
        if process.try_wait().unwrap().is_some() {
            let ended = process.wait().unwrap();
            assert!(ended.success(), "{test}: {ended}");
            return true;
        }
        thread::sleep(MS(20));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    panic!("{test}: the process did not end");
}

/// An application with three checks on two workers, which publishes to the foreign recorder.
struct Application {
    health: Health,
    vitals: Vitals,
    base: String,
    client: reqwest::Client,
    running: JoinHandle<ShutdownReport>,
}

impl Application {
    async fn start() -> Self {
        let check = |name| {
            let check = Check::new(name, async || Ok::<_, std::io::Error>(()));
            // An answer is recent for long enough, also on a busy machine.
            check.interval(MS(50)).timeout(MS(500))
        };
        let health = ["database", "cache", "queue"];
        let health = health.into_iter().map(check);
        let health = health.fold(Health::builder(), |all, check| all.check(check));
        let health = health.start().unwrap();
        let vitals = Vitals::builder()
            .use_global_recorder()
            .health(health.service())
            .drain_delay(MS(50))
            .shutdown_deadline(MS(1_000))
            .build()
            .unwrap();
        let app = Router::new()
            .route("/", get(async || "hello"))
            .layer(vitals.layer())
            .merge(vitals.routes());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
        let running = tokio::spawn({
            let vitals = vitals.clone();
            async move { vitals.run(server).await.unwrap() }
        });
        Self {
            health,
            vitals,
            base,
            client: reqwest::Client::new(),
            running,
        }
    }

    async fn get(&self, path: &str) -> u16 {
        let sent = self.client.get(format!("{}{path}", self.base)).send();
        let answer = time::timeout(Duration::from_secs(5), sent).await;
        answer.unwrap().unwrap().status().as_u16()
    }

    /// Requests and probes are answered, and each check is asked again for longer than an answer is recent.
    async fn works(&self) {
        let asked = || self.health.reports().iter().map(|check| check.runs).min();
        let until = asked().unwrap() + 30;
        let began = Instant::now();
        while asked().unwrap() < until {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody asks");
            time::sleep(MS(5)).await;
        }
        for path in ["/", "/livez", "/readyz", "/startupz", "/health/queue"] {
            assert_eq!(self.get(path).await, 200, "{path}");
        }
    }
}

#[test]
fn a_recorder_that_panics_costs_rounds_and_nothing_else() {
    if in_its_own_process("a_recorder_that_panics_costs_rounds_and_nothing_else") {
        return;
    }
    STATE.store(PANICKING, Ordering::SeqCst);
    let recorded = Foreign::install();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let app = runtime.block_on(async {
        let app = Application::start().await;
        app.works().await;
        app
    });
    let failures = || app.vitals.metrics().totals().hook_failures;
    eventually("two panics", || (failures() >= 2).then_some(()));
    runtime.block_on(app.works());
    assert!(recorded.now().is_empty());

    // The next second publishes again, and nothing is missing or there twice.
    STATE.store(OK, Ordering::SeqCst);
    let now = recorded.until("http_requests_by_severity_total / normal", 2.0);
    assert_eq!(now["http_requests_total GET / 200"], 2.0);
    assert_eq!(now["http_request_duration_seconds GET /"], 2.0);
    for check in ["database", "cache", "queue"] {
        // On a busy machine an answer can be too old at the moment of one round.
        recorded.until(&format!("health_check_status {check}"), 1.0);
    }
    recorded.until("vitals_hook_failures_total", failures() as f64);

    // The last round is published at the end, before the next second.
    STATE.store(PANICKING, Ordering::SeqCst);
    assert_eq!(runtime.block_on(app.get("/")), 200);
    STATE.store(OK, Ordering::SeqCst);
    app.health.drain();
    runtime.block_on(app.running).unwrap();
    assert_eq!(recorded.now()["http_requests_total GET / 200"], 3.0);
}

#[test]
fn a_recorder_that_hangs_for_ever_holds_nobody_and_the_process_ends_in_time() {
    if !in_its_own_process(
        "a_recorder_that_hangs_for_ever_holds_nobody_and_the_process_ends_in_time",
    ) {
        hangs_at("health_check_status");
    }
}

#[test]
fn a_recorder_that_hangs_at_a_deployment_holds_nobody() {
    if !in_its_own_process("a_recorder_that_hangs_at_a_deployment_holds_nobody") {
        hangs_at("app_deployment_timestamp_seconds");
    }
}

fn hangs_at(metric: &'static str) {
    *HANGS_AT.lock().unwrap() = metric;
    STATE.store(HANGING, Ordering::SeqCst);
    Foreign::install();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let began = runtime.block_on(async {
        let app = Application::start().await;
        app.vitals.record_deployment(&Deployment::new("1.4.1"));
        let hangs = async {
            while CALLS.load(Ordering::SeqCst) == 0 {
                time::sleep(MS(5)).await;
            }
        };
        time::timeout(Duration::from_secs(20), hangs).await.unwrap();
        for _ in 0..3 {
            app.works().await;
        }
        // A new deployment, stack or check does not wait for it either.
        app.vitals.record_deployment(&Deployment::new("1.4.2"));
        assert_eq!(app.vitals.metrics().totals().completed, 3);
        let isolated = Vitals::builder().isolated().health(app.health.service());
        assert!(
            isolated
                .build()
                .unwrap()
                .render()
                .contains("app_build_info")
        );
        let health = Health::builder().manual("late", Role::Critical);
        assert_eq!(health.start().unwrap().status(), Status::Unknown);

        let began = Instant::now();
        app.health.drain();
        let report = app.running.await.unwrap();
        assert_eq!(report.unfinished, 0);
        began
    });
    // The runtime waits for each of its threads.
    drop(runtime);
    let took = began.elapsed();
    assert!(took < MS(5_000), "{took:?}");
    assert_eq!(CALLS.load(Ordering::SeqCst), 1, "who called it once more?");
}

#[test]
fn checks_without_a_stack_are_published_and_choose_no_settings() {
    if in_its_own_process("checks_without_a_stack_are_published_and_choose_no_settings") {
        return;
    }
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    // Asked once while the test runs.
    let check = Check::new("database", async || Ok::<_, std::io::Error>(()));
    let check = check.interval(Duration::from_secs(3_600));
    let health = runtime.block_on(async {
        let health = Health::builder()
            .check(check)
            .manual("queue", Role::Optional);
        let health = health.start().unwrap();
        while health.reports()[0].status != Status::Healthy {
            time::sleep(MS(5)).await;
        }
        // There is no recorder yet. The publisher runs once without one.
        time::sleep(MS(1_200)).await;
        health
    });
    STATE.store(PANICKING, Ordering::SeqCst);
    let recorded = Foreign::install();
    let calls = || CALLS.load(Ordering::SeqCst);
    eventually("two rounds", || (calls() >= 2).then_some(()));
    // A thread that sets a status calls no recorder.
    let before = calls();
    for _ in 0..1_000 {
        assert!(health.set("queue", Status::Degraded, None));
    }
    assert!(calls() <= before + 2, "{} calls", calls() - before);
    STATE.store(OK, Ordering::SeqCst);
    let now = recorded.until("health_check_status database", 1.0);
    let expected = [
        ("health_check_duration_seconds database", 1.0),
        ("health_check_status database", 1.0),
        ("health_check_status queue", 0.5),
    ];
    let is_time = |name: &str| name.contains("last_success");
    let (times, others): (Vec<_>, Vec<_>) = now.into_iter().partition(|(name, _)| is_time(name));
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!((times.len(), others), (2, expected.into()));

    // The settings of the process are still free. Its counters have the panics, and repeat no sample.
    let metrics = Settings::new().endpoint_cap(7).install().unwrap();
    let counted = || Some(metrics.totals().hook_failures).filter(|failures| *failures >= 2);
    let failures = eventually("the panics are counted", counted);
    let now = recorded.until("vitals_hook_failures_total", failures as f64);
    assert_eq!(now["health_check_duration_seconds database"], 1.0);
    drop(health);
}

#[test]
fn a_log_that_hangs_and_a_hook_that_panics_hold_up_no_check() {
    if in_its_own_process("a_log_that_hangs_and_a_hook_that_panics_hold_up_no_check") {
        return;
    }
    let log = tracing_subscriber::registry().with(Log);
    tracing::subscriber::set_global_default(log).unwrap();
    let mut options = sentry::ClientOptions::new().before_send(|_| {
        resume_unwind(Box::new(
            "a panic without a message, since messages take long",
        ))
    });
    options.dsn = Some("http://public@127.0.0.1:1/1".parse().unwrap());
    options.transport = Some(Arc::new(sentry::test::TestTransport::new()));
    let client = Arc::new(sentry::Client::with_options(options));
    sentry::Hub::main().bind_client(Some(client));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let flapping = |name| {
        let up = Mutex::new(false);
        let check = Check::new(name, move || {
            let mut up = up.lock().unwrap();
            *up = !*up;
            let answer = if *up { Ok(()) } else { Err("down") };
            async move { answer }
        });
        check.interval(MS(20)).timeout(MS(100))
    };
    let health = ["database", "cache", "queue"];
    let health = health.into_iter().map(flapping);
    let health = health.fold(Health::builder(), |all, check| all.check(check));
    let health = runtime.block_on(async { health.start().unwrap() });
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .sentry(SentryOptions::current_client())
        .build()
        .unwrap();
    let failures = || vitals.metrics().totals().hook_failures;
    eventually("the hook panics", || (failures() >= 1).then_some(()));

    // Each change is a report that hangs, or that finds the last one hanging and is counted.
    STATE.store(HANGING, Ordering::SeqCst);
    let hangs = || CALLS.load(Ordering::SeqCst);
    eventually("all three hang", || (hangs() == 3).then_some(()));
    let (asked, before) = (health.reports()[0].runs, failures());
    let turned = |turn: u64| (health.reports()[0].runs >= asked + turn).then_some(());
    eventually("it is asked again", || turned(30));
    assert!(
        failures() >= before + 25,
        "{} were counted",
        failures() - before
    );
    for status in [Status::Healthy, Status::Unhealthy] {
        let found = || (health.reports()[0].status == status).then_some(());
        eventually(status.as_str(), found);
    }
    assert_eq!(hangs(), 3, "one thread for each check, and no more");
    // The threads of the log never end, and the runtime does not wait for them.
    drop(runtime);
}
