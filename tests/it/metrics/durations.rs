//! Puts durations into bands and buckets.

use std::{collections::BTreeMap, convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::get};
use futures::stream;
use tokio::time;
use tower_vitals::Vitals;

use super::send;
use crate::support::{exposition::Exposition, stacks::isolated};

#[tokio::test(start_paused = true)]
async fn a_stream_of_an_hour_is_fast_and_its_length_has_a_histogram_of_its_own() {
    let vitals = isolated();
    let app = Router::new()
        .route(
            "/events",
            get(async || {
                time::sleep(Duration::from_millis(30)).await;
                Body::from_stream(stream::unfold(0, async |n| {
                    time::sleep(Duration::from_secs(360)).await;
                    (n < 10).then(|| (Ok::<_, Infallible>("tick"), n + 1))
                }))
            }),
        )
        .route("/plain", get(async || "known length"))
        .layer(vitals.layer());
    send(&app, "GET", "/events").await;
    send(&app, "GET", "/plain").await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.severity("normal"), 2.0);
    let events = [("endpoint", "/events")];
    // Ten ticks, the wait after the last one, and the time to the head.
    assert_eq!(
        scrape.sum("http_response_body_duration_seconds_sum", &events),
        3_960.03
    );
    assert_eq!(
        scrape.sum("http_request_duration_seconds_sum", &events),
        0.03
    );
    assert_eq!(
        scrape.sum("http_response_body_duration_seconds_count", &[]),
        1.0
    );
}

#[tokio::test(start_paused = true)]
async fn a_route_has_a_series_for_each_severity_that_it_had() {
    let vitals = isolated();
    let seconds = async |axum::extract::Path(seconds): axum::extract::Path<u64>| {
        time::sleep(Duration::from_secs(seconds)).await;
    };
    let app = Router::new()
        .route("/quick", get(async || ()))
        .route("/takes/{seconds}", get(seconds))
        .layer(vitals.layer());
    let severities = |scrape: &Exposition| {
        let of = |(name, labels): &(String, BTreeMap<String, String>)| {
            (name == "http_requests_by_severity_total")
                .then(|| (labels["endpoint"].clone(), labels["severity"].clone()))
        };
        scrape.samples.keys().filter_map(of).collect::<Vec<_>>()
    };
    let before = Exposition::of(&vitals);
    assert_eq!(severities(&before), []);
    for path in ["/quick", "/quick", "/takes/0", "/takes/3"] {
        send(&app, "GET", path).await;
    }
    let scrape = Exposition::of(&vitals);
    let expected = [
        ("/quick", "normal"),
        ("/takes/{seconds}", "critical"),
        ("/takes/{seconds}", "normal"),
    ];
    let expected = expected.map(|(route, severity)| (route.to_owned(), severity.to_owned()));
    assert_eq!(severities(&scrape), expected);
    // For alerts: a series for each severity, from the start.
    for (severity, count) in [
        ("normal", 3.0),
        ("slow", 0.0),
        ("warning", 0.0),
        ("critical", 1.0),
    ] {
        let labels = BTreeMap::from([("severity".to_owned(), severity.to_owned())]);
        let of_all = ("http_request_severities_total".to_owned(), labels);
        assert_eq!(before.samples[&of_all], 0.0, "{severity}");
        assert_eq!(scrape.samples[&of_all], count, "{severity}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_duration_on_an_edge_is_in_the_band_above_and_in_the_bucket_below() {
    let vitals = isolated();
    let app = Router::new()
        .route(
            "/{ms}",
            get(async |axum::extract::Path(ms): axum::extract::Path<u64>| {
                time::sleep(Duration::from_millis(ms)).await;
            }),
        )
        .layer(vitals.layer());
    for ms in [0, 99, 100, 499, 500, 1_999, 2_000, 5_000] {
        send(&app, "GET", &format!("/{ms}")).await;
    }
    let ten_years = 10 * 365 * 24 * 3_600 * 1_000_u64;
    send(&app, "GET", &format!("/{ten_years}")).await;
    let scrape = Exposition::of(&vitals);
    for (severity, count) in [
        ("normal", 2.0),
        ("slow", 2.0),
        ("warning", 2.0),
        ("critical", 3.0),
    ] {
        assert_eq!(scrape.severity(severity), count, "{severity}");
    }
    // In Prometheus, `le` includes its edge.
    for (le, count) in [
        ("0.005", 1.0),
        ("0.1", 3.0),
        ("0.5", 5.0),
        ("2", 7.0),
        ("5", 8.0),
        ("10", 8.0),
        ("+Inf", 9.0),
    ] {
        assert_eq!(
            scrape.sum("http_request_duration_seconds_bucket", &[("le", le)]),
            count,
            "{le}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn edges_of_the_applications_own_bands_are_edges_of_buckets() {
    let ms = Duration::from_millis;
    let bands = tower_vitals::timing::SeverityBands::new(ms(42), ms(420), ms(4_200)).unwrap();
    let vitals = Vitals::builder().isolated().bands(bands).build().unwrap();
    let app = Router::new()
        .route(
            "/",
            get(async || time::sleep(Duration::from_millis(42)).await),
        )
        .layer(vitals.layer());
    send(&app, "GET", "/").await;
    let scrape = Exposition::of(&vitals);
    assert_eq!(
        scrape.sum("http_request_duration_seconds_bucket", &[("le", "0.042")]),
        1.0
    );
    assert_eq!(
        scrape.sum("http_request_duration_seconds_bucket", &[("le", "0.025")]),
        0.0
    );
    assert_eq!(scrape.severity("slow"), 1.0);
    let edges = scrape.values("http_request_duration_seconds_bucket", "le");
    assert!(edges.contains("0.42") && edges.contains("4.2"), "{edges:?}");
}
