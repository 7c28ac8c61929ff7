//! Keeps memory constant and within the printed bound, with and without scrapes. It is a process of its own, so that no other test allocates.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

use std::{convert::Infallible, thread};

use allocation_counter::{AllocationInfo, measure};
use axum::body::Bytes;
use futures::executor::block_on;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Body};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, Vitals, exchange::Exchange, metrics::Settings};

type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// Sends requests through `layer` to a service whose answer has a known length.
fn around<L, B>(layer: L) -> impl Fn(Request<()>)
where
    L: Layer<tower::util::ServiceFn<fn(Request<()>) -> std::future::Ready<Answer>>>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body<Error = Infallible>,
{
    fn answer(_: Request<()>) -> std::future::Ready<Answer> {
        std::future::ready(Ok(Response::new(Full::from("hello"))))
    }
    let service = layer.layer(service_fn(answer as fn(_) -> _));
    move |request| {
        block_on(async {
            let response = service.clone().oneshot(request).await.unwrap();
            response.into_body().collect().await.map(drop).unwrap();
        });
    }
}

fn kept(info: &AllocationInfo) -> (i64, i64) {
    (info.count_current, info.bytes_current)
}

#[test]
fn a_million_requests_keep_nothing() {
    let vitals = Vitals::builder().isolated().build().unwrap();
    let send = around(vitals.layer());
    // Series, thread-locals and the callsite of the log are allocated once.
    (0..100).for_each(|_| send(Request::new(())));
    let info = measure(|| (0..1_000_000).for_each(|_| send(Request::new(()))));
    assert_eq!(kept(&info), (0, 0));
}

#[test]
fn random_paths_methods_and_headers_keep_nothing() {
    fastrand::seed(3);
    let vitals = Vitals::builder().isolated().build().unwrap();
    let send = around(vitals.layer());
    let random = || {
        let word = || -> String { (0..12).map(|_| fastrand::alphanumeric()).collect() };
        Request::builder()
            .method(Method::from_bytes(word().as_bytes()).unwrap())
            .uri(format!("/{}", word()))
            .header("host", word())
            .header("x-request-id", word())
            .body(())
            .unwrap()
    };
    (0..100).for_each(|_| send(random()));
    let info = measure(|| (0..100_000).for_each(|_| send(random())));
    assert_eq!(kept(&info), (0, 0));
}

#[test]
fn counting_up_to_the_cap_and_beyond_stays_within_the_bound() {
    let metrics = Settings::new().endpoint_cap(200).isolated().unwrap();
    let service = TimingLayer::new()
        .metrics(metrics.clone())
        .layer(service_fn(|request: Request<()>| {
            let name = *request.extensions().get::<&'static str>().unwrap();
            Exchange::current().unwrap().set_route(name);
            std::future::ready(Answer::Ok(Response::new(Full::default())))
        }));
    let names: Vec<&'static str> = (0..10_000)
        .map(|n| &*String::leak(format!("/{n:063}")))
        .collect();
    let methods = [
        "GET", "PUT", "POST", "HEAD", "PATCH", "DELETE", "TRACE", "OPTIONS",
    ];
    let info = measure(|| {
        for name in &names {
            for method in methods {
                let mut request = Request::builder().method(method).body(()).unwrap();
                request.extensions_mut().insert(*name);
                block_on(service.clone().oneshot(request)).unwrap();
            }
        }
    });
    assert_eq!(metrics.totals().overflow, (10_000 - 200) * 8);
    // The bound, and what a thread remembers.
    let bound = metrics.memory_bound() + (512 << 10);
    assert!(
        info.bytes_max < bound as u64,
        "{} of {bound}",
        info.bytes_max
    );
}

/// The most memory that this process ever had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes << 10
}

/// The only test that installs the recorder of the process. Samples queue in the recorder until they are drained.
#[cfg(target_os = "linux")]
#[test]
fn five_million_requests_without_a_scrape_stay_within_the_bound() {
    const EACH: u64 = 2_500_000;
    let vitals = Vitals::builder().build().unwrap();
    let before = peak();
    let metrics = vitals.metrics().clone();
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let send = around(TimingLayer::new().metrics(metrics.clone()));
            thread::spawn(move || (0..EACH).for_each(|_| send(Request::new(()))))
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let grown = peak() - before;
    assert_eq!(vitals.metrics().totals().completed, 2 * EACH);
    // One endpoint of a thousand needs a small part of the printed bound. Without draining, the samples would take 80 MiB.
    assert!(grown < 8 << 20, "{grown} bytes");
    let text = vitals.render();
    let count = format!(
        "http_request_duration_seconds_count{{method=\"GET\",endpoint=\"unmatched\"}} {}\n",
        2 * EACH
    );
    assert!(text.contains(&count), "{text}");
}
