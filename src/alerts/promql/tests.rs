//! What rules are in PromQL, and what Prometheus makes of it.

mod cases;
mod histories;
mod names;
mod promtool;
mod rules;
mod scrapes;
mod seen;
mod shapes;
mod shares;
mod texts;
mod unseen;
mod verdicts;
mod views;

use super::*;
use crate::{
    alerts::{CounterOf, Signal, SignalUnit, presets},
    facts::category::ErrorCategory,
    metrics::Names,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A rule in PromQL, with the names of these settings.
fn told(rule: &Rule, settings: &Settings) -> Promql {
    rule.promql(settings).unwrap()
}

/// The value and the breach of a rule that can be told.
fn texts(rule: &Rule, settings: &Settings) -> (String, String) {
    match told(rule, settings) {
        Promql::Signal { value, breach } => (value, breach),
        Promql::None(reason) => panic!("{rule:?}: {reason}"),
    }
}

fn otel() -> Settings {
    Settings::new().names(Names::OpenTelemetry)
}

/// Names with a prefix and with labels, of which families have one themselves.
fn named() -> Settings {
    let settings = Settings::new().prefix("shop_").label("region", "eu-\"1\"");
    settings.label("service", "shop").label("job", "web")
}

fn above(signal: Signal, threshold: f64) -> Rule {
    Rule::new("a", signal).above(threshold)
}
