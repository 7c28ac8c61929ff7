//! Measures the queries of a real SQLite through the log of a whole process. SQLite works on threads of its own, which have the
//! subscriber of the process only.

use std::{
    env,
    process::{Command, Output},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use sqlx::{Executor, Row, SqlitePool, sqlite::SqlitePoolOptions};
use tower_vitals::{Vitals, logging, operations::sqlx_queries};
use tracing::{
    Event, Level, Metadata, Subscriber, enabled, info,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::layer::SubscriberExt;

use crate::exposition::Exposition;

/// Counts how often a subscriber is asked whether it wants something.
struct Asked<S>(S);

static ASKED: AtomicU64 = AtomicU64::new(0);

impl<S: Subscriber> Subscriber for Asked<S> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.register_callsite(metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        ASKED.fetch_add(1, Relaxed);
        self.0.enabled(metadata)
    }

    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        self.0.max_level_hint()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.0.new_span(attributes)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.0.record(id, values);
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        self.0.record_follows_from(id, follows);
    }

    fn event_enabled(&self, event: &Event<'_>) -> bool {
        self.0.event_enabled(event)
    }

    fn event(&self, event: &Event<'_>) {
        self.0.event(event);
    }

    fn enter(&self, id: &Id) {
        self.0.enter(id);
    }

    fn exit(&self, id: &Id) {
        self.0.exit(id);
    }
}

/// Runs one of the programs below as a process with these variables.
fn run(program: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "--nocapture"])
        .arg(format!("sqlx_programs::{program}"))
        .env_remove("RUST_LOG")
        .env("LOG_FORMAT", "json")
        .envs(variables.iter().copied());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr),
    );
    assert!(status.success(), "{out}\n{err}");
    out.into_owned()
}

async fn shop() -> SqlitePool {
    // A database in memory belongs to its connection.
    let options = SqlitePoolOptions::new().max_connections(1);
    options.connect("sqlite::memory:").await.unwrap()
}

/// Works with a shop, and returns how many lines were written.
async fn work(db: &SqlitePool) {
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
        .await
        .unwrap();
    for n in 0..5 {
        let insert = sqlx::query("INSERT INTO orders (id, note) VALUES (?, 's3cret from users')");
        insert.bind(n).execute(db).await.unwrap();
    }
    let all = sqlx::query("SELECT id, note FROM orders WHERE note <> 'from s3cret'");
    assert_eq!(all.fetch_all(db).await.unwrap().len(), 5);
    let first = sqlx::query("SELECT note FROM orders LIMIT 1");
    let row = first.fetch_one(db).await.unwrap();
    assert_eq!(row.get::<String, _>(0), "s3cret from users");
    // A failing one has its event, too.
    let twice = sqlx::query("INSERT INTO orders (id, note) VALUES (1, 'again')");
    twice.execute(db).await.unwrap_err();
    let mut transaction = db.begin().await.unwrap();
    let update = sqlx::query("UPDATE orders SET note = 's3cret' WHERE id = 1");
    update.execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

#[tokio::test]
#[ignore = "a program, which a test runs"]
async fn logs_and_queries() {
    logging::init().unwrap();
    let vitals = Vitals::builder().build().unwrap();
    let db = shop().await;
    work(&db).await;
    db.close().await;
    info!("work is done");
    println!(
        "other debug events: {}",
        enabled!(target: "application", Level::DEBUG)
    );
    println!("level of crate log: {}", log::max_level());
    vitals.flush(std::time::Duration::from_secs(5));
    println!("\nMETRICS\n{}", vitals.render());
}

fn counts(out: &str) -> Vec<(String, String, f64)> {
    let metrics = out.split("\nMETRICS\n").nth(1).unwrap();
    let metrics = metrics.split("\ntest ").next().unwrap();
    let metrics = metrics.split("test sqlx_programs").next().unwrap();
    let shown = Exposition::parse(metrics).unwrap();
    let counts = shown.samples.iter();
    let counts = counts.filter(|((name, _), _)| name == "db_query_duration_seconds_count");
    counts
        .map(|((_, labels), n)| (labels["operation"].clone(), labels["table"].clone(), *n))
        .collect()
}

#[test]
fn queries_of_sqlite_count_without_a_line_of_code_and_without_a_line_in_the_log() {
    let expected = [
        ("CREATE", "orders", 1.0),
        ("INSERT", "orders", 6.0),
        ("SELECT", "orders", 2.0),
        ("UPDATE", "orders", 1.0),
        // `PRAGMA`, with which sqlx itself begins each connection.
        ("other", "unknown", 1.0),
    ]
    .map(|(operation, table, n)| (operation.to_owned(), table.to_owned(), n));
    for variables in [
        &[][..],
        &[("LOG_LEVEL", "off")],
        &[("RUST_LOG", "warn,sqlx=off")],
    ] {
        let out = run("logs_and_queries", variables);
        assert_eq!(counts(&out), expected, "{variables:?}");
        assert!(
            !out.contains("s3cret") && !out.contains("sqlx::query"),
            "{out}"
        );
        assert!(out.contains("other debug events: false"), "{out}");
        if variables.is_empty() {
            assert!(
                out.contains("work is done") && out.contains("level of crate log: INFO"),
                "{out}"
            );
        }
    }
    let out = run(
        "logs_and_queries",
        &[("RUST_LOG", "info,sqlx::query=debug")],
    );
    assert_eq!(counts(&out), expected);
    let lines = out.lines().filter(|line| line.contains("\"sqlx::query\""));
    assert_eq!(lines.count(), 11, "lines are written where they are wanted");
}

#[test]
#[ignore = "a program, which a test runs"]
fn logs_and_asks() {
    let subscriber = tracing_subscriber::registry().with(logging::from_env().unwrap());
    tracing::subscriber::set_global_default(Asked(subscriber)).unwrap();
    for n in 0..100 {
        info!(n, "a line");
        tracing::debug!(n, "no line");
    }
    println!("asked {} times", ASKED.load(Relaxed));
}

#[test]
fn what_is_logged_is_asked_for_no_more_often_than_without_queries() {
    let out = run("logs_and_asks", &[]);
    assert!(out.contains("asked 0 times"), "{out}");
}

/// It has a process of its own: where another subscriber wants an event, `tracing` says that it is wanted.
#[test]
#[ignore = "a program, which a test runs"]
fn asks_what_is_wanted() {
    let subscriber = tracing_subscriber::registry().with(sqlx_queries().layer());
    tracing::subscriber::with_default(subscriber, || {
        let wanted = [
            enabled!(target: "sqlx::query", Level::DEBUG),
            enabled!(target: "sqlx::query", Level::TRACE),
            enabled!(target: "sqlx::pool", Level::ERROR),
            enabled!(target: "application", Level::ERROR),
        ];
        println!("wanted: {wanted:?}");
    });
}

#[test]
fn the_layer_lets_no_other_event_through() {
    let out = run("asks_what_is_wanted", &[]);
    assert!(out.contains("wanted: [true, false, false, false]"), "{out}");
}
