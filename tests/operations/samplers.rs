//! Asks pools, Redis and PostgreSQL that answer, hang, lie and panic.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError},
    },
    time::Duration,
};

use sqlx::{postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};
use tower_vitals::{
    Vitals,
    operations::{PoolState, pool, postgres, redis_info},
};

use crate::{exposition::Exposition, programs::eventually};

const SECOND: Duration = Duration::from_secs(1);

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

fn isolated() -> Vitals {
    Vitals::builder().isolated().build().unwrap()
}

/// The value of a sample with this label.
fn value(vitals: &Vitals, name: &str, label: &str) -> Option<f64> {
    let shown = Exposition::of(vitals);
    let mut samples = shown.samples.iter();
    let found =
        samples.find(|((of, labels), _)| of == name && labels.values().any(|of| of == label));
    found.map(|(_, value)| *value)
}

fn age(vitals: &Vitals, sampler: &str) -> f64 {
    value(vitals, "vitals_sample_age_seconds", sampler).unwrap()
}

fn hook_failures(vitals: &Vitals) -> f64 {
    Exposition::of(vitals).sum("vitals_hook_failures_total", &[])
}

/// How many values are published beside ages.
fn values(vitals: &Vitals, prefix: &str) -> usize {
    let shown = Exposition::of(vitals);
    let mut samples = shown.samples.keys();
    samples
        .by_ref()
        .filter(|(name, _)| name.starts_with(prefix))
        .count()
}

#[test]
fn a_pool_shows_its_size_and_what_of_it_is_in_use() {
    let vitals = isolated();
    for (name, size, idle) in [("primary", 7, 3), ("odd", 2, 3)] {
        let state = move || PoolState {
            size,
            idle,
            max: 10,
        };
        pool(name, state).metrics(vitals.metrics()).start().unwrap();
    }
    for (name, size, idle, in_use) in [("primary", 7.0, 3.0, 4.0), ("odd", 2.0, 3.0, 0.0)] {
        for (metric, expected) in [
            ("size", size),
            ("idle", idle),
            ("in_use", in_use),
            ("max", 10.0),
        ] {
            let metric = format!("db_connection_pool_{metric}");
            let shown = eventually("the pool is asked", || value(&vitals, &metric, name));
            assert_eq!(shown, expected, "{metric} {name}");
        }
    }
}

#[test]
fn a_pool_that_hangs_delays_only_its_own_values_whose_age_grows() {
    let vitals = isolated();
    let (hanging, hangs) = mpsc::channel();
    let (_release, released) = mpsc::channel::<()>();
    let mut answered = false;
    let stuck = pool("stuck", move || {
        if std::mem::replace(&mut answered, true) {
            hanging.send(()).unwrap();
            let _ = released.recv();
        }
        PoolState {
            size: 5,
            idle: 5,
            max: 5,
        }
    });
    stuck
        .every(SECOND)
        .metrics(vitals.metrics())
        .start()
        .unwrap();
    hangs.recv_timeout(LONG).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let other = pool("other", move || {
        counter.fetch_add(1, Relaxed);
        PoolState::default()
    });
    other
        .every(SECOND)
        .metrics(vitals.metrics())
        .start()
        .unwrap();
    eventually("the other pool is asked again", || {
        (asked.load(Relaxed) > 2).then_some(())
    });
    assert_eq!(
        value(&vitals, "db_connection_pool_size", "stuck"),
        Some(5.0),
        "the last answer"
    );
    let shown = Exposition::of(&vitals);
    let age = |sampler| shown.sum("vitals_sample_age_seconds", &[("sampler", sampler)]);
    assert!(age("pool:stuck") > age("pool:other"), "{shown:?}");
}

#[test]
fn a_pool_that_panics_loses_its_values_and_counts_as_one_failure() {
    let vitals = isolated();
    let (asking, asked) = mpsc::channel();
    let (release, released) = mpsc::channel::<PoolState>();
    let troubled = pool("troubled", move || {
        asking.send(()).unwrap();
        released.recv().expect("no answer, as it was asked")
    });
    troubled
        .every(SECOND)
        .metrics(vitals.metrics())
        .start()
        .unwrap();
    asked.recv_timeout(LONG).unwrap();
    release
        .send(PoolState {
            size: 5,
            idle: 5,
            max: 5,
        })
        .unwrap();
    // It is asked again once its answer is noted.
    asked.recv_timeout(LONG).unwrap();
    assert_eq!(
        (
            values(&vitals, "db_connection_pool_"),
            hook_failures(&vitals)
        ),
        (4, 0.0)
    );
    drop(release);
    asked.recv_timeout(LONG).unwrap();
    assert_eq!(values(&vitals, "db_connection_pool_"), 0);
    assert!(hook_failures(&vitals) >= 1.0);
    assert!(age(&vitals, "pool:troubled") > 0.0);
}

/// What a panic carries. It tells when it is dropped, and panics then.
struct Carried(mpsc::Sender<()>);

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.send(()).unwrap();
        std::panic::resume_unwind(Box::new("as asked"));
    }
}

#[test]
fn what_the_panic_of_a_pool_carries_is_dropped() {
    let vitals = isolated();
    let (dropping, dropped) = mpsc::channel();
    let troubled = pool("troubled", move || {
        std::panic::resume_unwind(Box::new(Carried(dropping.clone())))
    });
    let troubled = troubled.every(SECOND).metrics(vitals.metrics());
    troubled.start().unwrap();
    // The thread goes on.
    for _ in 0..2 {
        dropped.recv_timeout(LONG).unwrap();
    }
}

#[test]
fn a_sampler_ends_with_its_counters_and_when_another_one_takes_its_name() {
    let vitals = isolated();
    let named_twice = |size| {
        let (alive, ended) = mpsc::channel::<()>();
        let state = move || {
            let _ = &alive;
            PoolState {
                size,
                ..PoolState::default()
            }
        };
        let pool = pool("twice", state).every(SECOND).metrics(vitals.metrics());
        pool.start().unwrap();
        eventually("it is asked", || {
            (value(&vitals, "db_connection_pool_size", "twice") == Some(f64::from(size)))
                .then_some(())
        });
        ended
    };
    let (first, second) = (named_twice(1), named_twice(2));
    assert_eq!(
        first.recv_timeout(LONG),
        Err(RecvTimeoutError::Disconnected)
    );
    assert_eq!(second.try_recv(), Err(mpsc::TryRecvError::Empty));
    assert_eq!(values(&vitals, "db_connection_pool_size"), 1);
    drop(vitals);
    assert_eq!(
        second.recv_timeout(LONG),
        Err(RecvTimeoutError::Disconnected)
    );
}

#[tokio::test]
async fn what_cannot_work_is_refused_when_it_starts() {
    let redis = || redis::Client::open("redis://127.0.0.1:1").unwrap();
    let db = PgPoolOptions::new()
        .connect_lazy("postgres://127.0.0.1:1/x")
        .unwrap();
    let short = Duration::from_millis(999);
    let long = Duration::from_secs(3_601);
    for (error, field, value) in [
        (pool("", PoolState::default).start(), "pool.name", ""),
        (
            pool("a", PoolState::default).every(short).start(),
            "pool.a.every",
            "999ms",
        ),
        (
            pool("a", PoolState::default).every(long).start(),
            "pool.a.every",
            "3601s",
        ),
        (
            redis_info("a", redis()).every(short).start(),
            "redis.a.every",
            "999ms",
        ),
        (
            postgres("a", db.clone()).every(long).start(),
            "postgres.a.every",
            "3601s",
        ),
        (
            postgres("a", db).timeout(Duration::ZERO).start(),
            "postgres.a.timeout",
            "0ns",
        ),
        (
            redis_info("a", redis()).timeout(Duration::ZERO).start(),
            "redis.a.timeout",
            "0ns",
        ),
    ] {
        let error = error.unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
    }
    let sqlite = SqlitePoolOptions::new()
        .connect_lazy("sqlite::memory:")
        .unwrap();
    let error = postgres("a", sqlite).start().unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("postgres.a.pool", "SQLite")
    );
}

#[tokio::test]
async fn a_pool_of_sqlx_tells_its_connections() {
    let options = SqlitePoolOptions::new().max_connections(3);
    let db = options.connect("sqlite::memory:").await.unwrap();
    let one = db.acquire().await.unwrap();
    let busy = PoolState {
        size: 1,
        idle: 0,
        max: 3,
    };
    assert_eq!(PoolState::of_sqlx(&db), busy);
    drop(one);
    db.close().await;
    let closed = PoolState {
        size: 0,
        idle: 0,
        max: 3,
    };
    assert_eq!(PoolState::of_sqlx(&db), closed);
}

/// Accepts connections, and handles each with the number of those before it.
async fn fake<F>(
    handle: impl Fn(usize, TcpStream) -> F + Send + 'static,
) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let before = counter.fetch_add(1, Relaxed);
            tokio::spawn(handle(before, socket));
        }
    });
    (address, accepted)
}

/// Reads all, and answers nothing.
async fn never(_: usize, mut socket: TcpStream) {
    let mut bytes = [0; 1_024];
    while socket.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
}

/// Answers `INFO` with this, as often as told, and what a client says of itself with `OK`.
async fn redis_with(mut socket: TcpStream, answers: Vec<String>) {
    let mut answers = answers.into_iter();
    let mut bytes = [0; 1_024];
    while let Ok(n) = socket.read(&mut bytes).await {
        let asked = String::from_utf8_lossy(&bytes[..n]).into_owned();
        let said = asked.matches("SETINFO").count();
        let mut answer = "+OK\r\n".repeat(said);
        for _ in asked.matches("$4\r\nINFO") {
            answer.push_str(&answers.next().unwrap_or_default());
        }
        if n == 0 || socket.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}

fn redis_at(address: SocketAddr) -> redis::Client {
    redis::Client::open(format!("redis://{address}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_has_no_values_and_an_age() {
    let vitals = isolated();
    let (redis, _) = fake(never).await;
    redis_info("cache", redis_at(redis))
        .metrics(vitals.metrics())
        .start()
        .unwrap();
    let (address, accepted) = fake(never).await;
    let url = format!("postgres://postgres:s3cret@{address}/x");
    let db = PgPoolOptions::new().connect_lazy(&url).unwrap();
    postgres("shop", db.clone())
        .metrics(vitals.metrics())
        .start()
        .unwrap();
    time::sleep(Duration::from_secs(60)).await;
    assert_eq!(values(&vitals, "redis_") + values(&vitals, "postgres_"), 0);
    for sampler in ["redis:cache", "postgres:shop"] {
        assert_eq!(age(&vitals, sampler), 60.0, "{sampler}");
    }
    assert!(accepted.load(Relaxed) > 2, "it tries again");
    assert_eq!(hook_failures(&vitals), 0.0);
    assert_eq!(db.size(), 0, "no connection is left");
}

/// A PostgreSQL that refuses each statement, and tells `refused` of it.
async fn refusing(mut socket: TcpStream, refused: mpsc::Sender<()>) {
    const REFUSAL: &[u8] = b"SERROR\0VERROR\0C42883\0Mas asked\0\0";
    const READY: &[u8] = b"Z\0\0\0\x05I";
    let mut refusal = vec![b'E'];
    refusal.extend((REFUSAL.len() as u32 + 4).to_be_bytes());
    refusal.extend(REFUSAL);
    // The first message has no kind.
    let mut first = true;
    loop {
        let kind = if first {
            0
        } else {
            socket.read_u8().await.unwrap_or(b'X')
        };
        let Ok(length) = socket.read_u32().await else {
            return;
        };
        let mut rest = vec![0; length as usize - 4];
        socket.read_exact(&mut rest).await.unwrap();
        let answer = match kind {
            // It needs no password.
            0 => [b"R\0\0\0\x08\0\0\0\0", READY].concat(),
            b'Q' => {
                let _ = refused.send(());
                [&refusal, READY].concat()
            }
            b'S' => READY.to_vec(),
            b'X' => return,
            _ => Vec::new(),
        };
        first = false;
        if socket.write_all(&answer).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_postgresql_refuses_costs_no_connection() {
    let vitals = isolated();
    let (refused, refusals) = mpsc::channel();
    let (address, accepted) = fake(move |_, socket| refusing(socket, refused.clone())).await;
    let url = format!("postgres://postgres:s3cret@{address}/x?sslmode=disable");
    let db = PgPoolOptions::new().connect_lazy(&url).unwrap();
    let shop = postgres("shop", db).every(SECOND);
    shop.metrics(vitals.metrics()).start().unwrap();
    for _ in 0..3 {
        refusals.recv_timeout(LONG).unwrap();
    }
    assert_eq!(accepted.load(Relaxed), 1);
    assert_eq!(values(&vitals, "postgres_"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_asked_over_one_connection_which_is_remade_when_it_hangs() {
    let vitals = isolated();
    let info = |hits: u32| {
        bulk(&format!(
            "used_memory:512\r\nmaxmemory:1024\r\nconnected_clients:2\r\nevicted_keys:7\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:1\r\n"
        ))
    };
    // The first connection answers twice, and then no more. The second one is a Redis that started again.
    let (address, accepted) = fake(move |before, socket| {
        let answers = match before {
            0 => vec![info(10), info(13)],
            1 => vec![info(0), info(0)],
            _ => vec![],
        };
        redis_with(socket, answers)
    })
    .await;
    let redis = redis_info("cache", redis_at(address));
    let redis = redis.every(SECOND).timeout(Duration::from_millis(400));
    redis.metrics(vitals.metrics()).start().unwrap();
    let shown = |name| value(&vitals, name, "cache");
    let ratio = eventually("two answers", || shown("redis_keyspace_hit_ratio"));
    assert_eq!(ratio, 1.0);
    assert_eq!(accepted.load(Relaxed), 1);
    for (name, expected) in [
        ("redis_memory_used_bytes", 512.0),
        ("redis_memory_max_bytes", 1_024.0),
        ("redis_connected_clients", 2.0),
        ("redis_evicted_keys_total", 7.0),
    ] {
        assert_eq!(shown(name), Some(expected), "{name}");
    }
    eventually("no answer", || {
        (values(&vitals, "redis_") == 0).then_some(())
    });
    eventually("an answer of the next connection", || {
        shown("redis_memory_used_bytes")
    });
    assert_eq!(shown("redis_keyspace_hit_ratio"), None, "it started again");
    assert_eq!(accepted.load(Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_nonsense_has_no_values() {
    let vitals = isolated();
    let nonsense = [
        "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
        ":5\r\n".to_owned(),
        "-ERR used_memory:5\r\n".to_owned(),
        "*2\r\n:1\r\n:2\r\n".to_owned(),
        bulk("used_memory:lots\r\nmaxmemory:-5\r\nkeyspace_hits:\r\n"),
    ];
    let mut all = Vec::new();
    for (n, answer) in nonsense.into_iter().enumerate() {
        let (address, accepted) =
            fake(move |_, socket| redis_with(socket, vec![answer.clone(); 9])).await;
        let redis = redis_info(&format!("r{n}"), redis_at(address)).every(SECOND);
        redis.metrics(vitals.metrics()).start().unwrap();
        all.push(accepted);
    }
    let (address, accepted) = fake(|_, mut socket| async move {
        let _ = socket.write_all(b"SSH-2.0-nonsense\r\n").await;
        never(0, socket).await;
    })
    .await;
    let url = format!("postgres://postgres:s3cret@{address}/x");
    let db = PgPoolOptions::new().connect_lazy(&url).unwrap();
    let shop = postgres("shop", db)
        .every(SECOND)
        .timeout(Duration::from_millis(300));
    shop.metrics(vitals.metrics()).start().unwrap();
    for accepted in &all {
        eventually("it is asked", || (accepted.load(Relaxed) > 0).then_some(()));
    }
    eventually("it is asked again", || {
        (accepted.load(Relaxed) > 1).then_some(())
    });
    assert_eq!(values(&vitals, "redis_") + values(&vitals, "postgres_"), 0);
    assert_eq!(hook_failures(&vitals), 0.0);
}
