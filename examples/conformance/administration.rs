//! Shows what was counted, on a socket of its own.

use axum::{Router, extract::Query, http::StatusCode, routing::get};
use serde_json::{Map, Value, json};
use tower_vitals::{
    Vitals,
    health::Health,
    metrics::{Metrics, Sink},
};

use crate::{
    application::Asked,
    dependencies::{self, Dependencies},
    last::Last,
    recorder::{self, Foreign},
    statistics::{self, shown},
};

pub(crate) fn administration(
    vitals: &Vitals,
    last: Last,
    health: Health,
    dependencies: Dependencies,
    foreign: Option<Foreign>,
) -> Router {
    let metrics = vitals.metrics().clone();
    let all_metrics = metrics.clone();
    let lately = vitals.statistics();
    let recorder = match foreign {
        // The stack serves no `/metrics` then.
        Some(foreign) => {
            let text = foreign.clone();
            let command = async move |Query(wanted): Query<recorder::Wanted>| foreign.set(wanted);
            Router::new()
                .route("/debug/recorder", get(command))
                .route("/metrics", get(async move || text.text()))
        }
        None => Router::new(),
    };
    Router::new()
        // A fallback of its own: unknown paths are not observed.
        .fallback(async || StatusCode::NOT_FOUND)
        .route(
            "/debug/dep",
            get(async move |Query(wanted): Query<dependencies::Wanted>| dependencies.set(wanted)),
        )
        .route(
            "/debug/outcomes",
            get(async move || outcomes(&metrics, &health)),
        )
        .route(
            "/debug/last",
            get(async move |Query(asked): Query<Asked>| last.lines(asked.n.unwrap_or(1))),
        )
        .route(
            "/debug/snapshot",
            get(async move || axum::Json(all_metrics.snapshot())),
        )
        .route(
            "/debug/statistics",
            get(async move |Query(wanted): Query<statistics::Wanted>| shown(&lately, wanted)),
        )
        .merge(recorder)
        .merge(vitals.routes())
}

fn outcomes(metrics: &Metrics, health: &Health) -> axum::Json<Value> {
    let totals = metrics.totals();
    let reports = health.reports();
    let runs = reports
        .iter()
        .map(|check| (check.name.to_string(), check.runs.into()));
    let runs: Map<String, Value> = runs.collect();
    axum::Json(json!({
        "started": totals.started,
        "completed": totals.completed,
        "body_error": totals.body_error,
        "aborted": totals.aborted,
        "cancelled": totals.cancelled,
        "error": totals.error,
        "panicked": totals.panicked,
        "in_flight": totals.in_flight,
        "excluded": totals.excluded,
        "excluded_errors": totals.excluded_errors,
        "overflow": totals.overflow,
        "hook_failures": totals.hook_failures,
        "readiness_errors": totals.readiness_errors,
        "dropped_log": totals.dropped(Sink::Log),
        "dropped_sentry": totals.dropped(Sink::Sentry),
        "dropped_sentry_flood": totals.dropped(Sink::SentryFlood),
        "dropped_sentry_scrubbing": totals.dropped(Sink::SentryScrubbing),
        "check_runs": runs,
    }))
}
