//! Publishes no family that the page on metrics does not describe, and each one that it describes.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Router,
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use futures::stream;
use tower_vitals::{
    Deployment, Release, Vitals,
    health::{Check, Health},
};

use super::send;
use crate::{
    generated::{Req, probe_client::ProbeClient},
    probe,
    support::{exposition::Exposition, server::Server},
};

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
        .release(Release::new("1.4.2"))
        .health(health.service())
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
    assert_eq!(published(&Exposition::of(&vitals)), described());
}
