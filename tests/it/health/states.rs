//! Turns the results of checks into a status.

use std::time::Duration;

use tokio::{net::TcpListener, time};
use tower_vitals::health::{Check, Health, Role, Status};

use super::{Dependency, MS, Mood, SECRET, json, probe};
use crate::support::{
    exposition::Exposition, nobody::nobody, stacks::with_health, waiting::eventually,
};

#[tokio::test(start_paused = true)]
async fn a_check_turns_after_so_many_answers_of_a_kind() {
    let database = Dependency::new(Mood::Up);
    let health = Health::builder()
        .check(database.check("database").failures(3).successes(2))
        .start()
        .unwrap();
    time::sleep(MS(50)).await;
    let after = async |mood, answers: usize| {
        database.set(mood);
        let upto = database.asked() + answers;
        while database.asked() < upto {
            time::sleep(MS(10)).await;
        }
        time::sleep(MS(10)).await;
        health.status()
    };
    assert_eq!(after(Mood::Down, 1).await, Status::Healthy);
    assert_eq!(after(Mood::Down, 1).await, Status::Healthy);
    assert_eq!(after(Mood::Up, 1).await, Status::Healthy);
    assert_eq!(after(Mood::Down, 2).await, Status::Healthy);
    assert_eq!(after(Mood::Down, 1).await, Status::Unhealthy);
    assert_eq!(after(Mood::Up, 1).await, Status::Unhealthy);
    assert_eq!(after(Mood::Up, 1).await, Status::Healthy);
}

#[test]
fn an_answer_that_is_not_recent_is_unknown() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let asking = runtime();
    const GAUGE: &str = "health_check_status";
    let (health, vitals) = asking.block_on(async {
        let health = Health::builder()
            .check(Dependency::new(Mood::Up).check("database"))
            .start()
            .unwrap();
        let vitals = with_health(health.service());
        time::sleep(MS(50)).await;
        assert_eq!(health.status(), Status::Healthy);
        assert_eq!(Exposition::of(&vitals).sum(GAUGE, &[]), 1.0);
        (health, vitals)
    });
    // The runtime that ran the checks is gone. An hour later, another runtime answers the probes.
    drop(asking);
    runtime().block_on(async {
        time::advance(Duration::from_secs(3_600)).await;
        assert_eq!(health.status(), Status::Unknown);
        assert_eq!(probe(&health.service(), "/readyz").await.0, 503);
        assert_eq!(
            json(&probe(&health.service(), "/health").await.2)["checks"]["database"],
            "unknown"
        );
        assert_eq!(Exposition::of(&vitals).sum(GAUGE, &[]), 0.0);
        let error = health.reports()[0].error.clone().unwrap();
        assert_eq!(&*error, "the last answer is older than 3.3s");
    });
}

#[tokio::test]
async fn without_checks_it_is_ready_and_bad_checks_fail_at_start() {
    let health = Health::builder().start().unwrap();
    assert_eq!(probe(&health.service(), "/readyz").await.0, 200);
    assert_eq!(probe(&health.service(), "/startupz").await.0, 200);
    let check = || Dependency::new(Mood::Up).check("database");
    for (check, field, value) in [
        (
            Dependency::new(Mood::Up).check("Data base"),
            "health.check",
            "Data base",
        ),
        (Dependency::new(Mood::Up).check(""), "health.check", ""),
        (
            check().timeout(Duration::ZERO),
            "health.database.timeout",
            "0ns",
        ),
        (
            check().interval(Duration::ZERO),
            "health.database.interval",
            "0ns",
        ),
        (check().failures(0), "health.database.failures", "0"),
        (check().successes(0), "health.database.successes", "0"),
        (
            Check::manual("database").expires_after(Duration::ZERO),
            "health.database.expires_after",
            "0ns",
        ),
        (
            check().expires_after(MS(1_500)),
            "health.database.expires_after",
            "1.5s",
        ),
    ] {
        let error = Health::builder().check(check).start().unwrap_err();
        assert_eq!((error.field(), error.value()), (field, value));
    }
    let error = Health::builder()
        .check(check())
        .check(check())
        .start()
        .unwrap_err();
    assert_eq!((error.field(), error.value()), ("health.check", "database"));
    for (path, of) in [
        ("health", "/health"),
        ("/x", "/nothing"),
        ("/livez", "/health"),
        ("/a/", "/health"),
        ("/{x}", "/health"),
    ] {
        assert_eq!(
            health.service().alias(path, of).unwrap_err().field(),
            "health.alias"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_manual_status_stays_until_it_is_set_again() {
    let health = Health::builder()
        .manual("queue", Role::Critical)
        .start()
        .unwrap();
    let service = health.service();
    assert_eq!(probe(&service, "/readyz").await.0, 503);
    assert!(health.set("queue", Status::Healthy, None));
    time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(probe(&service, "/readyz").await.0, 200);
    assert!(health.set("queue", Status::Unhealthy, Some(SECRET)));
    let (status, _, body) = probe(&service, "/health").await;
    assert!(status == 503 && !body.contains("secret"), "{body}");
    assert!(!health.set("nobody", Status::Healthy, None));
}

#[tokio::test(start_paused = true)]
async fn a_manual_status_that_expires_is_unknown_and_everybody_is_told() {
    let worker = Check::manual("worker").expires_after(Duration::from_secs(30));
    let never = Check::manual("never").expires_after(Duration::MAX);
    let health = Health::builder()
        .check(worker)
        .check(never.role(Role::Optional))
        .start()
        .unwrap();
    health.set("never", Status::Healthy, None);
    let service = health.service();
    let mut changes = health.changes();
    assert!(health.set("worker", Status::Healthy, None));
    assert_eq!(changes.next().await, Some(Status::Healthy));
    for _ in 0..10 {
        time::sleep(Duration::from_secs(29)).await;
        assert_eq!(probe(&service, "/readyz").await.0, 200);
        assert!(health.set("worker", Status::Healthy, None));
    }
    let said = time::Instant::now();
    let expiry = time::timeout(Duration::from_secs(60), changes.next());
    assert_eq!(expiry.await, Ok(Some(Status::Unknown)));
    let took = said.elapsed();
    let limit = Duration::from_secs(30);
    assert!(took > limit && took < limit + MS(10), "{took:?}");
    assert_eq!(
        probe(&service, "/readyz?verbose").await,
        (
            503,
            "text/plain; charset=utf-8".into(),
            "[-]worker unknown: reason withheld\n[+]never ok\nreadyz check failed\n".into()
        )
    );
    let error = health.reports()[0].error.clone().unwrap();
    assert_eq!(&*error, "the last answer is older than 30s");
    // It comes back, and expires again.
    assert!(health.set("worker", Status::Degraded, Some("slow")));
    assert_eq!(changes.next().await, Some(Status::Degraded));
    assert_eq!(health.reports()[0].error.as_deref(), Some("slow"));
    assert_eq!(changes.next().await, Some(Status::Unknown));
    // The task that looks ends with the last handle.
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    assert_eq!(tasks(), 2);
    drop((health, service));
    assert_eq!(eventually(|| (tasks() == 0).then_some(())).await, Some(()));
}

#[tokio::test]
async fn a_busy_pool_is_not_a_dead_database_and_a_port_is_open_or_not() {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (open, nobody) = (listener.local_addr().unwrap(), nobody());
    let redis = redis::Client::open(format!("redis://{nobody}")).unwrap();
    let health = Health::builder()
        .check(Check::sqlx("database", pool.clone()).interval(MS(20)))
        .check(Check::tcp("open", open).interval(MS(20)))
        .check(Check::tcp("closed", nobody).interval(MS(20)))
        .check(Check::redis("redis", redis).interval(MS(20)))
        .start()
        .unwrap();
    let becomes = async |name: &str, status: Status| {
        let look = || {
            let reports = health.reports();
            let report = reports.into_iter().find(|report| *report.name == *name)?;
            (report.status == status).then_some(())
        };
        let found = eventually(look).await;
        assert!(found.is_some(), "{name} never became {status:?}");
    };
    becomes("open", Status::Healthy).await;
    becomes("closed", Status::Unhealthy).await;
    becomes("redis", Status::Unhealthy).await;
    becomes("database", Status::Healthy).await;
    let busy = pool.acquire().await.unwrap();
    becomes("database", Status::Degraded).await;
    drop(busy);
    becomes("database", Status::Healthy).await;
    pool.close().await;
    becomes("database", Status::Unhealthy).await;
}

#[tokio::test]
async fn a_connection_that_is_just_given_back_is_no_busy_pool() {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    for timeout in [MS(2_000), MS(200)] {
        let busy = pool.acquire().await.unwrap();
        let check = Check::sqlx("database", pool.clone()).timeout(timeout);
        let health = Health::builder().check(check).start().unwrap();
        // The check finds no connection. Then it gets this one.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(health.reports()[0].runs, 1);
        drop(busy);
        let answered = || Some(health.status()).filter(|status| *status != Status::Unknown);
        assert_eq!(eventually(answered).await, Some(Status::Healthy));
        drop(health);
    }
    // A busy pool is told apart within the timeout, however short.
    let busy = pool.acquire().await.unwrap();
    let check = Check::sqlx("database", pool.clone()).timeout(MS(300));
    let health = Health::builder().check(check).start().unwrap();
    let answered = || Some(health.status()).filter(|status| *status != Status::Unknown);
    assert_eq!(eventually(answered).await, Some(Status::Degraded));
    drop(busy);
}
