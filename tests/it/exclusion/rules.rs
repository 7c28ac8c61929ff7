//! Excludes by method and header, and lets no client hide a failure so.

use axum::{
    Router,
    http::{HeaderValue, Method, StatusCode, header::USER_AGENT},
    routing::any,
};
use http_body_util::BodyExt;
use hyper::Response;
use tower::util::MapResponseLayer;
use tower_vitals::{
    RequestIdLayer, TimingLayer, Vitals,
    exclude::{ExcludeLayer, Patterns, Rule, Rules},
};

use crate::support::{client::Client, server::Server, waiting::settled};

fn rules() -> [Rule; 4] {
    let jpeg = Rule::header("Accept", "image/jpeg");
    [
        Rule::method(Method::OPTIONS),
        Rule::header_prefix("User-Agent", "kube-probe/"),
        Rule::path("/static/").and(Rule::method(Method::GET)),
        Rule::path("/pictures/*")
            .and(jpeg)
            .and(Rule::method(Method::GET)),
    ]
}

type Headers = &'static [(&'static str, &'static str)];

/// Method, path, headers, and whether [`rules`] match.
const REQUESTS: [(&str, &str, Headers, bool); 16] = [
    ("OPTIONS", "/a", &[], true),
    ("OPTIONS", "/static/../a", &[], true),
    ("GET", "/a", &[], false),
    ("GET", "/static/app.css?a=1", &[], true),
    ("GET", "/STATIC/app.css", &[], false),
    ("GET", "/static/../a", &[], false),
    ("POST", "/static/app.css", &[], false),
    ("POST", "/a", &[("user-agent", "kube-probe/1.31")], true),
    ("POST", "/a", &[("user-agent", "kube-probe/")], true),
    ("POST", "/a", &[("user-agent", "Kube-Probe/1.31")], false),
    (
        "POST",
        "/a",
        &[("user-agent", "curl kube-probe/1.31")],
        false,
    ),
    // A header that comes twice says nothing.
    (
        "POST",
        "/a",
        &[
            ("user-agent", "kube-probe/1"),
            ("user-agent", "kube-probe/1"),
        ],
        false,
    ),
    ("GET", "/pictures/7", &[("accept", "image/jpeg")], true),
    (
        "GET",
        "/pictures/7",
        &[("accept", "image/jpeg, */*")],
        false,
    ),
    ("PUT", "/pictures/7", &[("accept", "image/jpeg")], false),
    ("GET", "/pictures/7", &[], false),
];

fn application() -> Router {
    Router::new().fallback(any(async || "a"))
}

/// Sends all requests over both protocols, and compares whether `excluded` holds for the answer.
async fn ask(app: Router, excluded: impl Fn(&Response<hyper::body::Incoming>) -> bool) {
    let server = Server::start(app).await;
    for (mut client, protocol) in [(server.http1(), "HTTP/1"), (server.http2(), "HTTP/2")] {
        for (method, path, headers, expected) in REQUESTS {
            let response = send(&mut client, method, path, headers).await;
            let case = format!("{protocol} {method} {path} {headers:?}");
            assert_eq!(excluded(&response), expected, "{case}");
            response.into_body().collect().await.unwrap();
        }
    }
}

async fn send(
    client: &mut Client,
    method: &str,
    path: &str,
    headers: Headers,
) -> Response<hyper::body::Incoming> {
    let mut request = client.request(method, path);
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        request.headers_mut().append(*name, value);
    }
    client.send(request).await.unwrap()
}

#[tokio::test]
async fn rules_exclude_by_method_and_header_over_both_protocols() {
    let vitals = Vitals::builder()
        .isolated()
        .exclude(["/ping"])
        .exclude_rules(rules())
        .build()
        .unwrap();
    let app = application().layer(vitals.layer());
    let no_id = |response: &Response<_>| !response.headers().contains_key("x-request-id");
    ask(app, no_id).await;
    let matching = REQUESTS.iter().filter(|(.., excluded)| *excluded).count() as u64;
    let all = REQUESTS.len() as u64;
    let totals = settled(&vitals, |totals| {
        totals.excluded == 2 * matching && totals.in_flight == 0
    })
    .await;
    assert_eq!(totals.started, 2 * (all - matching));
    assert_eq!(vitals.unused_patterns(), ["/ping"]);
}

#[tokio::test]
async fn each_layer_takes_rules_and_covers_the_layers_further_in() {
    let metrics = Vitals::builder().isolated().build().unwrap();
    let outer = TimingLayer::new()
        .metrics(metrics.metrics().clone())
        .exclude_rules(Rules::new(rules()).unwrap());
    let inner = RequestIdLayer::new().metrics(metrics.metrics().clone());
    let no_id = |response: &Response<_>| !response.headers().contains_key("x-request-id");
    ask(application().layer(inner.clone()).layer(outer), no_id).await;
    // A layer further in that has rules joins the exchange of one that has none.
    let outer = TimingLayer::new().metrics(metrics.metrics().clone());
    let inner = inner.exclude_rules(Rules::new(rules()).unwrap());
    ask(application().layer(inner).layer(outer), no_id).await;
}

#[tokio::test]
async fn rules_lead_around_a_layer_of_another_crate() {
    let marking = MapResponseLayer::new(|mut response: Response<axum::body::Body>| {
        let yes = HeaderValue::from_static("yes");
        response.headers_mut().insert("x-seen", yes);
        response
    });
    let layer = ExcludeLayer::new(marking, Patterns::default());
    let layer = layer.exclude_rules(Rules::new(rules()).unwrap());
    let unseen = |response: &Response<_>| !response.headers().contains_key("x-seen");
    ask(application().layer(layer), unseen).await;
}

#[tokio::test]
async fn a_client_that_calls_itself_a_probe_hides_no_failure() {
    let vitals = Vitals::builder()
        .isolated()
        .exclude_rules([Rule::header_prefix(USER_AGENT.as_str(), "kube-probe/")])
        .build()
        .unwrap();
    let app = Router::new()
        .fallback(any(async || StatusCode::SERVICE_UNAVAILABLE))
        .layer(vitals.layer());
    let server = Server::start(app).await;
    let probe = &[("user-agent", "kube-probe/1.31")];
    for mut client in [server.http1(), server.http2()] {
        let response = send(&mut client, "GET", "/a", probe).await;
        response.into_body().collect().await.unwrap();
    }
    let totals = settled(&vitals, |totals| totals.excluded == 2).await;
    assert_eq!((totals.started, totals.excluded_errors), (0, 2));
}

#[test]
fn a_bad_rule_fails_at_build_with_its_index() {
    let bad = [Rule::method(Method::GET), Rule::path("static/")];
    let error = Vitals::builder().isolated().exclude_rules(bad).build();
    let error = error.unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("exclude_rules[1]", "static/")
    );
}
