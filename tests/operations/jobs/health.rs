//! Shows a job that is overdue.

use std::time::Duration;

use tokio::time;
use tower_vitals::health::{Check, Health, Role, Status};

use super::watched;

const HOUR: Duration = Duration::from_secs(3_600);

async fn status(health: &Health) -> (Status, Option<String>) {
    // One interval of the check, and what it is spread by.
    time::sleep(Duration::from_secs(12)).await;
    let [report] = &health.reports()[..] else {
        panic!()
    };
    let error = report.error.as_ref();
    (report.status, error.map(|error| error.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_succeed_in_time_is_shown_as_overdue() {
    let (vitals, job) = watched("nightly_rollup");
    let job = job.every(HOUR * 24);
    let health = Health::builder().check(job.check()).start().unwrap();
    assert_eq!(status(&health).await, (Status::Healthy, None));
    time::advance(HOUR * 26).await;
    assert_eq!(
        status(&health).await.0,
        Status::Healthy,
        "a tenth more is fine"
    );
    time::advance(HOUR).await;
    let (now, error) = status(&health).await;
    assert_eq!(now, Status::Unhealthy);
    let error = error.unwrap();
    assert!(
        error.starts_with("overdue: no success for 1day 3h "),
        "{error}"
    );
    assert!(error.ends_with(", expected every 1day"), "{error}");
    assert_eq!(
        health.status(),
        Status::Healthy,
        "by default it is only shown"
    );
    // A failure is no success. Another handle of the name is the same job.
    let other = || tower_vitals::job("nightly_rollup").metrics(vitals.metrics());
    other()
        .try_run(async { Err::<(), _>("no") })
        .await
        .unwrap_err();
    assert_eq!(status(&health).await.0, Status::Unhealthy);
    other().run(async {}).await;
    assert_eq!(status(&health).await, (Status::Healthy, None));
    time::advance(HOUR * 27).await;
    let (now, error) = status(&health).await;
    assert_eq!(now, Status::Unhealthy);
    let error = error.unwrap();
    assert!(
        error.starts_with("overdue: last success 1day 3h "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_overdue_job_can_degrade_the_service() {
    let (_vitals, job) = watched("mails");
    let check = job.every(HOUR).check().role(Role::Optional);
    let health = Health::builder().check(check).start().unwrap();
    time::advance(HOUR * 2).await;
    assert_eq!(status(&health).await.0, Status::Unhealthy);
    assert_eq!(health.status(), Status::Degraded);
}

#[tokio::test]
async fn a_check_of_a_job_without_a_time_is_refused() {
    let (_vitals, job) = watched("nightly");
    let refused = |check: Check| {
        let error = Health::builder().check(check).start().unwrap_err();
        error.to_string()
    };
    assert_eq!(
        refused(job.check()),
        "health.nightly.every: invalid value \"none\": a job without it is never overdue"
    );
    assert_eq!(
        refused(job.every(Duration::ZERO).check()),
        "health.nightly.every: invalid value \"0ns\": must be longer than zero"
    );
}
