//! Leaves a trace of each query of sqlx on its request, also if it was slow.

use std::{
    sync::{
        Mutex,
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, http::StatusCode, routing::get};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_vitals::{
    Vitals, operations::sqlx_queries, query, report::ReportPolicy, sentry::SentryOptions,
};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry,
};

use crate::{
    dsn::{Answer, Dsn},
    exposition::Exposition,
    programs::eventually,
    sqlx_events::sent,
};

const LONG: Duration = Duration::from_secs(20);

/// Holds the thread that tells of a slow query, until it may go on.
struct Holds {
    /// Gets the fields of each.
    came: Sender<Fields>,
    go_on: Mutex<Receiver<()>>,
}

#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, String)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| &**value)
    }
}

impl<S: Subscriber> Layer<S> for Holds {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().name() == "tower_vitals.slow" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let _ = self.came.send(fields);
            // A test that failed sends nothing.
            let _ = self.go_on.lock().unwrap().recv();
        }
    }
}

#[tokio::test]
async fn a_slow_query_is_counted_and_traced_at_once_and_claims_no_outcome() {
    let (came, all) = mpsc::channel();
    let (may_go_on, go_on) = mpsc::channel();
    let holds = Holds {
        came,
        go_on: Mutex::new(go_on),
    };
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap();
    let options = options.report_policy(ReportPolicy::new().without_slow());
    let options = options.transactions().sample_rate(1.0).unwrap();
    let vitals = Vitals::builder().isolated().sentry(options);
    let vitals = vitals.build().unwrap();
    let queries = sqlx_queries().metrics(vitals.metrics()).layer();
    let subscriber = registry().with(holds).with(queries);
    let _guard = tracing::subscriber::set_default(subscriber);
    sent!(DEBUG, "SELECT 1 FROM before", 2.0);
    let first = all.recv().unwrap();
    assert_eq!(first.get("table"), Some("\"before\""));
    assert_eq!(first.get("outcome"), None, "sqlx does not tell it");

    // The thread that tells of slow queries is busy now.
    let handler = async || {
        sent!(DEBUG, "SELECT 1 FROM orders", 2.0);
        sent!(DEBUG, "DELETE FROM orders", 0.5);
        StatusCode::INTERNAL_SERVER_ERROR
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let request = Request::builder().uri("/").header("x-request-id", "id-1");
    let request = request.body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 500);
    vitals.flush(LONG);
    let shown = Exposition::of(&vitals);
    assert_eq!(shown.sum("db_query_duration_seconds_count", &[]), 3.0);
    let [event] = &dsn.events()[..] else {
        panic!("one failure")
    };
    let crumbs = event["breadcrumbs"]["values"].as_array().unwrap();
    let crumbs: Vec<_> = crumbs
        .iter()
        .filter(|crumb| crumb["category"] == "query")
        .map(|crumb| (crumb["level"].clone(), crumb["data"].clone()))
        .collect();
    let crumb = |operation: &str, millis: f64| {
        let data = json!({ "operation": operation, "table": "orders", "duration_ms": millis });
        (Value::Null, data)
    };
    assert_eq!(crumbs, [crumb("SELECT", 2_000.0), crumb("DELETE", 500.0)]);
    let spans = &dsn.items("transaction")[0]["spans"];
    let spans: Vec<_> = spans.as_array().unwrap().iter().collect();
    let words = spans.iter().map(|span| span["description"].clone());
    let words: Vec<_> = words.collect();
    assert_eq!(words, ["SELECT orders", "DELETE orders"]);
    assert!(spans.iter().all(|span| span["status"].is_null()));

    // What is told later names the request.
    may_go_on.send(()).unwrap();
    let second = all.recv().unwrap();
    assert_eq!(second.get("request_id"), Some("\"id-1\""));
    may_go_on.send(()).unwrap();
    let warning = eventually("the warning has arrived", || {
        vitals.flush(LONG);
        let events = dsn.events().into_iter();
        events
            .map(|event| event["tags"].clone())
            .find(|tags| tags["table"] == "orders")
    });
    assert_eq!(warning["request_id"], "id-1");
    assert_eq!(warning["outcome"], Value::Null);
}

#[tokio::test]
async fn queries_that_nobody_judged_have_no_share_of_errors() {
    let vitals = Vitals::builder().isolated().build().unwrap();
    let queries = sqlx_queries().metrics(vitals.metrics()).layer();
    let _guard = tracing::subscriber::set_default(registry().with(queries));
    for _ in 0..3 {
        sent!(DEBUG, "SELECT 1 FROM orders", 0.25);
        sent!(DEBUG, "SELECT 1 FROM users", 0.25);
    }
    let judged = || query("SELECT", "users").metrics(vitals.metrics());
    judged().time(|| ());
    judged().try_time(|| Err::<(), _>("as asked")).unwrap_err();
    let lately = vitals.statistics().over(LONG).unwrap();
    let orders = &lately.query("SELECT", "orders").unwrap().work;
    assert_eq!(orders.calls, 3);
    assert_eq!((orders.errors, orders.error_rate), (0, None));
    assert!(orders.outcomes.values().all(|calls| *calls == 0));
    assert_eq!(orders.mean_ms, Some(250.0));
    let users = &lately.query("SELECT", "users").unwrap().work;
    // One in two of those that were judged.
    assert_eq!((users.calls, users.errors), (5, 1));
    assert_eq!(users.error_rate, Some(0.5));
    let shown = Exposition::of(&vitals);
    assert_eq!(shown.sum("db_query_duration_seconds_count", &[]), 8.0);
}
