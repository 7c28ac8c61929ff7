//! Gives each run an exchange of its own, wherever it runs.

use std::{
    cell::RefCell,
    future::pending,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::Request, routing::get};
use futures::future::join;
use tokio::task;
use tower::ServiceExt;
use tower_vitals::{exchange::Exchange, request_id::forward};

use super::{runs, watched};
use crate::exposition::Exposition;

fn current() -> Option<String> {
    Exchange::current()?.id().map(str::to_owned)
}

/// The id at each of so many polls.
async fn ids(count: usize) -> Vec<Option<String>> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(current());
        task::yield_now().await;
    }
    all
}

fn one(ids: &[Option<String>]) -> &str {
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    ids[0].as_deref().unwrap()
}

#[tokio::test]
async fn a_run_in_a_request_is_an_exchange_of_its_own() {
    let (vitals, job) = watched("in_request");
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let handler = async move || {
        let before = current();
        // Between the polls of the run, the handler has its own exchange.
        let (inside, beside) = join(job.run(ids(5)), ids(5)).await;
        let after = current();
        *keep.lock().unwrap() = Some((before, inside, beside, after));
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    let request = Request::builder()
        .uri("/")
        .header("x-request-id", "id-1")
        .body(Body::empty());
    app.oneshot(request.unwrap()).await.unwrap();
    let (before, inside, beside, after) = seen.lock().unwrap().take().unwrap();
    assert_eq!([before.as_deref(), after.as_deref()], [Some("id-1"); 2]);
    assert_eq!(one(&beside), "id-1");
    let id = one(&inside);
    assert_ne!(id, "id-1");
    let id = uuid::Uuid::try_parse(id).unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(runs(&vitals, "in_request"), [1.0, 0.0, 0.0, 0.0, 0.0]);
    let scrape = Exposition::of(&vitals);
    assert_eq!(scrape.sum("http_requests_total", &[]), 1.0);
}

#[tokio::test]
async fn two_runs_at_once_see_nothing_of_each_other() {
    let (_, job) = watched("at_once");
    let (first, second) = join(job.clone().run(ids(5)), job.clone().run(ids(5))).await;
    assert_ne!(one(&first), one(&second));
    assert_eq!(current(), None);
    // On any thread, and with one id through all its polls.
    let spawned = task::spawn(job.run(ids(5))).await.unwrap();
    assert_ne!(one(&spawned), one(&first));
}

#[test]
fn what_a_run_is_can_be_asked_and_outbound_requests_carry_it() {
    let (_, job) = watched("asked");
    let headers = job.time(|| {
        let exchange = Exchange::current().unwrap();
        exchange.set_route("/another");
        assert_eq!((exchange.method(), exchange.path()), ("_OTHER", ""));
        let mut request = Request::new(());
        forward(request.headers_mut());
        let trace = exchange.trace().unwrap().trace_id().to_owned();
        (
            exchange.id().unwrap().to_owned(),
            trace,
            request.into_parts().0.headers,
        )
    });
    let (id, trace, headers) = headers;
    assert_eq!(headers["x-request-id"], id);
    let sent = headers["traceparent"].to_str().unwrap();
    assert_eq!(sent.split('-').nth(1), Some(&*trace));
}

#[test]
fn destructors_of_a_cancelled_run_are_in_its_exchange() {
    struct Asks<'a>(&'a RefCell<Vec<Option<String>>>);

    impl Drop for Asks<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(current());
        }
    }

    let (_, job) = watched("destructors");
    let seen = RefCell::new(Vec::new());
    let holding = async {
        let _asks = Asks(&seen);
        seen.borrow_mut().push(current());
        pending::<()>().await;
    };
    let mut run = Box::pin(job.clone().run(holding));
    let waker = futures::task::noop_waker();
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(run.as_mut().poll(&mut cx).is_pending());
    drop(run);
    futures::executor::block_on(job.run(async {
        let _asks = Asks(&seen);
        seen.borrow_mut().push(current());
    }));
    let seen = seen.into_inner();
    assert_eq!(seen.len(), 4);
    one(&seen[..2]);
    one(&seen[2..]);
    assert_eq!(current(), None);
}
