//! Counts each function and each query once, however it ends.

use std::{
    cell::RefCell,
    future::{self, Future},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use futures::{FutureExt, poll};
use tokio::{
    task,
    time::{sleep, timeout},
};
use tower_vitals::{metrics::Metrics, monitored, operations::CallOutcome, query};

use super::counted::{calls, durations, expected, isolated};
use crate::panics::silence_panics_that_were_asked_for;

const MS: Duration = Duration::from_millis(1);

fn refused() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

/// A future that panics when it is polled for the second time.
async fn panicking() {
    task::yield_now().await;
    panic!("as asked")
}

#[tokio::test(start_paused = true)]
async fn a_function_is_counted_once_by_the_way_it_ended_with_its_time() {
    silence_panics_that_were_asked_for();
    let metrics = isolated();
    let of = |name| monitored(name).metrics(&metrics);
    assert_eq!(
        of("f")
            .run(async {
                sleep(3 * MS).await;
                7
            })
            .await,
        7
    );
    // What is no `Result` to it is a success.
    let _: io::Result<()> = of("f").run(async { Err(refused()) }).await;
    let found = of("f").try_run(async { Ok::<_, io::Error>(5) }).await;
    assert_eq!(found.unwrap(), 5);
    let failed = async {
        sleep(4 * MS).await;
        Err::<(), _>(refused())
    };
    let error = of("f").try_run(failed).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    let late = of("f").try_run(timeout(5 * MS, future::pending::<()>()));
    late.await.unwrap_err();
    let cancelled = timeout(6 * MS, of("f").run(future::pending::<()>()));
    cancelled.await.unwrap_err();
    let panicked = AssertUnwindSafe(of("f").run(panicking())).catch_unwind();
    panicked.await.unwrap_err();

    let counts = [
        ("f", "cancelled", 1),
        ("f", "error", 1),
        ("f", "panicked", 1),
        ("f", "success", 3),
        ("f", "timeout", 1),
    ];
    assert_eq!(calls(&metrics), expected(&counts));
    let all = durations(&metrics, "monitored_operation_duration_seconds");
    let sums: Vec<_> = all.values().map(|summary| summary.sum).collect();
    assert_eq!(sums, [0.006, 0.004, 0.0, 0.003, 0.005]);
}

#[tokio::test]
async fn a_future_that_nobody_polls_is_no_call() {
    let metrics = isolated();
    drop(monitored("f").metrics(&metrics).run(future::ready(1)));
    assert_eq!(calls(&metrics), []);
    let mut polled = pin!(
        query("SELECT", "t")
            .metrics(&metrics)
            .run(future::pending::<()>())
    );
    assert!(poll!(&mut polled).is_pending());
    assert!(durations(&metrics, "db_query_duration_seconds").is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_in_calls_and_beside_each_other_are_calls_of_their_own() {
    let metrics = isolated();
    let of = |name| monitored(name).metrics(&metrics);
    of("outer")
        .run(async {
            let inner = of("inner").run(sleep(2 * MS));
            tokio::join!(inner, of("joined").run(sleep(5 * MS)));
            tokio::select! {
                () = of("winner").run(sleep(3 * MS)) => {}
                () = of("loser").run(sleep(9 * MS)) => {}
            }
        })
        .await;
    // A task that is aborted before its first poll is no call.
    let task = task::spawn(of("aborted").run(future::pending::<()>()));
    task::yield_now().await;
    task.abort();
    task.await.unwrap_err();
    let counts = [
        ("aborted", "cancelled", 1),
        ("inner", "success", 1),
        ("joined", "success", 1),
        ("loser", "cancelled", 1),
        ("outer", "success", 1),
        ("winner", "success", 1),
    ];
    assert_eq!(calls(&metrics), expected(&counts));
    let all = durations(&metrics, "monitored_operation_duration_seconds");
    let sums: Vec<_> = all.values().map(|summary| summary.sum).collect();
    assert_eq!(sums, [0.0, 0.002, 0.005, 0.003, 0.008, 0.003]);
}

/// Panics at its first poll, and is ready at its second.
struct Recovers(bool);

impl Future for Recovers {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.0, true) {
            panic!("as asked");
        }
        Poll::Ready(())
    }
}

#[tokio::test]
async fn a_future_that_is_polled_on_after_its_panic_is_counted_once_and_goes_on() {
    silence_panics_that_were_asked_for();
    let metrics = isolated();
    let mut call = pin!(monitored("f").metrics(&metrics).run(Recovers(false)));
    let mut cx = Context::from_waker(futures::task::noop_waker_ref());
    let first = catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut cx)));
    assert!(first.is_err());
    let once = expected(&[("f", "panicked", 1)]);
    assert_eq!(calls(&metrics), once, "at the panic, and not at the drop");
    assert!(call.as_mut().poll(&mut cx).is_ready());
    assert_eq!(calls(&metrics), once);
}

/// Runs code when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_panic_of_another_does_not_make_a_call_panic() {
    silence_panics_that_were_asked_for();
    let metrics = isolated();
    let of = |name| monitored(name).metrics(&metrics);
    let mut cx = Context::from_waker(futures::task::noop_waker_ref());
    let mut pending = Box::pin(of("pending").run(future::pending::<()>()));
    assert!(pending.as_mut().poll(&mut cx).is_pending());
    let inner = of("inner");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _while_it_unwinds = OnDrop(|| {
            inner.clone().time(|| ());
            // It can be ended without `end` only here.
            drop(inner.clone().start());
        });
        let _pending = pending;
        panic!("as asked")
    }));
    caught.unwrap_err();
    let counts = [
        ("inner", "cancelled", 1),
        ("inner", "success", 1),
        ("pending", "cancelled", 1),
    ];
    assert_eq!(calls(&metrics), expected(&counts));
}

#[test]
fn plain_code_and_guards_are_counted_once() {
    silence_panics_that_were_asked_for();
    let metrics = isolated();
    let of = |name| monitored(name).metrics(&metrics);
    assert_eq!(of("time").time(|| 7), 7);
    assert_eq!(of("time").try_time(|| Ok::<_, io::Error>(7)).unwrap(), 7);
    of("time").try_time(|| Err::<(), _>(refused())).unwrap_err();
    let late = || Err::<(), _>(io::Error::from(io::ErrorKind::TimedOut));
    of("time").try_time(late).unwrap_err();
    let panics = || of("time").time(|| panic!("as asked"));
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();

    for outcome in CallOutcome::ALL {
        of("guard").start().end(outcome);
    }
    drop(of("left").start());
    let panics = || {
        let _guard = of("left").start();
        panic!("as asked")
    };
    catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
    let counts = [
        ("guard", "cancelled", 1),
        ("guard", "error", 1),
        ("guard", "panicked", 1),
        ("guard", "success", 1),
        ("guard", "timeout", 1),
        ("left", "cancelled", 1),
        ("left", "panicked", 1),
        ("time", "error", 1),
        ("time", "panicked", 1),
        ("time", "success", 2),
        ("time", "timeout", 1),
    ];
    assert_eq!(calls(&metrics), expected(&counts));
}

#[tokio::test(start_paused = true)]
async fn a_query_is_counted_by_its_operation_and_its_table() {
    silence_panics_that_were_asked_for();
    let metrics = isolated();
    let of = |operation: &str, table| query(operation, table).metrics(&metrics);
    of("SELECT", "orders").run(sleep(2 * MS)).await;
    let failed = async {
        sleep(3 * MS).await;
        Err::<(), _>(refused())
    };
    of("select", "orders").try_run(failed).await.unwrap_err();
    of("Insert", "orders").time(|| ());
    of("INSERT", "orders")
        .try_time(|| Ok::<_, io::Error>(()))
        .unwrap();
    of("SELECT password FROM users --", "users")
        .start()
        .end(CallOutcome::Success);
    let gave_up = timeout(4 * MS, of("DELETE", "orders").run(future::pending::<()>()));
    gave_up.await.unwrap_err();
    let all = durations(&metrics, "db_query_duration_seconds");
    let all: Vec<_> = all
        .iter()
        .map(|((operation, table), all)| (operation.as_str(), table.as_str(), all.count, all.sum))
        .collect();
    let counts = [
        ("DELETE", "orders", 1, 0.004),
        ("INSERT", "orders", 2, 0.0),
        ("SELECT", "orders", 2, 0.005),
        ("other", "users", 1, 0.0),
    ];
    assert_eq!(all, counts);
}

thread_local! {
    static KEPT: RefCell<Vec<Box<dyn Send>>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_call_that_a_thread_keeps_until_its_end_is_counted() {
    let metrics = isolated();
    let call = |metrics: &Metrics| {
        let call = monitored("kept").metrics(metrics).threshold(Duration::ZERO);
        let mut call = Box::pin(call.run(future::pending::<()>()));
        let mut cx = Context::from_waker(futures::task::noop_waker_ref());
        assert!(call.as_mut().poll(&mut cx).is_pending());
        call
    };
    // From now on, the clock of tokio asks the locals of the thread.
    let paused = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    drop(paused.unwrap());
    // Before the locals of the crate, which then end first; and after them.
    let (one, other) = (metrics.clone(), metrics.clone());
    let before = move || KEPT.with_borrow_mut(|kept| kept.push(Box::new(call(&one))));
    let after = move || {
        let kept = call(&other);
        KEPT.with_borrow_mut(|all| all.push(Box::new(kept)));
    };
    // A scope would not wait for the locals.
    thread::spawn(before).join().unwrap();
    thread::spawn(after).join().unwrap();
    let counts = expected(&[("kept", "cancelled", 2)]);
    assert_eq!(calls(&metrics), counts);
}

#[test]
fn a_measured_future_is_hardly_larger_than_the_future() {
    let large = async {
        let bytes = [1_u8; 4_096];
        future::ready(()).await;
        bytes[7]
    };
    let alone = size_of_val(&large);
    let measured = size_of_val(&monitored("f").run(large));
    assert!(measured <= alone + 200, "{measured} against {alone}");
}
