//! Writes one line for each request, whatever the request, the subscriber or the thread does.

use std::{
    convert::Infallible,
    fmt, io,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    routing::any,
};
use http_body_util::Full;
use hyper::Response;
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{
    LogLayer, RequestIdLayer, TimingLayer, Vitals,
    exclude::Patterns,
    logs::Format,
    metrics::{Metrics, Settings},
    timing::SeverityBands,
};
use tracing::{
    Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    layer::{Context, SubscriberExt},
    registry,
};

use crate::support::{
    lines::{lines, written},
    requests,
    stacks::isolated,
};

#[tokio::test(start_paused = true)]
async fn one_event_a_request_with_its_facts_at_top_level() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    let app = Router::new()
        .route(
            "/users/{id}",
            any(async || {
                tracing::info!(order = 7, "while it runs");
                tokio::time::sleep(Duration::from_millis(550)).await;
                "a user"
            }),
        )
        .route("/fail", any(async || StatusCode::INTERNAL_SERVER_ERROR))
        .layer(vitals.layer());
    for path in ["/users/7?token=secret", "/fail", "/nothing"] {
        let request = Request::builder()
            .uri(path)
            .header("x-request-id", "id-7")
            .body(Body::empty())
            .unwrap();
        requests::send(&app, request).await;
    }
    let lines = lines(&written);
    assert_eq!(lines.len(), 4, "{lines:#?}");
    // Whatever is logged while a request runs carries its id.
    assert_eq!(
        (&lines[0]["message"], &lines[0]["request_id"]),
        (&"while it runs".into(), &"id-7".into())
    );
    let user = &lines[1];
    for (field, value) in [
        ("level", Value::from("WARN")),
        ("target", "tower_vitals".into()),
        ("message", "request".into()),
        ("request_id", "id-7".into()),
        ("method", "GET".into()),
        ("path", "/users/7".into()),
        ("endpoint", "/users/{id}".into()),
        ("status", 200.into()),
        ("outcome", "completed".into()),
        ("severity", "warning".into()),
        ("head_ms", 550.0.into()),
        ("total_ms", 550.0.into()),
        ("bytes", 6.into()),
    ] {
        assert_eq!(user[field], value, "{field}");
    }
    let timestamp = user["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    assert_eq!(
        (&lines[2]["level"], &lines[2]["severity"]),
        (&"ERROR".into(), &"critical".into())
    );
    assert_eq!(
        (&lines[3]["level"], &lines[3]["endpoint"]),
        (&"INFO".into(), &"unmatched".into())
    );
}

#[test]
fn values_of_every_kind_are_written_as_what_they_are() {
    let (written, _guard) = written(Format::Json);
    tracing::info!(
        text = "a \"b\"",
        signed = -7,
        unsigned = u64::MAX,
        fraction = 0.5,
        yes = true,
        debug = ?Some(1),
        level = "mine",
        r#type = "raw",
        error = &io::Error::other("gone") as &(dyn std::error::Error + 'static),
        "with \n {}",
        "everything"
    );
    let line = &lines(&written)[0];
    let expected = serde_json::json!({
        "text": "a \"b\"", "signed": -7, "unsigned": u64::MAX, "fraction": 0.5, "yes": true, "debug": "Some(1)",
        "field_level": "mine", "type": "raw", "error": "gone", "message": "with \n everything", "level": "INFO",
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&line[field], value, "{field}");
    }
}

/// Cannot be written.
struct Unwritable;

impl fmt::Debug for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of ")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_value_that_cannot_be_written_leaves_the_line_whole() {
    let (written, _guard) = written(Format::Json);
    tracing::info!(before = 1, bad = ?Unwritable, nan = f64::NAN, "a \"key\"" = 'c'.len_utf8(), wide = i128::MAX);
    let text = written.take();
    assert!(text.starts_with(r#"{"timestamp":""#), "{text}");
    let (_, fields) = text.split_once(r#""before""#).unwrap();
    assert_eq!(
        fields,
        ":1,\"nan\":null,\"a \\\"key\\\"\":1,\"wide\":\"170141183460469231731687303715884105727\"}\n"
    );
}

#[tokio::test]
async fn one_event_is_one_line_whatever_a_client_sends() {
    let hostile = [
        "/\u{9b}31m",
        "/\u{202e}x",
        "/\u{200b}",
        "/\"}",
        "/\\n",
        "/<script>",
        "/${jndi:ldap://x}",
        "/%0a%0d%1b[31m",
        "/; DROP TABLE",
        "/\u{7f}\u{80}\u{9f}",
    ];
    for format in [Format::Json, Format::Text] {
        let vitals = isolated();
        let (written, _guard) = written(format);
        let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
        for path in hostile {
            // As hyper reads it from the wire: bytes that a checked `Uri` takes.
            let uri = hyper::Uri::from_maybe_shared(Bytes::copy_from_slice(path.as_bytes()));
            let Ok(uri) = uri else { continue };
            let mut request = Request::new(());
            request.headers_mut().insert(
                "x-request-id",
                hyper::header::HeaderValue::from_bytes(b"\x9b31m\tx").unwrap(),
            );
            *request.uri_mut() = uri;
            service.clone().oneshot(request).await.unwrap();
            let text = written.take();
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            let line = text.trim_end_matches('\n');
            assert!(line.chars().all(|c| (' '..='~').contains(&c)), "{line:?}");
            if format == Format::Json {
                serde_json::from_str::<Value>(line).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn an_excluded_request_has_an_event_only_where_it_failed() {
    let vitals = Vitals::builder()
        .isolated()
        .exclude(["/health/"])
        .build()
        .unwrap();
    let (written, _guard) = written(Format::Json);
    let service = vitals
        .layer()
        .layer(service_fn(|request: Request<()>| async move {
            if request.uri() == "/health/error" {
                return Err("broken");
            }
            Ok(Response::new(Full::<Bytes>::default()))
        }));
    for path in ["/health/fine", "/health/error"] {
        let request = Request::builder().uri(path).body(()).unwrap();
        let _ = service.clone().oneshot(request).await;
    }
    let lines = lines(&written);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    for (field, value) in [
        ("level", "ERROR"),
        ("path", "/health/error"),
        ("outcome", "error"),
    ] {
        assert_eq!(lines[0][field], value, "{field}");
    }
}

#[tokio::test]
async fn a_calls_status_and_a_wrong_length_are_in_the_event() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    for (header, value, grpc_status, mismatch) in [
        ("grpc-status", "5", 5.into(), Value::Null),
        ("content-length", "3", Value::Null, true.into()),
        ("content-length", "5", Value::Null, Value::Null),
    ] {
        let kind = match header {
            "grpc-status" => "application/grpc",
            _ => "text/plain",
        };
        let service = vitals
            .layer()
            .layer(service_fn(move |_: Request<()>| async move {
                let response = Response::builder()
                    .header(header, value)
                    .header("content-type", kind);
                Ok::<_, Infallible>(response.body(Full::<Bytes>::from("hello")).unwrap())
            }));
        let request = Request::builder()
            .header("content-type", kind)
            .body(())
            .unwrap();
        requests::send(&service, request).await;
        let line = &lines(&written)[0];
        assert_eq!(
            (&line["grpc_status"], &line["length_mismatch"]),
            (&grpc_status, &mismatch)
        );
    }
}

#[tokio::test]
async fn an_event_with_an_id_of_its_own_has_no_second_one() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        tracing::info!(request_id = "own", "while it runs");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    service.oneshot(Request::new(())).await.unwrap();
    // As text: a parser takes two keys of one name for one.
    let text = written.take();
    let line = text.lines().next().unwrap();
    assert!(line.contains(r#""request_id":"own""#), "{line}");
    assert_eq!(line.matches("request_id").count(), 1, "{line}");
}

#[test]
fn a_stack_says_what_it_leaves_alone_and_how_much_memory_it_can_take() {
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder()
        .isolated()
        .exclude(["/livez", "/static/"])
        .build()
        .unwrap();
    let line = &lines(&written)[0];
    assert_eq!(line["excluded"], "/livez,/static/");
    assert_eq!(line["memory_bound"], vitals.metrics().memory_bound());
}

/// Refuses values that were formatted, where they could hold what a client wrote.
struct Typed;

impl Visit for Typed {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        assert_eq!(field.name(), "message", "{value:?}");
        assert_eq!(format!("{value:?}"), "request");
    }
    fn record_str(&mut self, _: &Field, _: &str) {}
    fn record_u64(&mut self, _: &Field, _: u64) {}
    fn record_f64(&mut self, _: &Field, _: f64) {}
    fn record_bool(&mut self, _: &Field, _: bool) {}
}

/// Runs a closure on each event.
struct OnEvent<F>(F);

impl<S: Subscriber, F: Fn(&tracing::Event<'_>) + 'static> tracing_subscriber::Layer<S>
    for OnEvent<F>
{
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        (self.0)(event);
    }
}

fn once(metrics: &Metrics) -> impl AsyncFn() {
    let layer = (
        RequestIdLayer::new(),
        LogLayer::new().metrics(metrics.clone()),
    );
    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    async move || _ = service.clone().oneshot(Request::new(())).await.unwrap()
}

#[tokio::test]
async fn what_a_client_wrote_is_recorded_as_text_and_never_formatted() {
    let metrics = Settings::new().isolated().unwrap();
    let subscriber = registry().with(OnEvent(|event: &tracing::Event<'_>| {
        event.record(&mut Typed)
    }));
    let _guard = tracing::subscriber::set_default(subscriber);
    once(&metrics)().await;
    assert_eq!(metrics.totals().dropped_log, 0);
}

#[tokio::test]
async fn a_subscriber_that_panics_costs_the_event_and_is_counted() {
    let metrics = Settings::new().isolated().unwrap();
    let subscriber = registry().with(OnEvent(|_: &tracing::Event<'_>| {
        panic::resume_unwind(Box::new(()))
    }));
    let guard = tracing::subscriber::set_default(subscriber);
    for n in 1..=3 {
        once(&metrics)().await;
        assert_eq!(metrics.totals().dropped_log, n);
    }
    drop(guard);
    once(&metrics)().await;
    assert_eq!(metrics.totals().dropped_log, 3, "written again");
}

#[tokio::test]
async fn a_hook_that_panics_while_the_handlers_panic_unwinds_does_not_abort() {
    use futures::FutureExt;
    let vitals = Vitals::builder()
        .isolated()
        .request_id(RequestIdLayer::new().make_with(|| panic::resume_unwind(Box::new(()))))
        .build()
        .unwrap();
    let subscriber = registry().with(OnEvent(|_: &tracing::Event<'_>| {
        panic::panic_any("as asked")
    }));
    let _guard = tracing::subscriber::set_default(subscriber);
    let service = vitals.layer().layer(service_fn(|_: Request<()>| async {
        if true {
            panic::resume_unwind(Box::new("the handler's"));
        }
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    for n in 1..=3 {
        let payload = AssertUnwindSafe(service.clone().oneshot(Request::new(())))
            .catch_unwind()
            .await
            .err()
            .unwrap();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the handler's"));
        let totals = vitals.metrics().totals();
        assert_eq!(
            (totals.panicked, totals.hook_failures, totals.dropped_log),
            (n, n, n)
        );
    }
}

#[tokio::test]
async fn a_subscriber_that_sends_requests_through_the_stack_does_not_recurse() {
    let metrics = Settings::new().isolated().unwrap();
    let inner = metrics.clone();
    let events = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&events);
    let subscriber = registry().with(OnEvent(move |_: &tracing::Event<'_>| {
        *counted.lock().unwrap() += 1;
        tracing::warn!("from within");
        futures::executor::block_on(once(&inner)());
    }));
    // `block_on` within an executor of its own kind panics, and tokio's is another.
    let _guard = tracing::subscriber::set_default(subscriber);
    once(&metrics)().await;
    assert_eq!(
        *events.lock().unwrap(),
        1,
        "tracing drops events from within an event"
    );
    assert_eq!(metrics.totals().dropped_log, 1, "the inner request's");
}

#[test]
fn futures_and_bodies_may_outlive_the_runtime_and_their_thread() {
    thread_local! {
        static LAST: std::cell::RefCell<Vec<Box<dyn std::any::Any>>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let vitals = isolated();
    let stack = vitals.clone();
    std::thread::spawn(move || {
        // Made first, so that it is destroyed after what the stack itself keeps on this thread.
        LAST.with(|last| last.borrow_mut().clear());
        let service = stack
            .layer()
            .layer(service_fn(|request: Request<()>| async move {
                if request.uri() == "/hang" {
                    std::future::pending::<()>().await;
                }
                Ok::<_, Infallible>(Response::new(Body::from_stream(
                    futures::stream::pending::<Result<Bytes, Infallible>>(),
                )))
            }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let hanging = |n: usize| {
            let request = Request::builder().uri("/hang").body(()).unwrap();
            let mut hanging = Box::pin(service.clone().oneshot(request));
            let polled = runtime.block_on(async { futures::poll!(&mut hanging).is_pending() });
            assert!(polled, "{n}");
            hanging
        };
        // On a plain thread, with the runtime still there and a thousand in flight.
        let running: Vec<_> = (0..1_000).map(hanging).collect();
        std::thread::spawn(move || drop(running)).join().unwrap();
        // When the runtime ends.
        let request = Request::builder().uri("/hang").body(()).unwrap();
        runtime.spawn(service.clone().oneshot(request));
        let body = runtime
            .block_on(service.clone().oneshot(Request::new(())))
            .unwrap();
        let late = hanging(0);
        drop(runtime);
        // From the destructor of a thread-local.
        LAST.with(|last| {
            last.borrow_mut()
                .extend([Box::new(body) as Box<dyn std::any::Any>, Box::new(late)])
        });
    })
    .join()
    .unwrap();
    let totals = vitals.metrics().totals();
    assert_eq!((totals.in_flight, totals.aborted), (0, 1));
    // The spawned one may never have been polled, and so never have begun.
    assert_eq!(totals.cancelled, totals.started - 1);
    assert!(totals.started >= 1_002);
    // Of the two that outlived their thread's loggers.
    assert_eq!(totals.dropped_log, 2);
}

#[test]
fn a_level_that_is_off_costs_no_formatting_and_is_no_loss() {
    let metrics = Settings::new().isolated().unwrap();
    let subscriber = registry()
        .with(OnEvent(|event: &tracing::Event<'_>| {
            assert_ne!(*event.metadata().level(), Level::INFO)
        }))
        .with(tracing_subscriber::filter::LevelFilter::ERROR);
    let _guard = tracing::subscriber::set_default(subscriber);
    futures::executor::block_on(once(&metrics)());
    assert_eq!(metrics.totals().dropped_log, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_an_answer_is_told_of_once_while_it_runs() {
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    written.take();
    let app = Router::new()
        .route(
            "/report/{n}",
            any(async || tokio::time::sleep(Duration::from_secs(60)).await),
        )
        .route("/quick", any(async || ()))
        .route(
            "/events",
            any(
                async || Body::from_stream(futures::stream::pending::<Result<Bytes, Infallible>>()),
            ),
        )
        .layer(vitals.layer());
    let send = |path: &str| {
        let request = Request::builder()
            .uri(path)
            .header("x-request-id", "slow-7");
        app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    let stream = send("/events").await.unwrap();
    send("/quick").await.unwrap();
    written.take();
    // Dropped before its critical band: nobody is told.
    let hasty = tokio::time::timeout(Duration::from_millis(1_500), send("/report/1"));
    hasty.await.unwrap_err();
    written.take();
    send("/report/7").await.unwrap();
    let lines = lines(&written);
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "still running")
        .collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    for (field, value) in [
        ("level", "WARN"),
        ("request_id", "slow-7"),
        ("endpoint", "/report/{n}"),
        ("path", "/report/7"),
        ("method", "GET"),
    ] {
        assert_eq!(told[0][field], value, "{field}");
    }
    let age = told[0]["age_ms"].as_f64().unwrap();
    assert!((2_000.0..=3_000.0).contains(&age), "{age}");
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn a_route_is_stuck_by_its_own_layers_bands() {
    let seconds = Duration::from_secs;
    let patient = SeverityBands::new(seconds(10), seconds(20), seconds(30)).unwrap();
    let (written, _guard) = written(Format::Json);
    let vitals = Vitals::builder().isolated().log_stuck().build().unwrap();
    written.take();
    let pause = async || tokio::time::sleep(Duration::from_secs(25)).await;
    let app = Router::new()
        .route("/", any(pause).layer(TimingLayer::new().bands(patient)))
        .layer(vitals.layer());
    app.oneshot(Request::new(Body::empty())).await.unwrap();
    assert_eq!(lines(&written).len(), 1, "the request's own");
}

#[test]
fn watching_for_stuck_requests_needs_a_runtime_with_a_clock() {
    let watching = || Vitals::builder().isolated().log_stuck().build();
    let error = watching().unwrap_err();
    assert_eq!((error.field(), error.value()), ("log_stuck", "on"));
    let timeless = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let error = timeless.block_on(async { watching().unwrap_err() });
    assert!(error.to_string().contains("time driver"), "{error}");
}

#[tokio::test]
async fn what_the_handler_said_and_why_it_failed_is_in_the_event() {
    let vitals = isolated();
    let (written, _guard) = written(Format::Json);
    let app = Router::new()
        .route(
            "/",
            any(async |context: tower_vitals::RequestContext| {
                context
                    .user("u-17")
                    .tenant("acme\n\u{202e}")
                    .tag("plan", "gold")
                    .tag("plan", "silver");
                for n in 0..100 {
                    context.tag(format!("t{n}"), "x".repeat(1_000));
                }
                tower_vitals::Failure::new(io::Error::other("disk\nfull"))
            }),
        )
        .layer(vitals.layer());
    requests::send(&app, Request::new(Body::empty())).await;
    let line = &lines(&written)[0];
    assert_eq!(
        (&line["user"], &line["tenant"]),
        (&"u-17".into(), &r"acme\n\u{202e}".into())
    );
    assert_eq!(
        (&line["category"], &line["cause"]),
        (&"server_error".into(), &r"disk\nfull".into())
    );
    let tags = line["tags"].as_str().unwrap();
    assert!(tags.starts_with("plan=silver t0=xxx"), "{tags}");
    assert_eq!(tags.split(' ').count(), 32);
    assert!(tags.len() < 32 * 220, "{}", tags.len());
}

#[tokio::test]
async fn what_a_layer_further_in_leaves_alone_the_handler_can_still_speak_of() {
    let metrics = isolated().metrics().clone();
    let (written, _guard) = written(Format::Json);
    let inner = TimingLayer::new()
        .metrics(metrics)
        .exclude(Patterns::new(["/x"]).unwrap());
    let handler = any(async |context: tower_vitals::RequestContext| {
        context.user("u-17");
    });
    let app = Router::new()
        .route("/x", handler)
        .layer(inner)
        .layer(LogLayer::new());
    let request = requests::get("/x");
    requests::send(&app, request).await;
    assert_eq!(lines(&written)[0]["user"], "u-17");
}
