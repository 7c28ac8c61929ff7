//! Works with the recorders of others: late ones, foreign ones, and exporters that drop idle series.
//!
//! It is one test, because a process has one global recorder.

use std::{convert::Infallible, time::Duration};

use axum::body::Bytes;
use http_body_util::Full;
use hyper::{Request, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use tokio::time;
use tower::{Layer, ServiceExt, service_fn};
use tower_vitals::{TimingLayer, Vitals};

const IDLE: Duration = Duration::from_millis(1_500);

async fn send(requests: usize) {
    let service = TimingLayer::new().layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    for _ in 0..requests {
        service.clone().oneshot(Request::new(())).await.unwrap();
    }
}

/// The value of the first sample whose line starts with `name`.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits until a sample has this value. The publisher runs once a second.
async fn until(handle: &PrometheusHandle, name: &str, value: Option<f64>) -> String {
    for _ in 0..1_000 {
        let text = handle.render();
        if sample(&text, name) == value {
            return text;
        }
        time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{name} never became {value:?}:\n{}", handle.render());
}

const REQUESTS: &str = "http_requests_total{";
const IN_FLIGHT: &str = "http_requests_in_flight ";

#[tokio::test]
async fn nothing_counted_before_a_recorder_came_or_after_it_forgot_is_lost() {
    // There is no recorder yet. The publisher runs once without one.
    send(3).await;
    time::sleep(IDLE).await;

    let recorder = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::ALL, Some(IDLE))
        .set_buckets(&[0.1, 1.0])
        .unwrap()
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    until(&handle, REQUESTS, Some(3.0)).await;
    // The publisher can be between the two.
    until(&handle, "http_request_duration_seconds_count", Some(3.0)).await;

    // A foreign recorder is an error, unless the application allows it.
    let error = Vitals::builder().build().unwrap_err();
    assert_eq!(
        (error.field(), error.value()),
        ("metrics.recorder", "foreign")
    );
    let vitals = Vitals::builder().use_global_recorder().build().unwrap();
    assert_eq!(vitals.render(), "");

    // All stacks of a process share its counters: equal settings are accepted, others are refused.
    let error = Vitals::builder()
        .use_global_recorder()
        .endpoint_cap(7)
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "metrics");

    // The exporter drops idle series. A series that returns has its full value, not only the increase.
    until(&handle, REQUESTS, None).await;
    send(2).await;
    let text = until(&handle, REQUESTS, Some(5.0)).await;
    assert_eq!(sample(&text, "http_requests_started_total"), Some(5.0));
    assert_eq!(sample(&text, IN_FLIGHT), Some(0.0));
    assert_eq!(vitals.metrics().totals().completed, 5);
}
