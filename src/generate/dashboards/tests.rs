//! What stands on the dashboards.

mod changes;
mod guides;
mod panels;

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::{
    alerts::{Alerts, Rule, Signal, presets},
    generate::Generated,
    metrics::{Names, catalog},
};

/// Both presets of names, also with a prefix and with labels.
fn all_settings() -> [Settings; 3] {
    [
        Settings::new(),
        Settings::new().names(Names::OpenTelemetry),
        Settings::new()
            .prefix("shop_")
            .label("region", "a\"b' {{c}} $job [[d]] \\e %f ü: #g | .* `h`\n"),
    ]
}

/// All rules that there are, and metrics of an application as the guides have them.
fn generated(settings: &Settings) -> Generated {
    let alerts = Alerts::default().rules(presets::guides()).rules([
        presets::payment_failures(),
        presets::workers_down("active_workers"),
        Rule::new("slow_order", Signal::p99_ms())
            .above(500.0)
            .endpoint("/orders/{id}")
            .method("POST")
            .runbook("https://example.com/slow?a=$job"),
        Rule::new("failed_order", Signal::error_rate_percent())
            .above(2.0)
            .endpoint("/orders/{id}"),
        Rule::new("few", Signal::requests_per_second()).below(0.5),
    ]);
    let metrics = [
        OwnMetric::counter("orders_created_total").labels(["channel", "tenant_id"]),
        OwnMetric::counter("payments_processed_total").labels(["provider", "status", "tenant_id"]),
        OwnMetric::histogram("payment_processing_duration_seconds").labels(["provider"]),
        OwnMetric::counter("messages_sent")
            .labels(["tenant_id", "type"])
            .help("Messages that were sent"),
        OwnMetric::counter("revenue_total").help("In cents."),
        OwnMetric::gauge("active_conversations").labels(["tenant_id"]),
        OwnMetric::gauge("active_workers").labels(["job"]),
    ];
    let generated = Generated::new(alerts, settings).unwrap();
    let generated = generated
        .service("shop")
        .dashboard("https://example.com/shop");
    metrics.into_iter().fold(generated, Generated::metric)
}

fn boards(generated: &Generated) -> Vec<(&'static str, Value)> {
    let boards = generated.dashboards();
    let boards = boards.into_iter();
    boards
        .map(|board| (board.name(), serde_json::from_str(board.json()).unwrap()))
        .collect()
}

/// The panels of all dashboards, without the headings, each as `dashboard: title`.
fn panels(generated: &Generated) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (name, board) in boards(generated) {
        for panel in board["panels"].as_array().unwrap() {
            if panel["type"] != "row" {
                let title = panel["title"].as_str().unwrap();
                all.push((format!("{name}: {title}"), panel.clone()));
            }
        }
    }
    all
}

fn texts<'v>(panel: &'v Value, key: &str) -> Vec<&'v str> {
    let targets = panel["targets"].as_array().unwrap().iter();
    targets
        .map(|target| target[key].as_str().unwrap())
        .collect()
}

/// The labels between double braces.
fn labels_of_legend(legend: &str) -> Vec<&str> {
    let parts = legend.split("{{").skip(1);
    parts.map(|part| part.split("}}").next().unwrap()).collect()
}

/// The words of an expression.
fn words(expr: &str) -> BTreeSet<&str> {
    expr.split(|one: char| !one.is_ascii_alphanumeric() && !"_:".contains(one))
        .collect()
}
