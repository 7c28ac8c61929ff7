//! Reports to Sentry what went wrong, once, and with the data of the right request.

mod client_address;

mod clients;

mod delivery;

mod duplicates;

mod events;

mod fingerprints;

mod grpc;
mod hubs;

mod limits;

mod panics;

mod panics_outside;

mod scopes;

mod severity;

mod tags;

mod tasks;

mod traces;

mod tracing_layer;

mod transactions;

use std::{error::Error, fmt, num::ParseIntError, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request, http::StatusCode};
use sentry::{ClientOptions, test::TestTransport};
use serde_json::Value;
use tower_vitals::{
    Failure, Release, RequestContext, Vitals,
    report::ReportPolicy,
    sentry::{SentryOptions, guard},
    vitals::VitalsBuilder,
};

use crate::support::{dsn::Dsn, panics::silence_panics_that_were_asked_for, requests};

pub(crate) const LONG: Duration = Duration::from_secs(20);

/// An isolated stack that sends to `dsn`.
fn reporting(dsn: &Dsn) -> VitalsBuilder {
    silence_panics_that_were_asked_for();
    let options = SentryOptions::new(&dsn.url()).unwrap();
    Vitals::builder()
        .isolated()
        .service_name("shop")
        .release(Release::new("shop@1.2.3").environment("test"))
        .sentry(options)
}

fn with_reports(dsn: &Dsn, reports: ReportPolicy) -> Vitals {
    let options = SentryOptions::new(&dsn.url())
        .unwrap()
        .report_policy(reports);
    reporting(dsn).sentry(options).build().unwrap()
}

async fn send(app: &Router, path: &str) -> StatusCode {
    let request = Request::builder()
        .uri(path)
        .header("host", "shop.test")
        .header("x-request-id", "id-1");
    requests::send(app, request.body(Body::empty()).unwrap()).await
}

/// Texts of each event, by JSON pointer; `None` where there is none.
fn texts<'a, const N: usize>(
    events: &'a [Value],
    pointers: [&str; N],
) -> Vec<[Option<&'a str>; N]> {
    let text = |event: &'a Value, pointer| event.pointer(pointer)?.as_str();
    events
        .iter()
        .map(|event| pointers.map(|pointer| text(event, pointer)))
        .collect()
}

/// Whether all events belong to one issue.
fn one_issue(events: &[Value]) -> bool {
    let first = &events[0]["fingerprint"];
    events.iter().all(|event| event["fingerprint"] == *first)
}

/// A handler that answers 500.
async fn broken() -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

/// An isolated stack that uses the client of the application.
fn bound() -> Vitals {
    let builder = Vitals::builder().isolated();
    builder
        .sentry(SentryOptions::current_client().report_policy(on_a_busy_machine()))
        .build()
        .unwrap()
}

/// A machine that is busy with other tests is no reason to report a slow request.
fn on_a_busy_machine() -> ReportPolicy {
    let hour = Duration::from_secs(3_600);
    ReportPolicy::new().slower_than(hour, hour * 2).unwrap()
}

/// A guarded client of the application, and the transport that keeps its events in this process.
fn own_client(options: ClientOptions) -> (Arc<TestTransport>, Arc<sentry::Client>) {
    silence_panics_that_were_asked_for();
    let transport = TestTransport::new();
    let options = options
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&transport));
    let client = Arc::new(sentry::Client::with_options(guard(options)));
    (transport, client)
}

#[derive(Debug)]
struct NoOrder(ParseIntError);

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such order")
    }
}

impl Error for NoOrder {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

async fn failing(context: RequestContext) -> Result<(), Failure> {
    context.user("u-1").tenant("t-1").tag("plan", "gold");
    Err(NoOrder("x".parse::<u8>().unwrap_err()))?;
    Ok(())
}
