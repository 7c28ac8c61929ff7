//! What checks say that run once.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tower_vitals::health::{Check, Health, Role, Status};

#[tokio::test(start_paused = true)]
async fn all_checks_run_at_the_same_time_each_with_its_timeout() {
    let hangs = || future::pending::<Result<(), std::io::Error>>();
    let checks = (0..20).fold(Health::builder(), |checks, n| {
        let check = Check::new(&format!("hangs-{n}"), hangs).role(Role::Optional);
        checks.check(check.timeout(Duration::from_secs(3)))
    });
    let ping = || async { Ok::<_, std::io::Error>(()) };
    let began = tokio::time::Instant::now();
    let report = checks
        .check(Check::new("works", ping))
        .check_once()
        .await
        .unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    assert_eq!(report.status, Status::Degraded);
    let of = |status| {
        report
            .checks
            .iter()
            .filter(|one| one.status == status)
            .count()
    };
    assert_eq!((of(Status::Healthy), of(Status::Unhealthy)), (1, 20));
    assert_eq!(
        report.checks[0].error.as_deref(),
        Some("no answer within 3s")
    );
}

#[tokio::test(start_paused = true)]
async fn one_failure_is_a_failure_and_a_panic_ends_nobody_else() {
    let fails = Check::new("fails", || async { Err::<(), _>("refused") }).failures(5);
    let panics = Check::new("panics", || async {
        assert!(std::env::args().count() > 1_000, "on purpose");
        Ok::<_, std::io::Error>(())
    });
    let report = Health::builder()
        .check(fails)
        .check(panics)
        .check_once()
        .await
        .unwrap();
    assert_eq!(report.status, Status::Unhealthy);
    assert_eq!(
        report.checks[0].status,
        Status::Unhealthy,
        "five in a row are not waited for"
    );
    let errors: Vec<_> = report
        .checks
        .iter()
        .map(|one| one.error.clone().unwrap())
        .collect();
    assert_eq!(&*errors[0], "refused");
    assert!(errors[1].starts_with("the check panicked"), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn a_run_once_asks_anew_and_changes_nothing_that_probes_show() {
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let fails_at_first = Check::new("database", move || {
        let first = count.fetch_add(1, SeqCst) == 0;
        async move { if first { Err("refused") } else { Ok(()) } }
    });
    let health = Health::builder()
        .check(fails_at_first.interval(Duration::from_secs(3_600)))
        .manual("worker", Role::Optional)
        .start()
        .unwrap();
    while health.reports()[0].age.is_none() {
        tokio::task::yield_now().await;
    }
    let report = health.check_once().await;
    assert_eq!(asked.load(SeqCst), 2);
    assert_eq!(report.checks[0].status, Status::Healthy);
    // Nobody has set it.
    assert_eq!(
        (&*report.checks[1].name, report.checks[1].status),
        ("worker", Status::Unknown)
    );
    assert_eq!(report.status, Status::Degraded);
    assert_eq!(
        health.status(),
        Status::Unhealthy,
        "the probes show their own answer"
    );
    assert_eq!(health.reports()[0].runs, 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_cannot_work_is_refused_before_any_runs() {
    let ping = || async { Ok::<_, std::io::Error>(()) };
    let twice = Health::builder()
        .check(Check::new("a", ping))
        .check(Check::new("a", ping));
    let error = twice.check_once().await.unwrap_err();
    assert_eq!(error.field(), "health.check");
    let left_out = Health::builder()
        .manual("worker", Role::Critical)
        .check_once()
        .await;
    assert_eq!(
        left_out.unwrap().status,
        Status::Healthy,
        "nobody could have set it"
    );
}
