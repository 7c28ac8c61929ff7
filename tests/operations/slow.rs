//! Writes one event for each call that was slow, with the request that it was for.

use std::{
    fmt,
    future::{self, Future},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, routing::get};
use serde_json::Value;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower_vitals::{
    AccessLogLayer, RequestIdLayer, logging::Format, metrics::Sink, monitored, query,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::counted::{calls, expected, isolated};
use crate::lines::{lines, written};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// The values of these keys of a line.
fn texts<const N: usize>(line: &Value, keys: [&str; N]) -> [Value; N] {
    keys.map(|key| line[key].clone())
}

#[tokio::test(start_paused = true)]
async fn a_call_above_its_threshold_is_one_warning_however_it_ends() {
    let (written, _guard) = written(Format::Json);
    let metrics = isolated();
    let of = |name| monitored(name).metrics(&metrics);
    of("at the default").run(sleep(SECOND)).await;
    of("above it").run(sleep(SECOND + MS)).await;
    let own = of("at its own").threshold(20 * MS);
    own.clone().run(sleep(20 * MS)).await;
    let cancelled = own.run(future::pending::<()>());
    timeout(21 * MS, cancelled).await.unwrap_err();
    of("never")
        .threshold(Duration::MAX)
        .run(sleep(9 * SECOND))
        .await;
    let slow = query("select", "orders").metrics(&metrics);
    slow.threshold(MS).run(sleep(2 * MS)).await;

    let keys = [
        "level",
        "target",
        "message",
        "name",
        "operation",
        "table",
        "outcome",
        "duration_ms",
        "threshold_ms",
        "request_id",
    ];
    let all: Vec<_> = lines(&written)
        .iter()
        .map(|line| texts(line, keys))
        .collect();
    let (no, target) = (Value::Null, Value::from("tower_vitals"));
    let warning = |message: &str| [Value::from("WARN"), target.clone(), Value::from(message)];
    let of_function = |name: &str, outcome: &str, millis: f64, threshold: f64| {
        let [level, target, message] = warning("slow operation");
        [
            level,
            target,
            message,
            name.into(),
            no.clone(),
            no.clone(),
            outcome.into(),
            millis.into(),
            threshold.into(),
            no.clone(),
        ]
    };
    let [level, target, message] = warning("slow query");
    let of_query = [
        level,
        target,
        message,
        no.clone(),
        "SELECT".into(),
        "orders".into(),
        "success".into(),
        2.0.into(),
        1.0.into(),
        no.clone(),
    ];
    assert_eq!(
        all,
        [
            of_function("above it", "success", 1_001.0, 1_000.0),
            of_function("at its own", "cancelled", 21.0, 20.0),
            of_query,
        ]
    );
}

async fn asked(id: &str, handler: impl Future<Output = ()> + Clone + Send + Sync + 'static) {
    let app: Router = Router::new()
        .route("/", get(async move || handler.await))
        .layer(AccessLogLayer::new())
        .layer(RequestIdLayer::new());
    let request = Request::builder().uri("/").header("x-request-id", id);
    app.oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_names_its_own_request_once() {
    let (written, _guard) = written(Format::Json);
    let metrics = isolated();
    let slow = {
        let metrics = metrics.clone();
        move |name| {
            let call = monitored(name).metrics(&metrics).threshold(MS);
            futures::FutureExt::shared(async move { call.run(sleep(2 * MS)).await })
        }
    };
    tokio::join!(asked("id-1", slow("one")), asked("id-2", slow("two")));
    let text = written.take();
    let mut slow: Vec<_> = text
        .lines()
        .filter(|line| line.contains("slow operation"))
        .collect();
    // Which branch comes first is random.
    slow.sort_by_key(|line| !line.contains("id-1"));
    let ids: Vec<_> = slow
        .iter()
        .map(|line| {
            let fields: Value = serde_json::from_str(line).unwrap();
            texts(&fields, ["name", "request_id"])
        })
        .collect();
    assert_eq!(ids, [["one", "id-1"], ["two", "id-2"]]);
    for line in slow {
        assert_eq!(line.matches(r#""request_id""#).count(), 1, "{line}");
    }
}

/// Keeps the fields of warnings, as a subscriber that knows nothing of requests; and panics if it is told to.
#[derive(Clone, Default)]
struct Foreign {
    fields: Arc<Mutex<Vec<String>>>,
    panics: bool,
}

struct Fields<'a>(&'a mut Vec<String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push(format!("{field}={value:?}"));
    }
}

impl Subscriber for Foreign {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Fields(&mut self.fields.lock().unwrap()));
        if self.panics {
            std::panic::resume_unwind(Box::new("as asked"));
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test(start_paused = true)]
async fn any_subscriber_gets_the_id_of_the_request() {
    let foreign = Foreign::default();
    let _guard = tracing::subscriber::set_default(foreign.clone());
    let metrics = isolated();
    let call = monitored("one").metrics(&metrics).threshold(MS);
    let call = async move { call.run(sleep(2 * MS)).await };
    asked("id-1", futures::FutureExt::shared(call)).await;
    let fields = foreign.fields.lock().unwrap();
    let expected = [
        "message=slow operation",
        "request_id=\"id-1\"",
        "name=\"one\"",
        "outcome=\"success\"",
        "duration_ms=2.0",
        "threshold_ms=1.0",
    ];
    assert_eq!(*fields, expected);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_costs_a_counter() {
    let foreign = Foreign {
        panics: true,
        ..Foreign::default()
    };
    let _guard = tracing::subscriber::set_default(foreign);
    let metrics = isolated();
    let call = monitored("one").metrics(&metrics).threshold(MS);
    assert_eq!(
        call.run(async {
            sleep(2 * MS).await;
            7
        })
        .await,
        7
    );
    assert_eq!(metrics.totals().dropped(Sink::Log), 1);
    assert_eq!(calls(&metrics), expected(&[("one", "success", 1)]));
}
