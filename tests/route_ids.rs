//! Gives the requests of a route the ids that the route's own layer says, within the ready-made stack.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;
#[path = "it/support/lines.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod lines;

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::Response,
    routing::{MethodRouter, get},
};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_http::{request_id::RequestId, trace::TraceLayer};
use tower_vitals::{
    RequestIdLayer, Vitals, exchange::Exchange, logging::Format, request_id, sentry::SentryOptions,
};
use tracing_subscriber::{filter::LevelFilter, fmt, layer::SubscriberExt, registry};

use crate::{
    dsn::{Answer, Dsn},
    lines::{Written, written},
};

const HEADER: &str = "x-request-id";
const OWN: &str = "x-correlation-id";

/// Another id than that of the client and those of makers.
const NEW: Option<&str> = None;

fn plain() -> RequestIdLayer {
    RequestIdLayer::new()
}

fn own() -> RequestIdLayer {
    plain().header(OWN).unwrap()
}

fn trusts() -> RequestIdLayer {
    plain().trust_inbound(true)
}

fn distrusts() -> RequestIdLayer {
    plain().trust_inbound(false)
}

fn makes(id: &'static str) -> RequestIdLayer {
    plain().make_with(move || id.to_owned())
}

fn stack(layer: RequestIdLayer) -> Vitals {
    let builder = Vitals::builder().isolated();
    builder.request_id(layer).build().unwrap()
}

/// Answers with the id of the exchange, and checks that it is the only one.
fn handler() -> MethodRouter {
    get(async |request: Request| {
        tracing::info!("in the handler");
        let id = Exchange::current().unwrap().id().unwrap().to_owned();
        let mut outbound = HeaderMap::new();
        request_id::forward(&mut outbound);
        assert_eq!(outbound[HEADER], id);
        if let Some(told) = request.extensions().get::<RequestId>() {
            assert_eq!(told.header_value(), &id);
        }
        let carried = request.headers();
        let all: Vec<_> = carried.get_all(HEADER).iter().collect();
        assert_eq!(all, [&id]);
        let own = carried.get(OWN).cloned();
        (
            [("seen-own", own.unwrap_or(HeaderValue::from_static("")))],
            id,
        )
    })
}

/// One route with its own layer, within the stack.
fn app(vitals: &Vitals, of_route: RequestIdLayer) -> Router {
    Router::new()
        .route("/", handler().layer(of_route))
        .layer(vitals.layer())
}

async fn ask(app: &Router, headers: &[(&str, &str)]) -> (HeaderMap, String) {
    let mut request = Request::builder();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1_000).await.unwrap();
    (head.headers, String::from_utf8(body.into()).unwrap())
}

/// The id of a request that came with `theirs`.
async fn id_of(app: &Router) -> String {
    let (headers, id) = ask(app, &[(HEADER, "theirs")]).await;
    assert_eq!(headers[HEADER], id);
    id
}

/// The lines of a request. Another test can have met a place of them first, where nobody listens, and `tracing` can keep that
/// answer: so all places are met before.
async fn told(app: &Router, written: &Written) -> String {
    id_of(app).await;
    tracing::callsite::rebuild_interest_cache();
    written.take();
    id_of(app).await;
    written.take()
}

fn is_uuid_v7(id: &str) -> bool {
    uuid::Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7)
}

fn is(id: &str, expected: Option<&str>) -> bool {
    expected.map_or_else(|| is_uuid_v7(id), |expected| id == expected)
}

#[tokio::test]
async fn trust_header_and_maker_of_a_route_decide_about_its_id() {
    let theirs = (HEADER, "theirs");
    let other = (OWN, "other");
    for (line, (outer, of_route, headers, expected)) in [
        // Without a setting of the route, the stack decides.
        (plain(), plain(), &[theirs][..], Some("theirs")),
        (distrusts(), plain(), &[theirs], NEW),
        (distrusts(), own(), &[theirs, other], NEW),
        (plain(), own(), &[theirs, other], Some("theirs")),
        (makes("outer"), own(), &[other], Some("outer")),
        // Its trust.
        (plain(), distrusts(), &[theirs], NEW),
        (makes("outer"), distrusts(), &[theirs], Some("outer")),
        (distrusts(), trusts(), &[theirs], Some("theirs")),
        (distrusts(), trusts(), &[], NEW),
        (distrusts(), trusts(), &[theirs, theirs], NEW),
        (distrusts(), trusts(), &[(HEADER, "not valid")], NEW),
        // Its maker.
        (plain(), makes("route"), &[], Some("route")),
        (makes("outer"), makes("route"), &[], Some("route")),
        (plain(), makes("route"), &[theirs], Some("theirs")),
        (distrusts(), makes("route"), &[theirs], Some("route")),
        (
            plain(),
            makes("route").trust_inbound(false),
            &[theirs],
            Some("route"),
        ),
        (
            distrusts(),
            makes("route").trust_inbound(true),
            &[theirs],
            Some("theirs"),
        ),
        // Its header, with trust.
        (
            plain(),
            own().trust_inbound(true),
            &[theirs, other],
            Some("other"),
        ),
        (
            plain(),
            own().trust_inbound(true),
            &[theirs],
            Some("theirs"),
        ),
        (
            distrusts(),
            own().trust_inbound(true),
            &[theirs, other],
            Some("other"),
        ),
        (distrusts(), own().trust_inbound(true), &[theirs], NEW),
        (
            distrusts(),
            own().trust_inbound(true),
            &[(OWN, "${jndi:x}")],
            NEW,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let carries_own = format!("{of_route:?}").contains(OWN);
        for extension in [false, true] {
            let vitals = stack(outer.clone().tower_http_extension(extension));
            let app = app(&vitals, of_route.clone());
            let (carried, id) = ask(&app, headers).await;
            assert!(is(&id, expected), "{id}, case {line}");
            let all = |name| carried.get_all(name).iter().collect::<Vec<_>>();
            assert_eq!(all(HEADER), [&id], "case {line}");
            if carries_own {
                assert_eq!(carried["seen-own"], id, "case {line}");
                assert_eq!(all(OWN), [&id], "case {line}");
            }
            assert_eq!(vitals.metrics().totals().hook_failures, 0);
        }
    }
}

#[tokio::test]
async fn a_route_finds_the_header_of_the_stack() {
    let vitals = stack(own().trust_inbound(false));
    for (of_route, expected) in [(trusts(), Some("other")), (makes("route"), Some("route"))] {
        let seen = get(async |request: Request| {
            let id = Exchange::current().unwrap().id().unwrap().to_owned();
            assert_eq!(request.headers()[OWN], id);
            // What the stack does not read stays the client's.
            assert_eq!(request.headers()[HEADER], "theirs");
            id
        });
        let app = Router::new()
            .route("/", seen.layer(of_route))
            .layer(vitals.layer());
        let (headers, id) = ask(&app, &[(OWN, "other"), (HEADER, "theirs")]).await;
        assert!(is(&id, expected), "{id}");
        assert_eq!(headers[OWN], id);
    }
}

#[tokio::test]
async fn lines_and_the_event_have_the_id_of_the_route() {
    for builder in [Vitals::builder(), Vitals::builder().span()] {
        let vitals = builder.isolated().build().unwrap();
        let app = app(&vitals, makes("route").trust_inbound(false));
        let (written, _guard) = written(Format::Json);
        assert_eq!(id_of(&app).await, "route");
        let text = told(&app, &written).await;
        for message in ["in the handler", "request"] {
            let message = format!(r#""message":"{message}""#);
            let line = text.lines().find(|line| line.contains(&message)).unwrap();
            assert_eq!(line.matches("request_id").count(), 1, "{line}");
            assert!(line.contains(r#""request_id":"route""#), "{line}");
        }
    }
}

#[tokio::test]
async fn our_span_shows_the_id_of_the_route_and_no_other_does() {
    let written = Written::default();
    let writer = written.clone();
    let lines = fmt::layer()
        .with_ansi(false)
        .with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(registry().with(lines).with(LevelFilter::INFO));
    let in_handler = |text: String| {
        let line = text.lines().find(|line| line.contains("in the handler"));
        line.unwrap().to_owned()
    };
    let builder = Vitals::builder().isolated().span();
    let vitals = builder.build().unwrap();
    let app_with_span = app(&vitals, makes("route").trust_inbound(false));
    let line = in_handler(told(&app_with_span, &written).await);
    assert!(line.contains(r#"request_id="route""#), "{line}");
    // The application has a span with a field of the same name.
    let spanned = TraceLayer::new_for_http()
        .make_span_with(|_: &Request| tracing::info_span!("request", request_id = "mine"));
    let app = app(&stack(plain()), makes("route").trust_inbound(false)).layer(spanned);
    let line = in_handler(told(&app, &written).await);
    assert!(line.contains(r#"request_id="mine""#), "{line}");
    assert!(!line.contains(r#""route""#), "{line}");
}

#[tokio::test]
async fn sentry_has_the_id_of_the_route() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let builder = Vitals::builder().isolated().sentry(options);
    let vitals = builder.build().unwrap();
    let fails = get(async || StatusCode::INTERNAL_SERVER_ERROR);
    let app: Router = Router::new()
        .route("/", fails.layer(makes("route").trust_inbound(false)))
        .layer(vitals.layer());
    let request = Request::builder().header(HEADER, "theirs");
    let request = request.body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[HEADER], "route");
    axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap();
    assert_eq!(vitals.flush(Duration::from_secs(30)), 0);
    assert_eq!(dsn.event()["tags"]["request_id"], "route");
}

#[tokio::test]
async fn of_nested_layers_for_ids_the_innermost_decides() {
    let strict = || makes("middle").trust_inbound(false);
    for (middle, inner, expected) in [
        (distrusts(), trusts(), Some("theirs")),
        (distrusts(), makes("inner"), Some("inner")),
        (strict(), distrusts(), Some("middle")),
        (strict(), plain(), Some("middle")),
        (strict(), makes("inner"), Some("inner")),
        (trusts(), distrusts(), NEW),
    ] {
        let routes = Router::new().route("/", handler().layer(inner));
        let app = routes.layer(middle).layer(stack(plain()).layer());
        let id = id_of(&app).await;
        assert!(is(&id, expected), "{id}");
    }
}

/// Sends each request twice.
#[derive(Clone)]
struct Twice<S>(S);

impl<S> Service<Request> for Twice<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>,
    S: Clone + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self(inner) = self.clone();
        let (parts, _) = request.into_parts();
        let again = || Request::from_parts(parts.clone(), Body::empty());
        let [first, second] = [again(), again()];
        Box::pin(async move {
            inner.clone().oneshot(first).await?;
            inner.oneshot(second).await
        })
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_keeps_the_id_of_its_route() {
    let ids = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&ids);
    let service = service_fn(move |request: Request| {
        let id = request.headers()[HEADER].to_str().unwrap().to_owned();
        noted.lock().unwrap().push(id);
        ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    let of_route = distrusts().layer(service);
    let of_route = of_route.map_response(|response| response.map(Body::new));
    let service = stack(plain()).layer().layer(Twice(of_route));
    let request = Request::builder().header(HEADER, "theirs");
    let request = request.body(Body::empty()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    let id = response.headers()[HEADER].to_str().unwrap();
    assert!(is_uuid_v7(id));
    assert_eq!(*ids.lock().unwrap(), [id, id]);
}

#[tokio::test]
async fn a_stack_that_stands_twice_makes_one_id() {
    let count = AtomicU32::new(0);
    let layer = plain().make_with(move || {
        let before = count.fetch_add(1, Ordering::Relaxed);
        format!("made-{before}")
    });
    let vitals = stack(layer);
    let inner = Router::new().route("/", handler()).layer(vitals.layer());
    let app = inner.layer(vitals.layer());
    for n in 0..2 {
        assert_eq!(ask(&app, &[]).await.1, format!("made-{n}"));
    }
}

#[tokio::test]
async fn a_maker_of_a_route_that_fails_is_counted_in_the_stack() {
    for (maker, failures) in [("fine", 0), ("not valid", 1)] {
        let vitals = stack(plain());
        let (_, id) = ask(&app(&vitals, makes(maker)), &[]).await;
        assert_eq!(is_uuid_v7(&id), failures == 1);
        assert_eq!(vitals.metrics().totals().hook_failures, failures);
    }
    let vitals = stack(plain());
    let panics = plain().make_with(|| std::panic::resume_unwind(Box::new(())));
    let (_, id) = ask(&app(&vitals, panics), &[]).await;
    assert!(is_uuid_v7(&id));
    assert_eq!(vitals.metrics().totals().hook_failures, 1);
}
