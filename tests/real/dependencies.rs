//! Stops, freezes and starts a real PostgreSQL and a real Redis while an application is under load.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use tokio::{
    task::JoinSet,
    time::{self, Instant},
};
use tower_vitals::health::{Check, CheckReport, Health, Role, Status};

use crate::{
    servers::{CONNECTIONS, Kind, Server, serve},
    stacks::with_health,
};

const INTERVAL: Duration = Duration::from_millis(500);

const TIMEOUT: Duration = Duration::from_secs(2);

/// By then a change must be noticed: an interval, which may be a tenth longer, and a timeout, plus a reserve of a
/// tenth.
const LATEST: Duration = Duration::from_millis(2_750);

/// The connections of the pool; one remains for others.
const POOLED: u32 = CONNECTIONS - 1;

/// The answer of `/health`: its code, the overall status, `database` and `cache`.
type Answer = (u16, &'static str, &'static str, &'static str);

const WELL: Answer = (200, "healthy", "connected", "connected");

const NO_CACHE: Answer = (200, "degraded", "connected", "unavailable");

const NO_DATABASE: Answer = (503, "unhealthy", "unavailable", "connected");

const BUSY: Answer = (200, "degraded", "degraded", "connected");

/// An application with both dependencies, on a socket of its own.
struct Application {
    address: SocketAddr,
    client: reqwest::Client,
}

/// Requests that do not need the dependencies.
#[derive(Default)]
struct Load {
    done: AtomicBool,
    answered: AtomicU64,
    slowest_ms: AtomicU64,
}

// === impl Application ===

impl Application {
    async fn start(pool: sqlx::PgPool, redis: redis::Client) -> Self {
        let health = Health::builder()
            .check(
                Check::sqlx("database", pool)
                    .interval(INTERVAL)
                    .timeout(TIMEOUT),
            )
            .check(
                Check::redis("cache", redis)
                    .role(Role::Optional)
                    .interval(INTERVAL)
                    .timeout(TIMEOUT),
            )
            .start()
            .unwrap();
        let vitals = with_health(health.service());
        let app = Router::new()
            .route("/", get(async || "hello"))
            .layer(vitals.layer())
            .merge(vitals.routes());
        let address = serve(app).await;
        Self {
            address,
            client: reqwest::Client::new(),
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let response = self.client.get(url).send().await.unwrap();
        let code = response.status().as_u16();
        (code, response.text().await.unwrap())
    }

    /// Whether `/health` gives this answer now. Liveness must hold in any case.
    async fn answers(&self, (code, status, database, cache): Answer) -> bool {
        let (answered, body) = self.get("/health").await;
        assert!(
            !body.contains("s3cret") && !body.contains("127.0.0.1"),
            "{body}"
        );
        assert_eq!(self.get("/livez").await, (200, "ok".into()));
        let report: Value = serde_json::from_str(&body).unwrap();
        let found = report["status"] == status
            && report["checks"]["database"] == database
            && report["checks"]["cache"] == cache;
        if found {
            assert_eq!(answered, code, "{body}");
        }
        found
    }

    /// Checks that the answer stays the same for `questions` times `LATEST`.
    async fn stays(&self, answer: Answer, questions: u32) {
        let began = Instant::now();
        while began.elapsed() < LATEST * questions {
            assert!(self.answers(answer).await, "not {answer:?} any more");
            time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for this answer, and checks that it came in time.
    async fn turns(&self, answer: Answer, when: &str) {
        let began = Instant::now();
        while !self.answers(answer).await {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{when}: never {answer:?}"
            );
            time::sleep(Duration::from_millis(10)).await;
        }
        let took = began.elapsed();
        println!("{when}: {answer:?} after {} ms", took.as_millis());
        assert_eq!(self.get("/readyz").await.0, answer.0);
        // With some slack for a busy machine.
        assert!(
            took <= INTERVAL + TIMEOUT + INTERVAL * 2,
            "{when}: {took:?}"
        );
    }
}

// === impl Load ===

impl Load {
    /// A client that sends requests until it is stopped; it fails at any answer but 200.
    async fn ask(self: Arc<Self>, address: SocketAddr) {
        let client = reqwest::Client::new();
        while !self.done.load(Ordering::Relaxed) {
            let began = Instant::now();
            let response = client
                .get(format!("http://{address}/"))
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.text().await.unwrap(), "hello");
            let took = began.elapsed().as_millis() as u64;
            self.answered.fetch_add(1, Ordering::Relaxed);
            self.slowest_ms.fetch_max(took, Ordering::Relaxed);
            time::sleep(Duration::from_millis(2)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL and Redis; .ci/run installs them"]
async fn each_way_to_lose_a_dependency_shows_in_time_and_hurts_nothing_else() {
    let (mut postgres, mut redis) = (Server::new(Kind::Postgres), Server::new(Kind::Redis));
    let options = PgPoolOptions::new().max_connections(POOLED);
    let pool = options.connect(&postgres.url()).await.unwrap();
    let all = async || {
        let each = (0..POOLED).map(|_| pool.acquire());
        futures::future::try_join_all(each).await.unwrap()
    };
    let app = Application::start(pool.clone(), redis::Client::open(redis.url()).unwrap()).await;
    let load = Arc::new(Load::default());
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        clients.spawn(Arc::clone(&load).ask(app.address));
    }
    app.turns(WELL, "both are up").await;

    redis.stop();
    app.turns(NO_CACHE, "Redis is stopped").await;
    redis.start();
    app.turns(WELL, "Redis is started").await;
    redis.freeze();
    app.turns(NO_CACHE, "Redis is frozen").await;
    redis.thaw();
    app.turns(WELL, "Redis goes on").await;

    postgres.stop();
    app.turns(NO_DATABASE, "PostgreSQL is stopped").await;
    postgres.start();
    app.turns(WELL, "PostgreSQL is started").await;
    // Every connection is open and idle; none of them will answer.
    drop(all().await);
    postgres.freeze();
    app.turns(NO_DATABASE, "PostgreSQL is frozen").await;
    app.stays(NO_DATABASE, POOLED + 1).await;
    postgres.thaw();
    app.turns(WELL, "PostgreSQL goes on").await;

    let busy = all().await;
    app.turns(BUSY, "every connection is in use").await;
    postgres.freeze();
    app.turns(
        NO_DATABASE,
        "PostgreSQL is frozen while every connection is in use",
    )
    .await;
    postgres.thaw();
    app.turns(BUSY, "PostgreSQL goes on").await;
    // Another program holds the last connection. PostgreSQL refuses the check, which is an answer.
    let last = PgPoolOptions::new().max_connections(1);
    let last = last.connect(&postgres.url()).await.unwrap();
    app.stays(BUSY, 2).await;
    last.close().await;
    drop(busy);
    app.turns(WELL, "the connections are given back").await;

    assert!(clients.try_join_next().is_none(), "a request failed");
    load.done.store(true, Ordering::Relaxed);
    clients.join_all().await;
    let answered = load.answered.load(Ordering::Relaxed);
    let slowest = load.slowest_ms.load(Ordering::Relaxed);
    println!("{answered} other requests, the slowest in {slowest} ms");
    assert!(
        answered > 1_000 && u128::from(slowest) < (TIMEOUT - INTERVAL).as_millis(),
        "{answered}, {slowest} ms"
    );
}

#[tokio::test]
#[ignore = "needs Redis; .ci/run installs it"]
async fn a_redis_that_takes_nothing_answers_a_ping_and_fails_the_round_trip() {
    let server = Server::new(Kind::Redis);
    let client = redis::Client::open(server.url()).unwrap();
    let quick = |check: Check| check.interval(Duration::from_millis(20)).timeout(TIMEOUT);
    let health = Health::builder()
        .check(quick(Check::redis("ping", client.clone())))
        .check(quick(Check::redis_round_trip("trip", client.clone())))
        .start()
        .unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = async |words: &str| {
        let mut words = words.split(' ');
        let mut command = redis::cmd(words.next().unwrap());
        words.for_each(|word| _ = command.arg(word));
        let answer = command.query_async::<redis::Value>(&mut connection).await;
        answer.unwrap()
    };
    // The status of both, as soon as each was asked again.
    let answers = async || {
        let runs = || health.reports().iter().map(|check| check.runs).min();
        let until = runs().unwrap() + 3;
        let began = Instant::now();
        while runs().unwrap() < until {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody asks");
            time::sleep(Duration::from_millis(5)).await;
        }
        let of = |check: CheckReport| (check.status, check.error.unwrap_or_default());
        let mut reports = health.reports().into_iter().map(of);
        let (ping, trip) = (reports.next().unwrap(), reports.next().unwrap());
        assert_eq!(ping.0, Status::Healthy, "{}", ping.1);
        trip
    };
    assert_eq!(answers().await.0, Status::Healthy);
    // A key for each question, which goes away by itself.
    let redis::Value::Array(keys) = command("KEYS *").await else {
        panic!("no list of keys")
    };
    assert!(keys.len() >= 3, "{keys:?}");
    for key in keys {
        let key = <String as redis::FromRedisValue>::from_redis_value(key).unwrap();
        assert!(key.starts_with("tower-vitals:health:"), "{key}");
        let expiry = command(&format!("TTL {key}")).await;
        assert!(matches!(expiry, redis::Value::Int(1..=60)), "{expiry:?}");
    }

    for (spoil, word, repair) in [
        ("CONFIG SET maxmemory 1", "OOM", "CONFIG SET maxmemory 0"),
        (
            "REPLICAOF 127.0.0.1 1",
            "read only replica",
            "REPLICAOF NO ONE",
        ),
        (
            "ACL SETUSER default -set",
            "no permissions",
            "ACL SETUSER default +set",
        ),
    ] {
        command(spoil).await;
        let (status, error) = answers().await;
        assert_eq!(status, Status::Unhealthy, "{spoil}: {error}");
        assert!(error.contains(word), "{spoil}: {error}");
        command(repair).await;
        assert_eq!(answers().await.0, Status::Healthy, "{repair}");
    }
    // The documented rights are enough.
    command("ACL SETUSER default resetkeys -@all +set +get +ping +acl ~tower-vitals:health:*")
        .await;
    let (status, error) = answers().await;
    assert_eq!(status, Status::Healthy, "{error}");
}
