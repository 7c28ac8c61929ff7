//! Rules of all kinds, in all scopes.

use super::*;
use crate::alerts::presets;

/// Each signal that has no name of its own.
pub(super) fn every_signal() -> [Signal; 26] {
    [
        Signal::error_rate_percent(),
        Signal::errors_per_minute(),
        Signal::p50_ms(),
        Signal::p95_ms(),
        Signal::p99_ms(),
        Signal::requests_per_second(),
        Signal::in_flight(),
        Signal::memory_usage_percent(),
        Signal::cpu_usage_percent(),
        Signal::disk_free_percent(),
        Signal::circuit_breaker_open_count(),
        Signal::health_check_failed(),
        Signal::query_p95_ms(),
        Signal::slow_queries(),
        Signal::pool_usage_percent(),
        Signal::external_error_rate_percent(),
        Signal::runtime_lag_ms(),
        Signal::certificate_days_left(),
        Signal::job_failures(),
        Signal::job_age(),
        Signal::queue_length(),
        Signal::redis_memory_percent(),
        Signal::cache_hit_percent(),
        Signal::error_spike_percent(),
        Signal::new_errors(),
        Signal::new_errors_since_deployment(),
    ]
}

/// Names of things, of which some need quotes.
const NAMES: [&str; 3] = ["primary", "/orders/{id}\"\\\n\t", "ü%|.*"];

/// Signals of the application, of which some have no plain names.
fn own_signals() -> Vec<Signal> {
    let counter = |name: &str| CounterOf::named(name).label("status", NAMES[1]);
    let mut own = vec![Signal::asked("asked", SignalUnit::Count, || None)];
    for name in ["workers_busy", "inf", "bool", "sum", "messages.sent", "by"] {
        own.push(Signal::gauge(name, &[("job", "a"), ("on", NAMES[2])]));
        let whole = CounterOf::named(name);
        own.push(Signal::share_percent("own_percent", counter(name), whole));
    }
    own
}

/// The presets, and each signal on both sides of a threshold, in each scope, by each category and for one name.
pub(super) fn every_rule() -> Vec<Rule> {
    let mut rules: Vec<_> = presets::usual()
        .into_iter()
        .chain(presets::guides())
        .collect();
    rules.extend([
        presets::payment_failures(),
        presets::workers_down("active_workers"),
        presets::job_overdue("rollup", Duration::from_secs(86_400)),
    ]);
    for signal in every_signal().into_iter().chain(own_signals()) {
        let mut signals = vec![signal.clone()];
        let categories = ErrorCategory::ALL.into_iter();
        signals.extend(categories.map(|category| signal.clone().category(category)));
        signals.extend(NAMES.map(|name| signal.clone().only(name)));
        for signal in signals {
            for window in [1, 500, 90_000, 300_000, 7_200_000, 36_000_000] {
                let window = Duration::from_millis(window);
                let rule = || Rule::new("placeholder", signal.clone()).window(window);
                rules.extend([
                    rule().above(1.5),
                    rule().below(99.0).at_least(0),
                    rule().above(2.0).at_least(1).each_endpoint(),
                    rule().below(2.0).each_endpoint(),
                    rule().above(20.0).endpoint(NAMES[1]),
                    rule().below(0.7).endpoint(NAMES[2]).method("POST"),
                ]);
            }
        }
    }
    let named = rules.into_iter().enumerate().map(|(index, rule)| Rule {
        name: format!("{}_{index}", rule.name),
        ..rule
    });
    // Not every signal has categories, names and endpoints.
    named
        .filter(|rule| rule.clone().checked(&[]).is_ok())
        .collect()
}
