//! Shows a failure as a step from 0, which `increase()` sees.

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use tower_vitals::Vitals;

use crate::support::{exposition::Exposition, forms, server::Server, stacks::isolated};

/// The values of the two series of a route, if they are there.
fn failures(scrape: &Exposition, method: &str, route: &str) -> [Option<f64>; 2] {
    let labels: [&[_]; 2] = [
        &[("method", method), ("endpoint", route), ("status", "500")],
        &[("category", "server_error"), ("endpoint", route)],
    ];
    let names = ["http_requests_total", "errors_total"].into_iter();
    let mut found = names.zip(labels).map(|(name, labels)| {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let sample = (name.to_owned(), labels.collect());
        scrape.samples.get(&sample).copied()
    });
    [found.next().unwrap(), found.next().unwrap()]
}

/// The same in both texts.
async fn in_both(vitals: &Vitals, method: &str, route: &str) -> [Option<f64>; 2] {
    let server = Server::start(vitals.routes()).await;
    let [text, openmetrics] = forms::both(&mut server.http1()).await;
    let found = failures(&text, method, route);
    assert_eq!(found, failures(&openmetrics, method, route));
    found
}

#[tokio::test]
async fn the_first_failure_of_a_route_is_a_step_from_zero() {
    let vitals = isolated();
    let broken = get(async || StatusCode::INTERNAL_SERVER_ERROR);
    let app = Router::new()
        .route("/sound", get(async || "sound").post(async || "made"))
        .route("/broken", broken)
        .route("/unused", post(async || ()));
    let server = Server::start(app.layer(vitals.layer())).await;
    let mut client = server.http1();
    // Nothing is there for a route that nobody asked for.
    assert_eq!(in_both(&vitals, "GET", "/sound").await, [None, None]);
    client.text("/sound").await;
    assert_eq!(
        in_both(&vitals, "GET", "/sound").await,
        [Some(0.0), Some(0.0)]
    );
    // Neither for another method, nor for a route that is only known to the router.
    assert_eq!(in_both(&vitals, "POST", "/sound").await, [None, Some(0.0)]);
    assert_eq!(in_both(&vitals, "POST", "/unused").await, [None, None]);
    // What matches no route counts as one.
    client.text("/nothing").await;
    assert_eq!(
        in_both(&vitals, "GET", "unmatched").await,
        [Some(0.0), Some(0.0)]
    );

    for failures in 1..=3 {
        client.text("/broken").await;
        let failures = Some(f64::from(failures));
        assert_eq!(
            in_both(&vitals, "GET", "/broken").await,
            [failures, failures]
        );
    }
    assert_eq!(
        in_both(&vitals, "GET", "/sound").await,
        [Some(0.0), Some(0.0)]
    );
    // A zero is no request and no failure.
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("http_requests_total", &[]), 5.0);
    let shown = scrape.values("http_requests_total", "status");
    assert_eq!(Vec::from_iter(shown), ["200", "404", "500"]);
}

#[tokio::test]
async fn a_zero_of_a_route_becomes_its_first_failure() {
    let vitals = isolated();
    let app = Router::new().route(
        "/turns/{status}",
        get(
            async |axum::extract::Path(status): axum::extract::Path<u16>| {
                StatusCode::from_u16(status).unwrap()
            },
        ),
    );
    let server = Server::start(app.layer(vitals.layer())).await;
    let mut client = server.http2();
    let mut seen = Vec::new();
    for status in [200, 404, 503, 500, 500] {
        client.text(&format!("/turns/{status}")).await;
        seen.push(
            in_both(&vitals, "GET", "/turns/{status}")
                .await
                .map(Option::unwrap),
        );
    }
    // 503 is no 500, and is a failure of the server.
    let expected = [[0.0, 0.0], [0.0, 0.0], [0.0, 1.0], [1.0, 2.0], [2.0, 3.0]];
    assert_eq!(seen, expected);
}
