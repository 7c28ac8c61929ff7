use std::{
    convert::Infallible,
    future::{Ready, pending, ready},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_layer::Layer;
use tower_service::Service;

use super::*;
use crate::{
    facts::{marks::Mark, shared::Shared},
    health::Health,
};

/// Never answers, except for a route of this crate.
#[derive(Clone)]
struct Waits;

impl Service<Request<Full<Bytes>>> for Waits {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let is_own = request.uri().path() == "/health";
        if is_own {
            Shared::mark(request.extensions(), Mark::Unobserved);
        }
        Box::pin(async move {
            match is_own {
                true => Ok(Response::new(Full::from("ok"))),
                false => pending().await,
            }
        })
    }
}

fn stack(health: &Health) -> Vitals {
    Vitals::builder()
        .isolated()
        .health(health.service())
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_millis(50))
        .build()
        .unwrap()
}

fn ends() -> Ready<Result<(), Infallible>> {
    ready(Ok(()))
}

#[tokio::test]
async fn a_request_that_waits_at_a_path_like_a_probes_is_reported_as_unfinished() {
    let health = Health::builder().start().unwrap();
    let vitals = stack(&health);
    let layer = vitals.layer();
    let mut application = Layer::<Waits>::layer(&layer, Waits);
    let mut call = |path: &str| {
        let request = Request::builder().uri(path).body(Full::default());
        application.call(request.unwrap())
    };
    let (one, other) = (call("/pets/7/health"), call("/pets"));
    // It has its answer, and its body is still to be sent.
    let own = call("/health").await.unwrap();
    let gone = call("/internal/metrics");
    drop(gone);
    assert_eq!(
        vitals.metrics().totals().in_flight,
        1,
        "no probe is traffic"
    );
    health.drain();
    let signal = vitals.shutdown_signal();
    let server = async {
        signal.await;
        pending::<Result<(), Infallible>>().await
    };
    let report = vitals.run(server).await.unwrap();
    assert_eq!(report.unfinished, 2);
    drop((one, other, own));
    assert_eq!(vitals.metrics().unfinished(), 0);
}

#[tokio::test]
async fn what_two_servers_leave_is_told_once() {
    let health = Health::builder().start().unwrap();
    let vitals = stack(&health);
    let layer = vitals.layer();
    let mut application = Layer::<Waits>::layer(&layer, Waits);
    let request = Request::builder().uri("/pets").body(Full::default());
    let _open = application.call(request.unwrap());
    let run = || {
        let signal = vitals.shutdown_signal();
        vitals.run(async {
            signal.await;
            pending::<Result<(), Infallible>>().await
        })
    };
    health.drain();
    let (first, second) = tokio::join!(run(), run());
    let unfinished = [first.unwrap().unfinished, second.unwrap().unfinished];
    assert_eq!(unfinished.iter().sum::<u64>(), 1, "{unfinished:?}");
}

#[tokio::test]
async fn a_server_that_fails_at_once_ends_nothing_for_one_that_is_about_to_begin() {
    let vitals = stack(&Health::builder().start().unwrap());
    let fails = vitals.run(ready(Err::<(), _>("the address is in use")));
    let serves = vitals.run(ends());
    let (failed, served) = tokio::join!(fails, serves);
    let failed = failed.unwrap_err();
    assert!(
        matches!(failed, RunError::Server("the address is in use")),
        "{failed:?}"
    );
    served.unwrap();
    assert!(matches!(vitals.run(ends()).await, Err(RunError::Ended)));
}

#[tokio::test]
async fn after_the_last_run_another_one_says_why_it_does_not_begin() {
    let vitals = stack(&Health::builder().start().unwrap());
    vitals.run(ends()).await.unwrap();
    let error = vitals.run(ends()).await.unwrap_err();
    assert!(matches!(error, RunError::Ended), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("build another Vitals"), "{text}");
    let io: std::io::Error = RunError::<std::io::Error>::Ended.into();
    assert_eq!(io.to_string(), text);
}

#[cfg(feature = "fleet")]
#[tokio::test]
async fn an_instance_stays_in_its_fleet_until_its_last_server_has_ended() {
    use crate::fleet::{Fleet, fake_server::FakeServer};

    let redis = FakeServer::start();
    let fleet = Fleet::at(&redis.url()).unwrap().instance("shop-1");
    let builder = Vitals::builder().isolated().service_name("shop");
    let vitals = builder.fleet(fleet).build().unwrap();
    let has_ended = || {
        let all = vitals.statistics().fleet().unwrap();
        loop {
            let lately = all.over(Duration::from_secs(60)).unwrap();
            if let [instance] = &lately.instances[..] {
                return instance.has_ended;
            }
        }
    };
    assert!(!has_ended());
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let last = vitals.run(async {
        let _ = ended.await;
        Ok::<_, Infallible>(())
    });
    let first = async {
        vitals.run(ends()).await.unwrap();
        assert!(!has_ended(), "the other one still runs");
        end.send(()).unwrap();
    };
    let (last, ()) = tokio::join!(last, first);
    last.unwrap();
    assert!(has_ended());
}
