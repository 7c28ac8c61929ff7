//! Measures queries by events as sqlx sends them.

use std::time::Duration;

use tower_vitals::{Vitals, monitored, operations::sqlx_queries, query};
use tracing::{Level, Subscriber, event, subscriber::with_default};
use tracing_subscriber::{
    Layer,
    filter::LevelFilter,
    layer::{Context, SubscriberExt},
    registry,
};

use crate::{exposition::Exposition, sqlx_events::sent};

fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

/// Runs `work` under a subscriber with the layer alone, and reads what it counted.
fn counted(vitals: &Vitals, work: impl FnOnce()) -> Exposition {
    let layer = sqlx_queries().metrics(vitals.metrics()).layer();
    with_default(registry().with(layer), work);
    Exposition::of(vitals)
}

fn count(shown: &Exposition, labels: &[(&str, &str)]) -> f64 {
    shown.sum("db_query_duration_seconds_count", labels)
}

#[test]
fn each_query_of_sqlx_counts_once_by_operation_and_table() {
    let vitals = isolated();
    let shown = counted(&vitals, || {
        for _ in 0..3 {
            sent!(
                DEBUG,
                "SELECT id, name\n FROM public.Orders WHERE id = $1",
                0.25
            );
        }
        // Summary and statement are the same.
        sent!(DEBUG, "DELETE FROM orders", 0.5);
        sent!(DEBUG, "BEGIN", 0.0);
        sent!(
            WARN,
            "UPDATE orders SET note = 'from secret' WHERE id = 1",
            0.5
        );
        sent!(
            DEBUG,
            "SELECT 'secret' AS a, 1 FROM generate_series(1, 2)",
            0.0
        );
    });
    for (operation, table, n, seconds) in [
        ("SELECT", "orders", 3.0, 0.75),
        ("DELETE", "orders", 1.0, 0.5),
        ("BEGIN", "unknown", 1.0, 0.0),
        ("UPDATE", "orders", 1.0, 0.5),
        ("SELECT", "unknown", 1.0, 0.0),
    ] {
        let labels = [("operation", operation), ("table", table)];
        assert_eq!(count(&shown, &labels), n, "{labels:?}");
        assert_eq!(
            shown.sum("db_query_duration_seconds_sum", &labels),
            seconds,
            "{labels:?}"
        );
    }
    assert_eq!(count(&shown, &[]), 7.0);
    assert!(!vitals.render().contains("secret"));
}

#[test]
fn what_is_no_finished_query_of_the_application_is_not_counted() {
    let vitals = isolated();
    let shown = counted(&vitals, || {
        event!(target: "sqlx::query", Level::DEBUG, summary = "SELECT 1");
        event!(target: "sqlx::query", Level::DEBUG, elapsed_secs = 1.0);
        event!(target: "sqlx::pool", Level::DEBUG, summary = "SELECT 1", elapsed_secs = 1.0);
        for seconds in [-1.0, f64::NAN, f64::INFINITY] {
            sent!(DEBUG, "SELECT 1 FROM orders", seconds);
        }
        sent!(
            DEBUG,
            "/* tower-vitals */ SELECT pg_database_size(current_database())",
            0.1
        );
        sent!(TRACE, "SELECT 1 FROM orders", 0.1);
    });
    assert_eq!(count(&shown, &[]), 0.0);
}

#[test]
fn tables_beyond_the_cap_are_counted_together() {
    let vitals = isolated();
    let shown = counted(&vitals, || {
        for round in 0..2 {
            for n in 0..300 {
                sent!(DEBUG, &format!("SELECT {round} FROM capped_{n}"), 0.001);
            }
        }
    });
    assert_eq!(count(&shown, &[]), 600.0);
    assert_eq!(count(&shown, &[("table", "overflow")]), 88.0);
    assert_eq!(count(&shown, &[("table", "capped_255")]), 2.0);
    assert_eq!(
        shown
            .values("db_query_duration_seconds_count", "table")
            .len(),
        257
    );
}

/// Panics if it hears of an event.
struct Deaf;

impl<S: Subscriber> Layer<S> for Deaf {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        assert_ne!(event.metadata().target(), "sqlx::query");
    }
}

#[test]
fn slow_queries_are_counted_exactly_and_no_other_layer_hears_of_their_statements() {
    let vitals = isolated();
    let queries = sqlx_queries()
        .threshold(Duration::from_millis(1))
        .metrics(vitals.metrics());
    let subscriber = registry()
        .with(Deaf.with_filter(LevelFilter::INFO))
        .with(queries.layer())
        .with(Deaf.with_filter(LevelFilter::INFO));
    with_default(subscriber, || {
        // More than wait for their report.
        for _ in 0..2_000 {
            sent!(DEBUG, "SELECT 1 FROM orders WHERE a = 'secret'", 0.25);
        }
    });
    let shown = Exposition::of(&vitals);
    assert_eq!(count(&shown, &[("table", "orders")]), 2_000.0);
}

#[tokio::test]
async fn a_query_of_sqlx_within_a_measured_one_is_part_of_it() {
    let vitals = isolated();
    let subscriber = registry().with(sqlx_queries().metrics(vitals.metrics()).layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let measured = || query("SELECT", "orders").metrics(vitals.metrics());
    measured().time(|| sent!(DEBUG, "SELECT 1 FROM orders", 0.1));
    let two = async {
        sent!(DEBUG, "SELECT 1 FROM orders", 0.1);
        tokio::task::yield_now().await;
        sent!(DEBUG, "SELECT 1 FROM items", 0.1);
    };
    // Another branch of the task is not part of it.
    let other = async { sent!(DEBUG, "SELECT 1 FROM prices", 0.1) };
    tokio::join!(measured().run(two), other);
    // As sqlx does when its query is dropped.
    struct Sends;
    impl Drop for Sends {
        fn drop(&mut self) {
            sent!(DEBUG, "SELECT 1 FROM dropped", 0.1);
        }
    }
    let dropped = async {
        let _sends = Sends;
        std::future::pending::<()>().await;
    };
    {
        let mut dropped = Box::pin(measured().run(dropped));
        assert!(futures::poll!(&mut dropped).is_pending());
    }
    let panics = || measured().time(|| std::panic::resume_unwind(Box::new("as asked")));
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics)).unwrap_err();
    let outer = monitored("outer").metrics(vitals.metrics());
    outer.time(|| sent!(DEBUG, "SELECT 1 FROM users", 0.1));
    let shown = Exposition::of(&vitals);
    for (table, n) in [
        ("orders", 4.0),
        ("items", 0.0),
        ("dropped", 0.0),
        ("prices", 1.0),
        ("users", 1.0),
    ] {
        assert_eq!(count(&shown, &[("table", table)]), n, "{table}");
    }
}
