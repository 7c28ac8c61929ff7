//! Builds a stack that reports to Sentry, and an application that fails.

use axum::{Router, extract::Path, routing::get};
use tower_vitals::{Failure, Vitals, report::ReportPolicy, sentry::SentryOptions};

/// A stack of one test that sends to `dsn`, however many events there are.
pub(crate) fn unlimited(dsn: &str) -> Vitals {
    let options = SentryOptions::new(dsn)
        .unwrap()
        .report_policy(ReportPolicy::new().per_minute(u32::MAX));
    Vitals::builder()
        .isolated()
        .sentry(options)
        .build()
        .unwrap()
}

/// An application that fails at `/orders/{id}`, with the id in the text of the error.
pub(crate) fn lost_orders(vitals: &Vitals) -> Router {
    let lost =
        async |Path(id): Path<u32>| -> Result<(), Failure> { Err(format!("order {id} is lost"))? };
    Router::new()
        .route("/orders/{id}", get(lost))
        .layer(vitals.layer())
}
