//! Bounds what an error costs.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::StatusCode,
    response::Response,
    routing::get,
};
use http_body_util::{BodyExt, Full};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_vitals::{ErrorCategoryLayer, Failure, logging::Format, metrics::Settings};

use super::category_of;
use crate::support::{
    lines::{lines, written},
    stacks::isolated,
};

/// Counts how often its text is formatted.
#[derive(Debug)]
struct Read(Arc<AtomicUsize>);

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        f.write_str("read")
    }
}

impl Error for Read {}

#[tokio::test]
async fn an_error_is_formatted_where_words_are_looked_for_and_no_log_is_written() {
    let layer = ErrorCategoryLayer::new().metrics(Settings::new().isolated().unwrap());
    for (status, times) in [
        (StatusCode::CONFLICT, 0),
        (StatusCode::INTERNAL_SERVER_ERROR, 1),
    ] {
        let reads = Arc::new(AtomicUsize::new(0));
        let cause = Arc::clone(&reads);
        let app = Router::new()
            .route(
                "/",
                get(async move || Failure::new(Read(Arc::clone(&cause))).answer(status)),
            )
            .layer(layer.clone());
        app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(reads.load(Ordering::Relaxed), times, "{status}");
    }
}

/// An error with hostile code.
#[derive(Clone, Debug)]
enum Hostile {
    /// Leaked, because dropping ten thousand nested boxes would overflow the stack.
    Deep(Option<&'static Self>),
    Looping,
    Huge,
    PanickingText,
    PanickingSource,
    Secret,
}

impl fmt::Display for Hostile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static FORMATTED: AtomicUsize = AtomicUsize::new(0);
        match self {
            // 50 MB in small pieces. It must not be asked for more pieces than are kept.
            Self::Huge => (0..50_000_000).try_for_each(|_| {
                assert!(FORMATTED.fetch_add(1, Ordering::Relaxed) < 100_000);
                f.write_str("x")
            }),
            Self::PanickingText => std::panic::resume_unwind(Box::new(())),
            Self::Secret => f.write_str("a\n\u{1b}[31m\u{202e}\u{9b}b\\"),
            _ => f.write_str("deep"),
        }
    }
}

impl Error for Hostile {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Deep(below) => below.map(|below| below as _),
            Self::Looping => Some(self),
            Self::PanickingSource => std::panic::resume_unwind(Box::new(())),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_hostile_error_costs_a_bounded_text_and_never_the_response() {
    let deep = (0..10_000).fold(Hostile::Deep(None), |deep, _| {
        Hostile::Deep(Some(Box::leak(Box::new(deep))))
    });
    for (error, failures) in [
        (&deep, 0),
        (&Hostile::Looping, 0),
        (&Hostile::Huge, 0),
        (&Hostile::Secret, 0),
        (&Hostile::PanickingText, 1),
        (&Hostile::PanickingSource, 3),
    ] {
        let vitals = isolated();
        let (written, _guard) = written(Format::Json);
        let answer = error.clone();
        let app = Router::new()
            .route("/", get(async move || Failure::from(answer.clone())))
            .layer(vitals.layer());
        let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        response.into_body().collect().await.unwrap();
        assert_eq!(
            category_of(&vitals, "/").as_deref(),
            Some("server_error"),
            "{failures}"
        );
        assert_eq!(vitals.metrics().totals().hook_failures, failures);
        let [line] = &lines(&written)[..] else {
            panic!("not one line: {error:?}")
        };
        // The limit, and the ellipsis of a text that was cut.
        let cause = line["cause"].as_str().unwrap_or_default();
        assert!(
            cause.len() <= 1_024 + '\u{2026}'.len_utf8(),
            "{}",
            cause.len()
        );
        let printable = |c: char| c == '\u{2026}' || (' '..='~').contains(&c);
        assert!(cause.chars().all(printable), "{cause:?}");
    }
}

#[tokio::test]
async fn an_errors_text_is_never_a_label() {
    let vitals = isolated();
    let layer = ErrorCategoryLayer::new().metrics(vitals.metrics().clone());
    let bytes = allocation_counter::measure(|| {
        for n in 0..10_000 {
            let service = layer.layer(service_fn(move |_: Request<()>| async move {
                Err::<Response<Full<Bytes>>, BoxError>(format!("lost order {n}").into())
            }));
            let _ = futures::executor::block_on(service.oneshot(Request::new(())));
        }
    });
    let text = vitals.render();
    let errors: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("errors_total{") && !line.ends_with(" 0"))
        .collect();
    assert_eq!(
        errors,
        [r#"errors_total{category="server_error",endpoint="unmatched"} 10000"#]
    );
    assert!(!text.contains("lost order"), "{text}");
    assert!(
        bytes.bytes_current < 16_384,
        "{} bytes for one series",
        bytes.bytes_current
    );
}

#[tokio::test]
async fn a_success_allocates_nothing_for_its_category() {
    let inner = || {
        service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        })
    };
    let vitals = isolated();
    let without = tower_vitals::TimingLayer::new()
        .metrics(vitals.metrics().clone())
        .layer(inner());
    let with = ErrorCategoryLayer::new()
        .metrics(vitals.metrics().clone())
        .layer(without.clone());
    let count = |run: &dyn Fn()| {
        run();
        allocation_counter::measure(run).count_total
    };
    let without =
        count(&|| _ = futures::executor::block_on(without.clone().oneshot(Request::new(()))));
    let with = count(&|| _ = futures::executor::block_on(with.clone().oneshot(Request::new(()))));
    assert_eq!(with, without);
}
