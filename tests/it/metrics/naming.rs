//! Names the families as the application chose, and divides them as it chose.

use std::{collections::BTreeSet, convert::Infallible, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    routing::{any, get},
};
use futures::stream;
use tokio::time;
use tower::ServiceExt;
use tower_vitals::{
    Deployment, Release, Vitals,
    health::{Check, Health},
    metrics::Names,
    vitals::VitalsBuilder,
};

use super::send;
use crate::support::exposition::Exposition;

/// The text of a scrape with every family and every label that a stack can have.
async fn full(builder: VitalsBuilder) -> String {
    let check = Check::new("database", async || Ok::<_, Infallible>(()));
    let health = Health::builder().check(check).start().unwrap();
    let release = Release::new("1.4.2").environment("test");
    let builder = builder.isolated().body_sizes();
    let builder = builder.health(health.service()).release(release);
    let vitals = builder.build().unwrap();
    let stream = async || Body::from_stream(stream::iter(["a", "b"].map(Ok::<_, Infallible>)));
    let call = async || [("content-type", "application/grpc"), ("grpc-status", "0")];
    let app = Router::new()
        .route("/stream", get(stream))
        .route("/fail", get(async || StatusCode::BAD_GATEWAY))
        .route("/shop.Shop/Buy", any(call))
        .layer(vitals.layer());
    for path in ["/stream", "/fail"] {
        send(&app, "GET", path).await;
    }
    let call = Request::post("/shop.Shop/Buy").header("content-type", "application/grpc");
    let call = call.body(Body::empty()).unwrap();
    app.oneshot(call).await.unwrap();
    vitals.record_deployment(&Deployment::new("1.4.2"));
    while health.reports()[0].runs == 0 {
        time::sleep(Duration::from_millis(1)).await;
    }
    vitals.render()
}

fn presets() -> [VitalsBuilder; 2] {
    [Names::Prometheus, Names::OpenTelemetry].map(|names| Vitals::builder().names(names))
}

#[tokio::test]
async fn every_family_has_the_prefix_the_labels_and_a_help() {
    for builder in presets() {
        let plain = Exposition::parse(&full(builder.clone()).await).unwrap();
        let named = builder.metric_prefix("shop_");
        let named = named.label("service", "\"a\nb\"").label("region", "eu-1");
        let text = full(named).await;
        let scrape = Exposition::parse(&text).unwrap();
        let expected = plain.types.iter();
        let expected = expected.map(|(name, kind)| (format!("shop_{name}"), kind.clone()));
        assert_eq!(scrape.types, expected.collect());
        for family in ["http_requests_started_total", "health_check_status"] {
            assert!(scrape.types.contains_key(&format!("shop_{family}")));
        }
        for (name, labels) in scrape.samples.keys() {
            assert_eq!(labels["region"], "eu-1", "{name}");
            assert_eq!(labels["service"], "\"a\nb\"", "{name}");
        }
        for family in scrape.types.keys() {
            assert!(text.contains(&format!("# HELP {family} ")), "{family}");
        }
    }
}

#[tokio::test]
async fn a_constant_label_that_a_family_has_is_refused() {
    let mut found = BTreeSet::new();
    for builder in presets() {
        let scrape = Exposition::parse(&full(builder).await).unwrap();
        let labels = scrape.samples.keys().flat_map(|(_, labels)| labels.keys());
        found.extend(labels.cloned());
    }
    for expected in [
        "endpoint",
        "http_route",
        "error_type",
        "grpc_code",
        "check",
        "version",
    ] {
        assert!(found.contains(expected), "{expected} of {found:?}");
    }
    for name in found {
        let builder = Vitals::builder().isolated().label(&*name, "x");
        let error = builder.build().expect_err(&name);
        assert_eq!((error.field(), error.value()), ("metrics.label", &*name));
    }
}

#[test]
fn a_bad_name_fails_at_build_with_field_and_value() {
    let builder = || Vitals::builder().isolated();
    let label = |name: &str| (builder().label(name, "x"), "metrics.label", name.to_owned());
    let prefix = |prefix: &str| {
        (
            builder().metric_prefix(prefix),
            "metrics.prefix",
            prefix.to_owned(),
        )
    };
    let long = "a".repeat(201);
    let twice = builder()
        .label("region", "a")
        .label("zone", "b")
        .label("region", "c");
    let many = (0..17).fold(builder(), |builder, n| builder.label(format!("l{n}"), "x"));
    let no_value = builder().label("region", "");
    let long_value = builder().label("region", &*long);
    for (builder, field, value) in [
        label(""),
        label("le"),
        label("quantile"),
        label("__name__"),
        label("7th"),
        label("my-region"),
        label("région"),
        label("a:b"),
        label("a\"b"),
        label(&long),
        (twice, "metrics.label", "region".into()),
        (many, "metrics.label", "17".into()),
        (no_value, "metrics.label.region", String::new()),
        (long_value, "metrics.label.region", long.clone()),
        prefix("shop"),
        prefix("my-shop_"),
        prefix("7_"),
        prefix("a:b_"),
        prefix("__shop_"),
        prefix("shop _"),
        prefix(&format!("{long}_")),
    ] {
        let error = builder.build().expect_err(&value);
        assert_eq!((error.field(), error.value()), (field, &*value));
    }
    for (name, value) in [("service", "shop"), ("_7", "\u{7f16}"), ("REGION", "a b")] {
        builder().label(name, value).build().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn own_buckets_divide_durations_beside_the_edges_of_the_bands() {
    let builder = Vitals::builder().isolated().buckets([0.001, 0.3, 7.5]);
    let vitals = builder.stream_buckets([1.5, 20.0]).build().unwrap();
    let stream = async || {
        time::sleep(Duration::from_millis(300)).await;
        Body::from_stream(stream::once(async {
            time::sleep(Duration::from_millis(1_200)).await;
            Ok::<_, Infallible>("late")
        }))
    };
    let app = Router::new().route("/", get(stream)).layer(vitals.layer());
    send(&app, "GET", "/").await;
    let scrape = Exposition::of(&vitals);
    let buckets = |family: &str| {
        let name = format!("{family}_bucket");
        let samples = scrape.samples.iter().filter(|((of, _), _)| *of == name);
        let mut all: Vec<_> = samples
            .map(|((_, labels), n)| (labels["le"].clone(), *n))
            .collect();
        all.sort_by(|(a, _), (b, _)| a.parse::<f64>().unwrap().total_cmp(&b.parse().unwrap()));
        all
    };
    let expected = |all: &[(&str, f64)]| {
        all.iter()
            .map(|(le, n)| ((*le).to_owned(), *n))
            .collect::<Vec<_>>()
    };
    let head = [
        ("0.001", 0.0),
        ("0.1", 0.0),
        ("0.3", 1.0),
        ("0.5", 1.0),
        ("2", 1.0),
        ("7.5", 1.0),
        ("+Inf", 1.0),
    ];
    assert_eq!(buckets("http_request_duration_seconds"), expected(&head));
    let whole = [("1.5", 1.0), ("20", 1.0), ("+Inf", 1.0)];
    assert_eq!(
        buckets("http_response_body_duration_seconds"),
        expected(&whole)
    );
}

#[test]
fn bad_edges_fail_at_build_with_field_and_value() {
    let refused = |edges: &[f64], stream: bool| {
        let (builder, edges) = (Vitals::builder().isolated(), edges.iter().copied());
        let builder = if stream {
            builder.stream_buckets(edges)
        } else {
            builder.buckets(edges)
        };
        let error = builder.build().unwrap_err();
        (error.field().to_owned(), error.value().to_owned())
    };
    let many: Vec<f64> = (1..=65).map(f64::from).collect();
    for (edges, index, value) in [
        (&[0.0][..], "[0]", "0"),
        (&[1.0, -1.0], "[1]", "-1"),
        (&[1e-12], "[0]", "0.000000000001"),
        (&[f64::NAN], "[0]", "NaN"),
        (&[1.0, f64::INFINITY], "[1]", "inf"),
        (&[4e7], "[0]", "40000000"),
        (&[1.0, 2.0, 2.0], "[2]", "2"),
        (&[2.0, 1.0], "[1]", "1"),
        // The same nanosecond.
        (&[1.0, 1.000_000_000_1], "[1]", "1.0000000001"),
        (&many, "[64]", "65"),
        (&[], "", "[]"),
    ] {
        for (stream, setting) in [(false, "metrics.buckets"), (true, "metrics.stream_buckets")] {
            let expected = (format!("{setting}{index}"), value.to_owned());
            assert_eq!(refused(edges, stream), expected);
        }
    }
}
