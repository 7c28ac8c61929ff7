//! Publishes no family that the page on metrics does not describe, and each one that it describes.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::stream;
use tower_vitals::{
    Deployment, Release, Vitals, circuit,
    health::{Check, Health},
    job, job_queue, monitored,
    notify::{Notification, Notifier, Notifiers, NotifyError},
    operations::{CallOutcome, PoolState, disk_space},
    outbound, pool, query,
};

use super::send;
use crate::{
    generated::{Req, probe_client::ProbeClient},
    probe,
    support::{exposition::Exposition, server::Server},
};

/// What needs a server, or what not every machine tells, or not at once.
const BY_LUCK: [&str; 9] = [
    "vitals_fleet_",
    "redis_",
    "postgres_",
    "tls_",
    "host_",
    "process_",
    "memory_usage_",
    "cpu_usage_percent",
    "tokio_workers_busy_ratio",
];

/// Takes everything that people are told.
struct Takes;

impl Notifier for Takes {
    fn name(&self) -> &str {
        "takes"
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        Ok(())
    }
}

const PAGE: &str = include_str!("../../../docs/metrics.md");

/// The labels of each family in the page's table.
fn described() -> BTreeMap<String, BTreeSet<String>> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| {
        let (name, rest) = row.split_once('`').unwrap();
        let labels = rest.split('|').nth(2).unwrap();
        let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned);
        (name.to_owned(), labels.collect())
    })
    .collect()
}

/// The labels of each family of a scrape, without those of buckets.
fn published(scrape: &Exposition) -> BTreeMap<String, BTreeSet<String>> {
    let mut families: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, labels) in scrape.samples.keys() {
        let ends = ["_bucket", "_sum", "_count"];
        let family = ends
            .into_iter()
            .find_map(|end| name.strip_suffix(end))
            .filter(|family| scrape.types.contains_key(*family))
            .unwrap_or(name);
        let of_family = families.entry(family.to_owned()).or_default();
        of_family.extend(labels.keys().filter(|label| *label != "le").cloned());
    }
    families
}

#[tokio::test]
async fn an_application_that_uses_everything_publishes_what_the_page_describes() {
    let check = Check::new("database", async || Ok::<_, std::io::Error>(()));
    let health = Health::builder().check(check).start().unwrap();
    // The first answer is one of them.
    let mut changes = health.changes();
    let vitals = Vitals::builder()
        .isolated()
        .body_sizes()
        .process_metrics()
        .release(Release::new("1.4.2"))
        .health(health.service())
        .notifiers(Notifiers::new().notifier(Takes))
        .build()
        .unwrap();
    vitals.record_deployment(&Deployment::new("1.4.2"));
    let chunks = async || -> Response {
        let chunks = ["one", "two"].map(Ok::<_, std::convert::Infallible>);
        Body::from_stream(stream::iter(chunks)).into_response()
    };
    let sessions = vitals.websocket_sessions();
    let app = Router::new()
        .route("/a", get(async || "a"))
        .route("/b", get(async || StatusCode::BAD_GATEWAY))
        .route("/chunks", get(chunks))
        .route(
            "/socket",
            get(async move || {
                sessions.begin().run(async {}).await;
                "the session has ended"
            }),
        )
        .route_service(probe::ROUTE, probe::service())
        .layer(vitals.layer())
        .merge(vitals.routes());
    for path in ["/a", "/b", "/chunks", "/socket", "/livez"] {
        send(&app, "GET", path).await;
    }
    let server = Server::start(app).await;
    let client = ProbeClient::connect(format!("http://{}", server.address));
    let mut client = client.await.unwrap();
    client.unary(Req::default()).await.unwrap();
    while health.reports().iter().any(|check| check.runs == 0) {
        changes.next().await;
    }
    do_everything_else(&vitals).await;
    let described = described();
    let needed = described.keys();
    let by_luck = |name: &str| BY_LUCK.iter().any(|begin| name.starts_with(begin));
    let needed: Vec<_> = needed.filter(|name| !by_luck(name)).collect();
    // Threads and tasks ask at once, and nobody waits for them.
    let published = loop {
        let published = published(&Exposition::of(&vitals));
        let asked = [
            "db_connection_pool_max",
            "disk_free_bytes",
            "job_queue_length",
            "tokio_scheduling_lag_seconds",
        ];
        if asked.iter().all(|name| published.contains_key(*name)) {
            break published;
        }
        tokio::task::yield_now().await;
    };
    for (name, labels) in &published {
        assert_eq!(Some(labels), described.get(name), "{name}");
    }
    let missing: Vec<_> = needed
        .into_iter()
        .filter(|name| !published.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What a service does beside answering requests.
async fn do_everything_else(vitals: &Vitals) {
    let metrics = vitals.metrics();
    vitals.alerts().evaluate();
    disk_space("/").metrics(metrics).start().unwrap();
    monitored("fetch").metrics(metrics).run(async {}).await;
    query("SELECT", "orders")
        .metrics(metrics)
        .run(async {})
        .await;
    outbound("groq")
        .metrics(metrics)
        .record(CallOutcome::Success, Duration::ZERO);
    job("rollup").metrics(metrics).run(async {}).await;
    circuit("groq").metrics(metrics).opened();
    let state = PoolState {
        size: 2,
        idle: 1,
        max: 4,
    };
    pool("primary", move || state)
        .metrics(metrics)
        .start()
        .unwrap();
    job_queue("emails", || 3).metrics(metrics).start().unwrap();
}
