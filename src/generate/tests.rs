//! What is generated, and what Prometheus and Alertmanager make of it.

mod runbooks;
mod served;
mod slo;
mod texts;
mod tools;
mod validators;

use std::time::Duration;

use super::Generated;
use crate::{
    alerts::{Alerts, CounterOf, Rule, Signal, presets},
    facts::category::ErrorCategory,
    metrics::{Names, Settings},
};

/// A text that is no plain one in YAML, in PromQL, in templates and in regular expressions.
const AWKWARD: &str = "a\"b' {{c}} {d}\\e %f ü: #g | .* `h`\n";

/// Both presets of names, also with a prefix and with labels.
fn all_settings() -> [Settings; 3] {
    [
        Settings::new(),
        Settings::new().names(Names::OpenTelemetry),
        Settings::new().prefix("shop_").label("region", AWKWARD),
    ]
}

/// All rules of the presets, and some whose names and texts are awkward.
fn every_rule() -> Alerts {
    let route = "/orders/{id}";
    let awkward = Rule::new("awkward", Signal::error_rate_percent())
        .above(2.5)
        .endpoint(AWKWARD)
        .summary(AWKWARD)
        .runbook("https://example.com/a?{{b}}");
    let own = CounterOf::named("own.things").label("kind", AWKWARD);
    let whole = CounterOf::named("own.things");
    Alerts::default().rules(presets::guides()).rules([
        presets::payment_failures(),
        presets::job_overdue("rollup", Duration::from_secs(86_400)),
        Rule::new("old_jobs", Signal::job_age())
            .above(1_800.0)
            .pending_for(Duration::from_secs(90)),
        presets::workers_down("active_workers"),
        Rule::new("slow_order", Signal::p99_ms())
            .above(500.0)
            .endpoint(route)
            .method("POST"),
        Rule::new("each", Signal::error_rate_percent())
            .above(1.0)
            .each_endpoint(),
        Rule::new("few", Signal::requests_per_second()).below(0.5),
        Rule::new("own", Signal::share_percent("own_percent", own, whole)).above(3.0),
        Rule::new(
            "validation",
            Signal::error_rate_percent().category(ErrorCategory::Validation),
        )
        .above(20.0),
        Rule::new("awkward_query", Signal::query_p95_ms().only(AWKWARD)).above(1_000.0),
        Rule::new("spike_each", Signal::error_spike_percent())
            .above(33.3)
            .each_endpoint(),
        Rule::new(
            "spike_of_database",
            Signal::error_spike_percent().category(ErrorCategory::Database),
        )
        .above(200.0),
        Rule::new("new_each", Signal::new_errors())
            .above(1.0)
            .each_endpoint(),
        Rule::new("awkward_job", Signal::job_failures().only(AWKWARD)).above(2.0),
        Rule::new(
            "awkward_call",
            Signal::external_error_rate_percent().only(AWKWARD),
        )
        .above(12.5),
        Rule::new("own_now", Signal::gauge(AWKWARD, &[("kind", AWKWARD)])).above(-2.5),
        Rule::new("own_low", Signal::gauge("own.things", &[])).below(7.0),
        Rule::new(
            "own_beside",
            Signal::share_percent(
                "beside",
                CounterOf::named("own_failed"),
                CounterOf::named("own_all"),
            ),
        )
        .above(3.0),
        awkward,
    ])
}

fn generated(settings: &Settings) -> Generated {
    let generated = Generated::new(every_rule(), settings).unwrap();
    let generated = generated.service("the \"shop\" {{x}} ü");
    generated.dashboard("https://grafana.example.com/d/{{shop}}")
}
