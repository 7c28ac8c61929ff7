//! Counts the same in statistics, totals, both texts of `/metrics`, the snapshot and the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, io, mem,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{any, get},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::{runtime, task::JoinSet};
use tower_vitals::{
    Failure, Vitals,
    category::ErrorCategory,
    exchange::Outcome,
    logging::Format,
    metrics::Snapshot,
    statistics::{EndpointOrder, Statistics},
    timing::SeverityBands,
};

use super::all;
use crate::{
    conservation::{CLIENTS, KINDS, exchange},
    support::{
        client::Client, exposition::Exposition, forms, lines, server::Server, waiting::eventually,
    },
};

const REQUESTS: usize = 20_000;

/// How many of them are on an excluded path, where every second one fails.
const EXCLUDED: usize = REQUESTS / 40;

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"];

const SHOPS: usize = 30;

const NONE: [String; 0] = [];

type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// What one of those that count has counted, by everything that they all tell apart.
#[derive(Debug, Default)]
struct Counted {
    /// By method, endpoint and status.
    requests: BTreeMap<[String; 3], u64>,
    /// By endpoint and severity.
    severities: BTreeMap<[String; 2], u64>,
    /// By category and endpoint.
    errors: BTreeMap<[String; 2], u64>,
}

/// Answers in each way that a handler can, by the number of the request.
async fn shop(Path(n): Path<usize>) -> Response {
    let statuses = [200, 201, 204, 302, 400, 404, 409, 422, 429, 500, 502, 503];
    let status = StatusCode::from_u16(statuses[n / 7 % statuses.len()]).unwrap();
    let all = ErrorCategory::ALL;
    match n % 7 {
        0..3 => status.into_response(),
        3 => Failure::new(io::Error::from(io::ErrorKind::TimedOut)).into_response(),
        4 => Failure::new("the database is gone").into_response(),
        5 => {
            let failure = Failure::new("lost").category(all[n / 7 % all.len()]);
            failure.answer(status).into_response()
        }
        _ => Failure::new(sqlx_core::Error::RowNotFound).into_response(),
    }
}

fn shops() -> Router {
    static TURN: AtomicU64 = AtomicU64::new(0);
    let excluded = get(async || match TURN.fetch_add(1, Relaxed) % 2 {
        0 => StatusCode::OK,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    });
    let shops = 0..SHOPS;
    shops.fold(Router::new().route("/livez", excluded), |app, number| {
        app.route(&format!("/shop{number}/{{n}}"), any(shop))
    })
}

/// Sends request `n`, and takes its answer or leaves.
async fn send(server: &Server, one: &mut Client, two: &mut Client, n: usize) {
    let client = if (n / 2).is_multiple_of(2) { one } else { two };
    let (method, path) = match n {
        // Each kind is sent over both protocols.
        _ if n.is_multiple_of(2) => {
            return exchange(server, client, n as u64, n / 4 % KINDS.len()).await;
        }
        _ if n % 40 == 1 => ("GET", "/livez".to_owned()),
        _ => (
            METHODS[n / 4 % METHODS.len()],
            format!("/shop{}/{n}", n / 3 % SHOPS),
        ),
    };
    let request = client.request(method, &path);
    let answer = client.send(request).await.unwrap();
    answer.into_body().collect().await.unwrap();
}

async fn send_all(vitals: &Vitals) {
    let server = Arc::new(Server::faulty_beside(vitals, shops()).await);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let server = Arc::clone(&server);
        clients.spawn(async move {
            let (mut one, mut two) = (server.http1(), server.http2());
            for n in (client..REQUESTS).step_by(CLIENTS) {
                send(&server, &mut one, &mut two, n).await;
            }
        });
    }
    clients.join_all().await;
}

/// Is set in the process that counts.
const ALONE: &str = "TOWER_VITALS_TEST_ALONE";

/// It counts in a process of its own: while other tests set subscribers, `tracing` can lose single events of this one.
#[test]
fn statistics_totals_both_texts_the_snapshot_and_the_log_count_the_same() {
    if env::var_os(ALONE).is_some() {
        return count_everywhere();
    }
    let this = "statistics::conservation::statistics_totals_both_texts_the_snapshot_and_the_log_count_the_same";
    let mut alone = Command::new(env::current_exe().unwrap());
    let alone = alone
        .args(["--exact", this])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&alone.stdout);
    assert!(
        alone.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

fn count_everywhere() {
    let (written, subscriber) = lines::informed(Format::Json);
    // Tasks run on any of these threads, and each of them writes there.
    let default = move || mem::forget(tracing::dispatcher::set_default(&subscriber));
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime
        .worker_threads(2)
        .on_thread_start(default)
        .enable_all();
    runtime.build().unwrap().block_on(async {
        let micros = Duration::from_micros;
        // So narrow that there are requests of each severity.
        let bands = SeverityBands::new(micros(200), micros(600), micros(3_000)).unwrap();
        let builder = Vitals::builder().isolated().exclude(["/livez"]);
        // So short that there are many slots.
        let builder = builder
            .bands(bands)
            .statistics_slot(Duration::from_millis(250));
        let vitals = builder.build().unwrap();
        send_all(&vitals).await;
        let seen = (REQUESTS - EXCLUDED) as u64;
        // Its event is the last that a request does, also one whose client has left.
        let events = Mutex::new(Vec::new());
        let complete = || {
            let mut events = events.lock().unwrap();
            let new = lines::lines(&written).into_iter();
            events.extend(new.filter(|line| line["message"] == "request"));
            (events.len() as u64 == seen).then(|| mem::take(&mut *events))
        };
        let events: Vec<_> = eventually(complete).await.unwrap();
        let totals = vitals.metrics().totals();
        assert_eq!((totals.started, totals.excluded), (seen, EXCLUDED as u64));
        assert_eq!(totals.excluded_errors, EXCLUDED as u64 / 2);

        let lately = all(&vitals);
        assert_eq!((lately.started, lately.in_flight), (seen, 0));
        assert_eq!(lately.excluded, totals.excluded);
        assert_eq!(lately.excluded_errors, totals.excluded_errors);
        for outcome in Outcome::ALL {
            let counted = totals.outcome(outcome);
            assert_eq!(lately.outcomes[outcome.as_str()], counted, "{outcome:?}");
            assert!(counted > 0, "{outcome:?}");
        }
        assert_eq!(lately.total.requests, seen);

        let counted = Counted::by_statistics(&lately);
        assert_eq!(counted.against(&Counted::by_log(&events)), NONE);
        let metrics = Server::start(vitals.routes()).await;
        for scrape in forms::both(&mut metrics.http1()).await {
            assert_eq!(counted.against(&Counted::by_samples(&scrape.samples)), NONE);
            same_durations(&lately, &scrape);
        }
        assert_same(&vitals.metrics().snapshot(), &Exposition::of(&vitals));
        // It was mixed: all categories, and statuses of each class with all severities.
        let categories = lately.errors_by_category();
        assert_eq!(categories.len(), ErrorCategory::ALL.len(), "{categories:?}");
        assert!(counted.requests.len() > 500, "{}", counted.requests.len());
    });
}

/// Sums and numbers of durations, also of what has no duration because its client left.
fn same_durations(lately: &Statistics, scrape: &Exposition) {
    let seconds = scrape.sum("http_request_duration_seconds_sum", &[]);
    let difference = lately.total.total_ms / 1e3 - seconds;
    assert!(difference.abs() < 1e-6, "{difference}");
    let measured = scrape.sum("http_request_duration_seconds_count", &[]);
    let mean = lately.total.mean_ms.unwrap();
    let difference = lately.total.total_ms / mean - measured;
    assert!(difference.abs() < 1e-3, "{difference}");
}

/// Every sample of the text is in the snapshot with this value, and nothing else is.
fn assert_same(snapshot: &Snapshot, scrape: &Exposition) {
    let mut samples = Samples::new();
    let whole = snapshot.counters.iter();
    let whole = whole.map(|(key, value)| (key, *value as f64));
    let parts = snapshot.gauges.iter().map(|(key, value)| (key, *value));
    for (key, value) in whole.chain(parts) {
        samples.insert(named(key, ""), value);
    }
    for (key, summary) in &snapshot.histograms {
        samples.insert(named(key, "_count"), summary.count as f64);
        samples.insert(named(key, "_sum"), summary.sum);
    }
    let mut shown = scrape.samples.clone();
    shown.retain(|(name, _), _| !name.ends_with("_bucket"));
    assert_eq!(samples, shown);
}

/// The name of a sample and its labels. No value here has a quote.
fn named(key: &str, suffix: &str) -> (String, BTreeMap<String, String>) {
    let (name, labels) = key.split_once('{').unwrap_or((key, ""));
    let pairs = labels
        .strip_suffix("\"}")
        .into_iter()
        .flat_map(|labels| labels.split("\","));
    let pairs = pairs.map(|pair| pair.split_once("=\"").unwrap());
    let labels = pairs.map(|(label, value)| (label.to_owned(), value.to_owned()));
    (format!("{name}{suffix}"), labels.collect())
}

// === impl Counted ===

impl Counted {
    /// What the other has not counted as this one has. A thousand equal lines would hide it.
    fn against(&self, other: &Self) -> Vec<String> {
        let lines = |counted: &Self| {
            let requests = counted.requests.iter().map(|one| format!("{one:?}"));
            let severities = counted.severities.iter().map(|one| format!("{one:?}"));
            let errors = counted.errors.iter().map(|one| format!("{one:?}"));
            BTreeSet::from_iter(requests.chain(severities).chain(errors))
        };
        let (ours, theirs) = (lines(self), lines(other));
        let differences = ours.symmetric_difference(&theirs);
        differences.cloned().collect()
    }

    fn by_statistics(lately: &Statistics) -> Self {
        let mut counted = Self::default();
        for one in lately.endpoints(EndpointOrder::Requests) {
            let traffic = &one.traffic;
            let mut by_status = 0;
            for (status, count) in &traffic.statuses {
                let key = [one.method, &one.endpoint, status].map(str::to_owned);
                assert_eq!(counted.requests.insert(key, *count), None);
                by_status += count;
            }
            assert_eq!(traffic.requests, by_status, "{one:?}");
            let with = traffic.severities.iter().filter(|(_, count)| **count > 0);
            for (severity, count) in with {
                let key = [&one.endpoint, *severity].map(str::to_owned);
                *counted.severities.entry(key).or_default() += count;
            }
        }
        for error in &lately.errors {
            let key = [error.category.as_str(), &error.endpoint].map(str::to_owned);
            assert_eq!(counted.errors.insert(key, error.count), None);
        }
        counted
    }

    fn by_samples(samples: &Samples) -> Self {
        let mut counted = Self::default();
        for ((name, labels), value) in samples {
            let of = |label: &str| labels[label].clone();
            let count = *value as u64;
            // Some are there before anything happened. What is excluded is told apart.
            if count == 0 || labels.get("endpoint").is_some_and(|it| it == "excluded") {
                continue;
            }
            let before = match name.as_str() {
                "http_requests_total" => {
                    let key = ["method", "endpoint", "status"].map(of);
                    counted.requests.insert(key, count)
                }
                "http_requests_by_severity_total" => {
                    let key = ["endpoint", "severity"].map(of);
                    counted.severities.insert(key, count)
                }
                "errors_total" => counted
                    .errors
                    .insert(["category", "endpoint"].map(of), count),
                _ => None,
            };
            assert_eq!(before, None);
        }
        counted
    }

    fn by_log(events: &[Value]) -> Self {
        let mut counted = Self::default();
        for event in events {
            let of = |field: &str| match &event[field] {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            };
            let known = |field: &str| of(field).unwrap();
            let key = ["method", "endpoint", "status"].map(known);
            *counted.requests.entry(key).or_default() += 1;
            if let Some(severity) = of("severity") {
                let key = [known("endpoint"), severity];
                *counted.severities.entry(key).or_default() += 1;
            }
            if let Some(category) = of("category") {
                let key = [category, known("endpoint")];
                *counted.errors.entry(key).or_default() += 1;
            }
        }
        counted
    }
}
