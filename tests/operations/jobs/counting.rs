//! Counts each run once, by the way it ended.

use std::{
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use futures::{FutureExt, executor::block_on, future::join_all, task::noop_waker};
use tokio::time;
use tower_vitals::operations::Job;

use super::{no_order, runs, watched};
use crate::exposition::Exposition;

const SECOND: Duration = Duration::from_secs(1);

/// One way to end, with its place in `CallOutcome::ALL`.
#[derive(Clone, Copy, Debug)]
struct Way(usize);

/// Runs a job so that it ends in this way after so many seconds.
async fn end(job: Job, Way(way): Way, seconds: u32) {
    let wait = time::sleep(SECOND * seconds);
    match way {
        0 => job.run(wait).await,
        1 => {
            let failing = async {
                wait.await;
                Err::<(), _>(no_order())
            };
            job.try_run(failing).await.unwrap_err();
        }
        2 => {
            let late = time::timeout(SECOND * seconds, pending::<()>());
            job.try_run(late).await.unwrap_err();
        }
        3 => {
            let left = time::timeout(SECOND * seconds, job.run(pending::<()>()));
            left.await.unwrap_err();
        }
        _ => {
            let panicking = async {
                wait.await;
                panic!("as asked");
            };
            let caught = AssertUnwindSafe(job.run(panicking)).catch_unwind();
            let payload = caught.await.unwrap_err();
            assert_eq!(
                payload.downcast_ref(),
                Some(&"as asked"),
                "it passes unchanged"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_run_is_counted_once_by_the_way_it_ended() {
    let (vitals, job) = watched("rollup");
    let none = Exposition::of(&vitals);
    assert_eq!(none.values("job_runs_total", "job").len(), 0);
    for way in 0..5 {
        for _ in 0..=way {
            end(job.clone(), Way(way), 2).await;
        }
    }
    assert_eq!(runs(&vitals, "rollup"), [1.0, 2.0, 3.0, 4.0, 5.0]);
    let scrape = Exposition::of(&vitals);
    let of_job = [("job", "rollup")];
    assert_eq!(scrape.sum("job_duration_seconds_count", &of_job), 15.0);
    let sum = scrape.sum("job_duration_seconds_sum", &of_job);
    assert!((sum - 30.0).abs() < 0.1, "{sum}");
    assert_eq!(
        scrape.sum("http_requests_total", &[]),
        0.0,
        "a run is no request"
    );
    assert_eq!(scrape.sum("http_requests_in_flight", &[]), 0.0);
}

#[test]
fn plain_code_is_counted_as_futures_are() {
    let (vitals, job) = watched("cleanup");
    assert_eq!(job.clone().time(|| 7), 7);
    assert_eq!(job.clone().try_time(|| Ok::<_, String>(8)), Ok(8));
    let failed = job.clone().try_time(|| Err::<(), _>("no room"));
    assert_eq!(failed, Err("no room"));
    let panics = || job.clone().time(|| panic!("as asked"));
    let payload = catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"as asked"));
    assert_eq!(runs(&vitals, "cleanup"), [2.0, 1.0, 0.0, 0.0, 1.0]);
}

#[tokio::test(start_paused = true)]
async fn only_a_success_sets_the_time_of_the_last_one() {
    const LAST: &str = "job_last_success_timestamp_seconds";
    let (vitals, job) = watched("backup");
    for way in 1..5 {
        end(job.clone(), Way(way), 0).await;
    }
    assert_eq!(Exposition::of(&vitals).values(LAST, "job").len(), 0);
    end(job, Way(0), 0).await;
    let scrape = Exposition::of(&vitals);
    let at = scrape.sum(LAST, &[("job", "backup")]);
    let now = humantime::parse_rfc3339("2020-01-01T00:00:00Z").unwrap();
    let year_2020 = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(at > year_2020.as_secs_f64(), "{at}");
}

#[tokio::test(start_paused = true)]
async fn runs_that_interleave_at_random_are_counted_exactly() {
    for round in 0..50 {
        let (vitals, job) = watched("mixed");
        let mut expected = [0.0; 5];
        let mut all: Vec<Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
        for _ in 0..20 {
            let (way, inner) = (fastrand::usize(..5), fastrand::usize(..5));
            let seconds = fastrand::u32(..5);
            expected[way] += 1.0;
            expected[inner] += 1.0;
            expected[0] += 1.0;
            let job = job.clone();
            // A run in a run, and one beside them.
            all.push(Box::pin(async move {
                let nested = async {
                    end(job.clone(), Way(inner), seconds).await;
                };
                job.clone().run(nested).await;
                end(job, Way(way), seconds).await;
            }));
        }
        join_all(all).await;
        assert_eq!(runs(&vitals, "mixed"), expected, "round {round}");
    }
}

/// Panics when it is dropped, and as a future also when it is polled.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("as asked");
    }
}

impl Future for Bomb {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("as asked");
    }
}

/// Completes, and panics when it is dropped.
struct Finished(Bomb);

impl Future for Finished {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

#[test]
fn a_run_that_was_never_polled_is_none() {
    let (vitals, job) = watched("unpolled");
    drop(job.run(pending::<()>()));
    assert_eq!(runs(&vitals, "unpolled"), [0.0; 5]);
}

#[test]
fn a_destructor_that_panics_is_a_panic_of_its_run() {
    let (vitals, job) = watched("dropped");
    let holding = async {
        let _bomb = Bomb;
        pending::<()>().await;
    };
    let mut run = Box::pin(job.clone().run(holding));
    assert!(
        run.as_mut()
            .poll(&mut Context::from_waker(&noop_waker()))
            .is_pending()
    );
    let payload = catch_unwind(AssertUnwindSafe(|| drop(run))).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"as asked"));
    assert_eq!(runs(&vitals, "dropped"), [0.0, 0.0, 0.0, 0.0, 1.0]);
    // It panics, and panics again when what is left of it is dropped.
    let both = AssertUnwindSafe(job.clone().run(Bomb)).catch_unwind();
    block_on(both).unwrap_err();
    assert_eq!(runs(&vitals, "dropped"), [0.0, 0.0, 0.0, 0.0, 2.0]);
    // It completes, and panics when it is dropped.
    let completed = AssertUnwindSafe(job.clone().run(Finished(Bomb))).catch_unwind();
    block_on(completed).unwrap_err();
    assert_eq!(runs(&vitals, "dropped"), [0.0, 0.0, 0.0, 0.0, 3.0]);
    // Its destructor panics while another panic unwinds: the process lives.
    let mut run = Box::pin(job.run(async {
        let _bomb = Bomb;
        pending::<()>().await;
    }));
    assert!(
        run.as_mut()
            .poll(&mut Context::from_waker(&noop_waker()))
            .is_pending()
    );
    let unwinding = move || {
        let _run = run;
        panic!("as asked");
    };
    catch_unwind(AssertUnwindSafe(unwinding))
        .map(|(): ()| ())
        .unwrap_err();
    assert_eq!(runs(&vitals, "dropped"), [0.0, 0.0, 0.0, 0.0, 4.0]);
}

#[test]
fn a_run_that_a_dying_thread_drops_is_cancelled() {
    thread_local! {
        static HELD: std::cell::RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> =
            const { std::cell::RefCell::new(None) };
    }
    let (vitals, job) = watched("orphan");
    thread::spawn(move || {
        // Made before the locals of the crate, so it ends after them.
        HELD.with(|held| *held.borrow_mut() = None);
        let mut run: Pin<Box<dyn Future<Output = ()>>> = Box::pin(job.run(pending()));
        assert!(
            run.as_mut()
                .poll(&mut Context::from_waker(&noop_waker()))
                .is_pending()
        );
        HELD.with(|held| *held.borrow_mut() = Some(run));
    })
    .join()
    .unwrap();
    assert_eq!(runs(&vitals, "orphan"), [0.0, 0.0, 0.0, 1.0, 0.0]);
}
