//! Sends requests through one axum application with more or less of the stack around it.

use std::io;

use axum::{Router, body::Body, extract::Path, http::Request, routing::get};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tower_vitals::{
    ErrorCategoryLayer, LogLayer, RequestIdLayer, TimingLayer, Vitals,
    logs::{self, Format},
    metrics::Settings,
};
use tracing_subscriber::layer::SubscriberExt;

/// What can stand around the application, from nothing to all of it.
pub const VARIANTS: [&str; 8] = [
    "bare",
    "request id",
    "timing",
    "category",
    "log, no subscriber",
    "full stack",
    "full stack, excluded path",
    "full stack, JSON log",
];

/// The headers of a browser.
const HEADERS: [(&str, &str); 12] = [
    ("host", "shop.example"),
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ),
    (
        "accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("connection", "keep-alive"),
    ("cookie", "session=0123456789abcdef"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "none"),
    ("priority", "u=0, i"),
];

/// The application with a variant around it.
pub struct Subject {
    app: Router,
    runtime: tokio::runtime::Runtime,
}

impl Subject {
    pub fn new(variant: &str) -> Self {
        let app = Router::new().route(
            "/hello/{id}",
            get(async |Path(_): Path<String>| "hello, world\n"),
        );
        let vitals = |builder: tower_vitals::vitals::VitalsBuilder| {
            builder.isolated().build().expect("good settings")
        };
        let metrics = || Settings::new().isolated().expect("good settings");
        let app = match variant {
            "bare" => app,
            "request id" => app.layer(RequestIdLayer::new()),
            "timing" => app.layer(TimingLayer::new().metrics(metrics())),
            "category" => app.layer(ErrorCategoryLayer::new().metrics(metrics())),
            "log, no subscriber" => app.layer(LogLayer::new()),
            "full stack" => app.layer(vitals(Vitals::builder()).layer()),
            "full stack, excluded path" => {
                app.layer(vitals(Vitals::builder().exclude(["/hello/"])).layer())
            }
            "full stack, JSON log" => {
                let subscriber =
                    tracing_subscriber::registry().with(logs::layer(Format::Json, io::sink, false));
                let _ = tracing::subscriber::set_global_default(subscriber);
                app.layer(vitals(Vitals::builder()).layer())
            }
            _ => panic!("no variant {variant:?}: {VARIANTS:?}"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        // As a server does once for each connection; without it, axum builds its layers anew for each request.
        let app = app.with_state(());
        Self { app, runtime }
    }

    /// Sends this many requests and reads each answer to its end.
    pub fn run(&self, requests: usize) {
        self.runtime.block_on(async {
            for _ in 0..requests {
                let mut request = Request::builder().uri("/hello/42");
                for (name, value) in HEADERS {
                    request = request.header(name, value);
                }
                let request = request.body(Body::empty()).expect("a request");
                let response = self.app.clone().oneshot(request).await.expect("an answer");
                response.into_body().collect().await.expect("a body");
            }
        });
    }
}
