//! Fails in every way, with secrets in every place.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode},
    response::IntoResponse,
    routing::get,
};
use sentry::protocol::{Attachment, Breadcrumb, Context, Level, User, Value as SentryValue};
use serde_json::json;
use tokio::time;
use tower_http::catch_panic::CatchPanicLayer;
use tower_vitals::{Failure, RequestContext, Vitals};

fn request(path: &str) -> Request {
    let request = Request::builder().uri(path).header("host", "shop.test");
    request.body(Body::empty()).unwrap()
}

/// Captures everything that an application can capture, with secrets in each place.
async fn says_everything(context: RequestContext) -> &'static str {
    const SECRET: &str =
        "Bearer abcdef0123456789, password=hunter2, jane@example.org, 4111 1111 1111 1111";
    context
        .user("jane@example.org")
        .tenant("t-1")
        .tag(
            "köy with spaces, and longer than Sentry would like it",
            "ä".repeat(300),
        )
        .tag("empty", "");
    let secrets = || BTreeMap::from([("password", SECRET), ("note", SECRET)]);
    let values = || {
        secrets()
            .into_iter()
            .map(|(name, text)| (name.to_owned(), SentryValue::from(text)))
    };
    sentry::add_breadcrumb(Breadcrumb {
        ty: "http".into(),
        category: Some("request".into()),
        message: Some(SECRET.into()),
        data: values()
            .chain([("status_code".into(), 200.into())])
            .collect(),
        ..Breadcrumb::default()
    });
    sentry::configure_scope(|scope| {
        scope.set_user(Some(User {
            id: Some("jane@example.org".into()),
            email: Some("jane@example.org".into()),
            ip_address: Some("192.0.2.1".parse().unwrap()),
            username: Some("jane".into()),
            ..User::default()
        }));
        for (name, text) in values() {
            scope.set_extra(&name, text);
        }
        scope.set_extra("card", 4_111_111_111_111_111_u64.into());
        scope.set_extra(
            "session",
            json!({"token": 17, "parts": [1, true, null, SECRET]}),
        );
        scope.set_context("shop", Context::Other(values().collect()));
        scope.set_tag("customer", SECRET);
        scope.add_attachment(Attachment {
            buffer: SECRET.into(),
            filename: "jane@example.org.txt".into(),
            ..Attachment::default()
        });
    });
    sentry::capture_message(SECRET, Level::Info);
    sentry::capture_error(&std::io::Error::other(SECRET));
    "captured\n"
}

/// An application with a route for each kind of failure.
pub(crate) fn troubled(vitals: &Vitals) -> Router {
    let after = |seconds| async move || time::sleep(Duration::from_secs(seconds)).await;
    let grpc = [
        ("content-type", "application/grpc"),
        ("grpc-status", "13"),
        ("grpc-message", "jane@example.org"),
    ];
    let breaks = || {
        Body::from_stream(futures::stream::iter([
            Ok("x"),
            Err(std::io::Error::other("password=hunter2")),
        ]))
    };
    Router::new()
        .route("/said", get(says_everything))
        .route(
            "/cause",
            get(async || -> Result<(), Failure> {
                Err("postgres://shop:hunter2@db/shop said no to jane@example.org")?
            }),
        )
        .route("/down", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/breaks", get(async move || breaks().into_response()))
        .route(
            "/panic",
            get(async || -> () { panic!("no order of jane@example.org") }),
        )
        .route("/slow", get(after(3)))
        .route("/slower", get(after(6)))
        .route("/stuck", get(after(30)))
        .route("/shop.v1.Orders/Get", get(async move || grpc))
        .layer(CatchPanicLayer::new())
        .layer(vitals.layer())
}

/// A request for each kind of failure, and for each place where a client can put text.
pub(crate) fn every_request() -> Vec<Request> {
    let mut requests: Vec<_> = [
        "/said?token=hunter2",
        "/cause",
        "/down",
        "/breaks",
        "/panic",
        "/slow",
        "/slower",
        "/stuck",
        "/missing?email=jane@example.org",
    ]
    .map(request)
    .into();
    let mut grpc = request("/shop.v1.Orders/Get");
    grpc.headers_mut()
        .insert("content-type", HeaderValue::from_static("application/grpc"));
    requests.push(grpc);
    for host in [
        "",
        "jane:hunter2@shop.test",
        "[shop",
        "a b",
        "shop.test/../x?token=hunter2",
        "\u{e4}.test",
    ] {
        let mut request = request("/down");
        let headers = request.headers_mut();
        for (name, value) in [
            ("host", host),
            ("user-agent", host),
            ("content-type", "text/plain; token=hunter2"),
            (
                "sentry-trace",
                "09e04486820349518ac7b5d2adbf6ba5-9cf635fa5b870b3a-1",
            ),
            ("baggage", "sentry-release=hunter2,email=jane@example.org"),
            ("authorization", "Bearer abcdef0123456789"),
        ] {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        requests.push(request);
    }
    requests
}
