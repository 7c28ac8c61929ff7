//! Tells the same facts in both formats: the fields of spans, the id of the request, records of crate `log`.

use std::{
    convert::Infallible,
    error::Error,
    fmt, io,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, body::Bytes, extract::Request, routing::any};
use http_body_util::Full;
use hyper::Response;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt, service_fn};
use tower_vitals::logging::{self, Format};
use tracing::{Span, field::Empty, info_span};
use tracing_log::{format_trace, log};
use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt, registry};

use crate::support::{
    lines::{Written, lines, written},
    requests,
    stacks::isolated,
};

const BOTH: [Format; 2] = [Format::Json, Format::Text];

/// The part of a text line behind its timestamp.
fn untimed(written: &Written) -> String {
    let text = written.take();
    let (timestamp, rest) = text.split_once(' ').unwrap();
    assert!(timestamp.ends_with('Z'), "{text}");
    rest.trim_start().to_owned()
}

/// Each key of a line of JSON with its value. A parser would keep only one of two equal keys.
fn entries(text: &str) -> Vec<(String, Value)> {
    struct Entries;
    impl<'de> serde::de::Visitor<'de> for Entries {
        type Value = Vec<(String, Value)>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(entry) = map.next_entry()? {
                all.push(entry);
            }
            Ok(all)
        }
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    serde::Deserializer::deserialize_map(&mut parser, Entries).unwrap()
}

/// The entries behind timestamp, level and target.
fn told(written: &Written) -> Value {
    let entries = entries(&written.take());
    let keys: std::collections::BTreeSet<_> = entries.iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), entries.len(), "two keys are equal: {entries:?}");
    entries
        .into_iter()
        .skip(3)
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Runs `code` within a request whose id is `id-77`. The request's own line is not kept.
async fn in_a_request(written: &Written, code: impl Fn() + Clone) {
    let kept = Arc::<Mutex<String>>::default();
    let (keep, lines) = (Arc::clone(&kept), written.clone());
    let vitals = isolated();
    let service = vitals.layer().layer(service_fn(move |_: Request<()>| {
        lines.take();
        code();
        *keep.lock().unwrap() = lines.take();
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    }));
    let request = Request::builder().header("x-request-id", "id-77");
    let request = request.body(()).unwrap();
    drop(service.oneshot(request).await.unwrap());
    written.take();
    let lines = kept.lock().unwrap();
    io::Write::write_all(&mut written.clone(), lines.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_line_has_the_fields_of_its_spans_and_the_id_of_its_request() {
    for format in BOTH {
        let (written, _guard) = written(format);
        let pay = async || {
            let _http = info_span!("http", trace_id = "t-1").entered();
            info_span!("pay", order_id = "o-seventeen").in_scope(|| tracing::info!("charged"));
        };
        let app = Router::new()
            .route("/pay", any(pay))
            .layer(isolated().layer());
        let request = Request::get("/pay").header("x-request-id", "id-77");
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
        let text = written.take();
        let line = text.lines().find(|line| line.contains("charged")).unwrap();
        for told in [
            "order_id",
            "o-seventeen",
            "trace_id",
            "t-1",
            "request_id",
            "id-77",
        ] {
            assert_eq!(line.matches(told).count(), 1, "{told} in {line}");
        }
    }
}

#[test]
fn the_innermost_span_wins_and_the_event_wins_over_all() {
    let (written, _guard) = written(Format::Json);
    let _outer = info_span!("outer", a = 1, b = 1, c = 1, d = true).entered();
    let _inner =
        info_span!("inner", b = 2, c = 2, e = 0.5, f = -1, g = ?Some(1), h = "\"").entered();
    tracing::info!(c = 3, c = 4, "told");
    assert_eq!(
        told(&written),
        json!({
            "message": "told", "a": 1, "b": 2, "c": 3, "d": true, "e": 0.5, "f": -1, "g": "Some(1)", "h": "\"",
        })
    );
}

#[test]
fn a_field_that_an_event_leaves_empty_is_told_by_its_span() {
    let (written, _guard) = written(Format::Json);
    let _span = info_span!("pay", order_id = 17).entered();
    tracing::info!(order_id = None::<u64>, "told");
    assert_eq!(told(&written), json!({"message": "told", "order_id": 17}));
}

#[test]
fn fields_that_are_recorded_later_count() {
    for format in BOTH {
        let (written, _guard) = written(format);
        let span = info_span!("pay", order_id = Empty, state = "new");
        let _entered = span.clone().entered();
        tracing::info!("before");
        span.record("order_id", 17).record("state", "paid");
        tracing::info!("after");
        let text = written.take();
        let (before, after) = text.trim().split_once('\n').unwrap();
        assert!(
            before.contains("new") && !before.contains("order_id"),
            "{text}"
        );
        assert!(after.contains("paid") && !after.contains("new"), "{text}");
        assert!(after.contains("order_id") && after.contains("17"), "{text}");
    }
}

#[test]
fn the_parent_that_an_event_names_counts_and_not_the_current_span() {
    let parent = |written: &Written, event: &dyn Fn(&Span)| {
        let parent = info_span!("parent", a = 1);
        let _current = info_span!("current", a = 2).entered();
        event(&parent);
        written.take()
    };
    for format in BOTH {
        let (written, _guard) = written(format);
        let of_parent = parent(&written, &|parent| tracing::info!(parent: parent, "told"));
        let of_none = parent(&written, &|_| tracing::info!(parent: None, "told"));
        match format {
            Format::Json => {
                assert_eq!(entries(&of_parent)[4], ("a".into(), 1.into()));
                assert_eq!(entries(&of_none).len(), 4, "{of_none}");
            }
            _ => {
                assert!(of_parent.contains(" parent{a=1}: "), "{of_parent}");
                assert!(!of_parent.contains("current"), "{of_parent}");
                assert!(!of_none.contains('{'), "{of_none}");
            }
        }
    }
}

#[tokio::test]
async fn a_span_cannot_say_what_the_line_says_itself() {
    let (written, _guard) = written(Format::Json);
    in_a_request(&written, || {
        let _span = info_span!(
            "liar",
            timestamp = "t",
            level = "l",
            target = "x",
            message = "m",
            request_id = "r",
            release = "known",
        )
        .entered();
        tracing::info!(target: "mine", "told");
    })
    .await;
    let text = written.take();
    let line = entries(&text);
    assert_eq!(line[1], ("level".into(), "INFO".into()));
    assert_eq!(line[2], ("target".into(), "mine".into()));
    io::Write::write_all(&mut written.clone(), text.as_bytes()).unwrap();
    assert_eq!(
        told(&written),
        json!({
            "message": "told", "request_id": "id-77", "field_timestamp": "t", "field_level": "l", "field_target": "x",
            "field_message": "m", "field_request_id": "r", "release": "known",
        })
    );
}

#[tokio::test]
async fn a_request_id_is_told_once() {
    type Code = fn();
    let cases: [(Code, &str); 3] = [
        (|| tracing::info!("told"), "id-77"),
        (|| tracing::info!(request_id = "own", "told"), "own"),
        (
            || info_span!("http", request_id = %"id-77").in_scope(|| tracing::info!("told")),
            "id-77",
        ),
    ];
    for format in BOTH {
        for (code, id) in cases {
            let (written, _guard) = written(format);
            in_a_request(&written, code).await;
            let text = written.take();
            assert_eq!(text.matches("request_id").count(), 1, "{text}");
            assert_eq!(text.matches(id).count(), 1, "{text}");
        }
    }
}

#[tokio::test]
async fn text_is_laid_out_as_people_know_it() {
    let (written, _guard) = written(Format::Text);
    in_a_request(&written, || {
        let _http = info_span!("http").entered();
        let _pay = info_span!("pay", order_id = 17, to = "a b").entered();
        tracing::warn!(target: "shop", total = 9, ok = true, by = ?Some("x"), "charged {}", 2);
    })
    .await;
    assert_eq!(
        untimed(&written),
        "WARN http:pay{order_id=17 to=\"a b\"}: shop: charged 2 total=9 ok=true by=Some(\"x\") request_id=\"id-77\"\n"
    );
    tracing::info!(target: "shop", "alone");
    assert_eq!(untimed(&written), "INFO shop: alone\n");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let text = |colour| {
        let written = Written::default();
        let writer = written.clone();
        let layer = logging::layer(Format::Text, move || writer.clone(), colour);
        tracing::subscriber::with_default(registry().with(layer), || {
            let _span = info_span!("pay", order_id = 17).entered();
            tracing::info!(target: "shop", a = 1, "told");
        });
        let text = written.take();
        let (timestamp, rest) = text.split_once(' ').unwrap();
        assert_eq!(timestamp.starts_with("\u{1b}[2m"), colour, "{text:?}");
        rest.to_owned()
    };
    let mut coloured = text(true);
    assert!(
        coloured.contains("\u{1b}[32m INFO\u{1b}[0m"),
        "{coloured:?}"
    );
    while let Some(at) = coloured.find('\u{1b}') {
        let end = coloured[at..].find('m').unwrap();
        coloured.replace_range(at..=at + end, "");
    }
    assert_eq!(coloured, text(false));
}

#[test]
fn no_text_of_a_value_begins_a_line_or_commands_a_terminal() {
    let (written, _guard) = written(Format::Text);
    let hostile = "a\n2026-01-01 ERROR forged\u{1b}[31m\r\u{202e}\u{9b}b\tc";
    let _span = info_span!("pay", by = %hostile).entered();
    tracing::info!(shown = %hostile, error = &io::Error::other(hostile) as &(dyn Error + 'static), "{hostile}");
    let text = written.take();
    assert_eq!(text.matches('\n').count(), 1, "{text:?}");
    let line = text.trim_end_matches('\n');
    assert!(
        line.chars().all(|c| (' '..='~').contains(&c) || c == '\t'),
        "{line:?}"
    );
    assert_eq!(line.matches(r"a\n2026").count(), 4, "{line:?}");
}

#[derive(Debug)]
struct Failed(io::Error);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn both_formats_tell_the_causes_of_an_error() {
    let failed = Failed(io::Error::other("gone"));
    let error = &failed as &(dyn Error + 'static);
    let (json, guard) = written(Format::Json);
    info_span!("ask", before = error).in_scope(|| tracing::info!(error, "told"));
    assert_eq!(
        told(&json),
        json!({
            "message": "told", "error": "no answer", "error.sources": ["gone"],
            "before": "no answer", "before.sources": ["gone"],
        })
    );
    drop(guard);
    let (text, _guard) = written(Format::Text);
    tracing::info!(target: "shop", error, "told");
    assert_eq!(
        untimed(&text),
        "INFO shop: told error=no answer error.sources=[\"gone\"]\n"
    );
}

/// A value that fails while it is written.
struct Unwritable;

impl fmt::Debug for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of ")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_value_of_a_span_that_cannot_be_written_is_left_out() {
    for format in BOTH {
        let (written, _guard) = written(format);
        let span = info_span!("odd", bad = ?Unwritable, late = Empty, good = 1);
        span.record("late", tracing::field::debug(Unwritable));
        span.in_scope(|| tracing::info!(worse = ?Unwritable, "told"));
        let line = written.take();
        assert!(line.contains("good") && line.ends_with('\n'), "{line}");
        for gone in ["bad", "late", "worse", "half"] {
            assert!(!line.contains(gone), "{gone} in {line}");
        }
    }
}

fn record_of_log(target: &str, level: log::Level) {
    format_trace(
        &log::Record::builder()
            .args(format_args!("told by log"))
            .target(target)
            .level(level)
            .module_path(Some("a::module"))
            .file(Some("a/file.rs"))
            .line(Some(7))
            .build(),
    )
    .unwrap();
}

#[tokio::test]
async fn a_record_of_log_has_its_own_target_and_nothing_of_the_bridge() {
    let (json, guard) = written(Format::Json);
    in_a_request(&json, || {
        let _span = info_span!("pay", order_id = 17).entered();
        record_of_log("my::db", log::Level::Warn);
    })
    .await;
    let mut line = lines(&json).remove(0);
    line.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(
        line,
        json!({
            "level": "WARN", "target": "my::db", "message": "told by log", "request_id": "id-77", "order_id": 17,
        })
    );
    drop(guard);
    let (text, _guard) = written(Format::Text);
    record_of_log("my::db", log::Level::Warn);
    assert_eq!(untimed(&text), "WARN my::db: told by log\n");
    // A field of an event that only looks like the bridge's stays.
    tracing::info!(target: "shop", { log.file = "kept" }, "told");
    assert_eq!(untimed(&text), "INFO shop: told log.file=\"kept\"\n");
}

#[test]
fn a_record_of_log_is_filtered_by_its_own_target() {
    for format in BOTH {
        let written = Written::default();
        let writer = written.clone();
        let layer = logging::layer(format, move || writer.clone(), false);
        let filter = EnvFilter::new("warn,my::db=debug");
        let subscriber = registry().with(layer.with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            record_of_log("my::db", log::Level::Debug);
            record_of_log("my::db", log::Level::Trace);
            record_of_log("other", log::Level::Info);
            record_of_log("other", log::Level::Error);
        });
        let text = written.take();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("my::db") && text.contains("ERROR"), "{text}");
    }
}
