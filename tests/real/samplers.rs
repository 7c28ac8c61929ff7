//! Watches a real PostgreSQL and a real Redis, and measures the queries of a real PostgreSQL.

use std::time::Duration;

use sqlx::{Executor, PgPool, postgres::PgPoolOptions};
use tower_vitals::{
    Vitals,
    operations::{PoolState, pool, postgres, redis_info, sqlx_queries},
};
use tracing_subscriber::layer::SubscriberExt;

use crate::{
    exposition::Exposition,
    programs::eventually,
    servers::{CONNECTIONS, Kind, Server},
    stacks::isolated,
};

const SECOND: Duration = Duration::from_secs(1);

/// The value of a sample, if there is one.
fn value(vitals: &Vitals, name: &str) -> Option<f64> {
    let shown = Exposition::of(vitals);
    let found = shown.samples.iter().find(|((of, _), _)| of == name);
    found.map(|(_, value)| *value)
}

async fn connect(server: &Server, max: u32) -> PgPool {
    let options = PgPoolOptions::new().max_connections(max);
    options.connect(&server.url()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL; .ci/run installs it"]
async fn a_real_postgres_tells_its_size_and_connections_and_is_absent_while_it_hangs() {
    let server = Server::new(Kind::Postgres);
    let db = connect(&server, 2).await;
    let vitals = isolated();
    let metrics = vitals.metrics();
    let shop = postgres("shop", db.clone()).every(SECOND).timeout(SECOND);
    shop.metrics(metrics).start().unwrap();
    let of_pool = db.clone();
    let state = pool("shop", move || PoolState::of_sqlx(&of_pool));
    state.every(SECOND).metrics(metrics).start().unwrap();
    let size = || value(&vitals, "postgres_database_size_bytes");
    let bytes = eventually("PostgreSQL answers", size);
    assert!(bytes > 1_000_000.0, "{bytes}");
    assert_eq!(
        value(&vitals, "postgres_connections_max"),
        Some(f64::from(CONNECTIONS))
    );
    assert_eq!(value(&vitals, "postgres_connections"), Some(1.0));
    assert_eq!(value(&vitals, "db_connection_pool_max"), Some(2.0));

    // Both connections are in use: nobody waits for one.
    let busy = (db.acquire().await.unwrap(), db.acquire().await.unwrap());
    eventually("a busy pool has no values", || {
        size().is_none().then_some(())
    });
    let in_use = || (value(&vitals, "db_connection_pool_in_use") == Some(2.0)).then_some(());
    eventually("both are in use", in_use);
    drop(busy);
    eventually("PostgreSQL answers again", size);

    server.freeze();
    eventually("a frozen PostgreSQL has no values", || {
        size().is_none().then_some(())
    });
    // A pool would wait for them.
    let none = || (db.size() == 0).then_some(());
    eventually("connections that hang do not go back", none);
    server.thaw();
    eventually("PostgreSQL goes on", size);
    let all = futures::future::try_join(db.acquire(), db.acquire());
    let all = tokio::time::timeout(Duration::from_secs(20), all).await;
    assert!(all.unwrap().is_ok(), "the pool has lost no connection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Redis; .ci/run installs it"]
async fn a_real_redis_tells_its_memory_and_lookups_and_is_absent_while_it_hangs() {
    let server = Server::new(Kind::Redis);
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let vitals = isolated();
    let cache = redis_info("cache", client).every(SECOND).timeout(SECOND);
    cache.metrics(vitals.metrics()).start().unwrap();
    let used = || value(&vitals, "redis_memory_used_bytes");
    assert!(eventually("Redis answers", used) > 100_000.0);
    assert_eq!(value(&vitals, "redis_memory_max_bytes"), None);
    assert_eq!(value(&vitals, "redis_connected_clients"), Some(2.0));
    assert_eq!(value(&vitals, "redis_evicted_keys_total"), Some(0.0));
    assert_eq!(value(&vitals, "redis_keyspace_hit_ratio"), None);
    let config = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "104857600"])
        .to_owned();
    config.exec_async(&mut connection).await.unwrap();
    let limit = || value(&vitals, "redis_memory_max_bytes");
    assert_eq!(eventually("a limit", limit), 104_857_600.0);
    let set = redis::cmd("SET").arg(&["known", "1"]).to_owned();
    set.exec_async(&mut connection).await.unwrap();
    // In one transaction, so that no answer comes in between.
    let mut lookups = redis::pipe();
    lookups.atomic();
    for key in ["known", "known", "known", "unknown"] {
        lookups.cmd("GET").arg(key);
    }
    lookups.exec_async(&mut connection).await.unwrap();
    let ratio = || value(&vitals, "redis_keyspace_hit_ratio");
    assert_eq!(eventually("lookups", ratio), 0.75);

    server.freeze();
    eventually("a frozen Redis has no values", || {
        used().is_none().then_some(())
    });
    server.thaw();
    eventually("Redis goes on", used);
}

#[tokio::test]
#[ignore = "needs PostgreSQL; .ci/run installs it"]
async fn queries_of_a_real_postgres_count_by_operation_and_table() {
    let server = Server::new(Kind::Postgres);
    let vitals = isolated();
    // Its queries run on this thread.
    let layer = sqlx_queries().metrics(vitals.metrics()).layer();
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    let db = connect(&server, 1).await;
    db.execute("CREATE TABLE public.orders (id bigint PRIMARY KEY, note text)")
        .await
        .unwrap();
    for n in 0..5_i64 {
        let insert =
            sqlx::query("INSERT INTO \"orders\" (id, note) VALUES ($1, 's3cret from users')");
        insert.bind(n).execute(&db).await.unwrap();
    }
    let select = sqlx::query("SELECT o.id FROM public.orders AS o WHERE o.note <> $$from s3cret$$");
    assert_eq!(select.fetch_all(&db).await.unwrap().len(), 5);
    let with = sqlx::query(
        "WITH old AS (SELECT id FROM orders WHERE id < 3) DELETE FROM orders USING old WHERE orders.id = old.id",
    );
    assert_eq!(with.execute(&db).await.unwrap().rows_affected(), 3);
    // A failing one, and one that is dropped while it runs.
    let twice = sqlx::query("INSERT INTO orders (id) VALUES (4)");
    twice.execute(&db).await.unwrap_err();
    let sleep = sqlx::query("SELECT pg_sleep(0.5), id FROM orders");
    let dropped = tokio::time::timeout(Duration::from_millis(100), sleep.execute(&db));
    dropped.await.unwrap_err();
    let mut transaction = db.begin().await.unwrap();
    let update = sqlx::query("UPDATE ONLY orders SET note = 's3cret'");
    update.execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    let series = sqlx::query("SELECT * FROM generate_series(1, 3)");
    series.fetch_all(&db).await.unwrap();
    let shown = Exposition::of(&vitals);
    let counts: Vec<_> = shown
        .samples
        .iter()
        .filter(|((name, _), _)| name == "db_query_duration_seconds_count")
        .map(|((_, labels), n)| (&*labels["operation"], &*labels["table"], *n))
        .collect();
    assert_eq!(
        counts,
        [
            ("COMMIT", "unknown", 1.0),
            ("CREATE", "orders", 1.0),
            ("DELETE", "orders", 1.0),
            ("INSERT", "orders", 6.0),
            ("SELECT", "orders", 2.0),
            ("SELECT", "unknown", 1.0),
            ("UPDATE", "orders", 1.0),
        ]
    );
    assert!(!vitals.render().contains("s3cret"));
}
