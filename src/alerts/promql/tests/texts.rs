//! How rules are told.

use super::{rules::every_signal, *};
use crate::metrics::{
    exposition::{Format, Writer},
    samples::{self, Family, Histogram, Samples},
};

fn value(signal: Signal, settings: &Settings) -> String {
    texts(&above(signal, 5.0), settings).0
}

fn breach(rule: &Rule) -> String {
    texts(rule, &Settings::new()).1
}

#[test]
fn a_share_is_judged_over_longer_times_where_there_are_few_requests() {
    let (value, breach) = texts(&above(Signal::error_rate_percent(), 5.0), &Settings::new());
    let failed =
        |window| format!(r#"sum(increase(http_requests_total{{status=~"5.."}}[{window}]))"#);
    let all = |window| format!("sum(increase(http_requests_total[{window}]))");
    let percent = |window| format!("100 * {} / {}", failed(window), all(window));
    assert_eq!(value, percent("5m"));
    let levels = [
        format!("{} > 5 and {} > 19.5", percent("5m"), all("5m")),
        format!(
            "{} > 5 and {} > 19.5 and {} > 0.5 and {} > 1.5 unless {} > 19.5",
            percent("1h"),
            all("1h"),
            failed("5m"),
            failed("15m"),
            all("5m")
        ),
        format!(
            "{} > 5 and {} > 19.5 and {} > 0.5 and {} > 1.5 unless {} > 19.5 unless {} > 19.5",
            percent("6h"),
            all("6h"),
            failed("15m"),
            failed("1h"),
            all("5m"),
            all("1h")
        ),
    ];
    assert_eq!(breach, levels.join(" or "));
}

#[test]
fn levels_that_are_not_longer_than_the_window_are_left_out() {
    let rule = |minutes| above(Signal::error_rate_percent(), 5.0).window(MINUTE * minutes);
    for (minutes, levels) in [(5, 3), (59, 3), (60, 2), (359, 2), (360, 1)] {
        let breach = breach(&rule(minutes));
        assert_eq!(breach.split(" or ").count(), levels, "{minutes}: {breach}");
    }
    // Of each endpoint, the window alone is judged, and so is a share that is too low, or that needs no requests.
    for rule in [
        rule(5).each_endpoint(),
        rule(5).below(1.0),
        rule(5).at_least(0),
    ] {
        let breach = breach(&rule);
        assert!(!breach.contains(" or "), "{breach}");
    }
}

#[test]
fn the_longer_times_are_multiples_of_the_shortest_slot() {
    let settings = Settings::new();
    let published = Published::new(settings.names, &settings.naming, Duration::from_millis(10));
    let rule = above(Signal::error_rate_percent(), 5.0).window(Duration::from_millis(500));
    let Promql::Signal { breach, .. } = rule.checked(&[]).unwrap().promql(&published) else {
        panic!("it can be told");
    };
    for range in ["[500ms]", "[900ms]", "[3600ms]", "[21600ms]"] {
        assert!(breach.contains(range), "{range}: {breach}");
    }
}

#[test]
fn signals_have_the_names_of_the_preset() {
    let names = Settings::new();
    let database = |signal: Signal| signal.category(ErrorCategory::Database);
    for (signal, settings, text) in [
        (
            Signal::errors_per_minute(),
            &names,
            r#"60 * sum(increase(http_requests_total{status=~"5.."}[5m])) / 300"#,
        ),
        (
            database(Signal::errors_per_minute()),
            &otel(),
            r#"60 * sum(increase(errors_total{category="database"}[5m])) / 300 or 0 * sum(http_requests_started_total)"#,
        ),
        (
            Signal::requests_per_second(),
            &otel(),
            r#"(sum(increase(http_server_request_duration_seconds_count[5m])) + sum(increase(http_request_outcomes_total{outcome="cancelled"}[5m]))) / 300"#,
        ),
        (
            Signal::p99_ms(),
            &otel(),
            "1000 * histogram_quantile(0.99, sum by (le) (increase(http_server_request_duration_seconds_bucket[5m])))",
        ),
        (
            Signal::in_flight(),
            &otel(),
            "sum without (http_request_method, url_scheme) (http_server_active_requests) or 0 * http_requests_started_total",
        ),
        (
            Signal::query_p95_ms().only("orders"),
            &otel(),
            r#"1000 * histogram_quantile(0.95, sum by (le) (increase(db_client_operation_duration_seconds_bucket{db_collection_name="orders"}[5m])))"#,
        ),
        (
            Signal::external_error_rate_percent(),
            &named(),
            r#"100 * sum by (service) (increase(shop_external_calls_total{exported_job="web",region="eu-\"1\"",outcome=~"error|timeout|panicked"}[5m])) / sum by (service) (increase(shop_external_calls_total{exported_job="web",region="eu-\"1\""}[5m]))"#,
        ),
        (
            Signal::job_age().only("rollup"),
            &names,
            r#"time() - max by (exported_job) (max_over_time(job_last_success_timestamp_seconds{exported_job="rollup"}[24h]))"#,
        ),
        (
            Signal::pool_usage_percent().only("a\"b"),
            &names,
            r#"100 * db_connection_pool_in_use{pool="a\"b"} / db_connection_pool_max{pool="a\"b"}"#,
        ),
        (
            Signal::gauge("workers_active", &[("queue", "mail")]),
            &named(),
            r#"workers_active{queue="mail"}"#,
        ),
    ] {
        assert_eq!(value(signal, settings), text);
    }
}

#[test]
fn an_endpoint_a_method_or_each_is_chosen_by_labels() {
    let rate = || above(Signal::requests_per_second(), 5.0);
    let names = Settings::new();
    for (rule, settings, text) in [
        (
            rate().endpoint("/orders/{id}"),
            &names,
            r#"sum(increase(http_requests_total{endpoint="/orders/{id}"}[5m])) / 300"#,
        ),
        (
            rate().endpoint("/a").method("POST"),
            &otel(),
            r#"sum(increase(http_server_request_duration_seconds_count{http_route="/a",http_request_method="POST"}[5m])) / 300"#,
        ),
        (
            rate().each_endpoint(),
            &names,
            "sum by (method, endpoint) (increase(http_requests_total[5m])) / 300",
        ),
        (
            above(Signal::p50_ms(), 5.0).each_endpoint(),
            &otel(),
            "1000 * histogram_quantile(0.5, sum by (http_request_method, http_route, le) (increase(http_server_request_duration_seconds_bucket[5m])))",
        ),
        (
            above(
                Signal::error_rate_percent().category(ErrorCategory::ServerError),
                5.0,
            )
            .each_endpoint(),
            &names,
            // What fails on excluded paths is no request.
            r#"100 * sum by (endpoint) (increase(errors_total{category="server_error",endpoint!="excluded"}[5m])) / sum by (endpoint) (increase(http_requests_total[5m]))"#,
        ),
    ] {
        assert_eq!(texts(&rule, settings).0, text);
    }
}

#[test]
fn a_latency_is_judged_by_the_count_at_its_edge() {
    let rule = above(Signal::p95_ms(), 2_000.0).endpoint("/a");
    let value = r#"1000 * histogram_quantile(0.95, sum by (le) (increase(http_request_duration_seconds_bucket{endpoint="/a"}[5m])))"#;
    let all = r#"sum(increase(http_request_duration_seconds_count{endpoint="/a"}[5m]))"#;
    let upto =
        r#"sum(increase(http_request_duration_seconds_bucket{endpoint="/a",le=~"2|2\\.0"}[5m]))"#;
    assert_eq!(
        breach(&rule),
        format!("{value} and 100 * ({all} - {upto}) > 5 * {all} and {all} > 19.5")
    );
    // It is not broken at the edge, so it is broken below it there.
    let below = breach(&rule.below(2_000.0).at_least(0));
    assert_eq!(
        below,
        format!("{value} and 100 * ({all} - {upto}) <= 5 * {all} and {all} > 0.5")
    );
}

#[test]
fn an_edge_is_spelled_as_both_formats_write_it() {
    for (threshold, spellings) in [
        (2_000.0, &["2", "2.0"][..]),
        (500.0, &["0.5"]),
        (3_600_000.0, &["3600", "3600.0"]),
        (0.001, &["1e-6", "1e-06"]),
        (33.3, &["0.0333"]),
    ] {
        let rule = above(Signal::p95_ms(), threshold).checked(&[]).unwrap();
        let edge = rule.edge().unwrap();
        let spelled = published::edge(edge);
        let published = crate::metrics::bounds::Bounds::new([edge]).published();
        for format in [Format::Text, Format::OpenMetrics] {
            let mut writer = Writer::new(format);
            writer.family(&Family {
                name: "a",
                kind: samples::Kind::Histogram,
                unit: None,
                help: "",
            });
            writer.histogram(
                &[],
                &Histogram {
                    edges: &published,
                    counts: &[1, 1],
                    sum: 1.0,
                    exemplars: &[],
                    fine: None,
                    range: None,
                },
            );
            let text = writer.finish();
            let is_shown = |spelling: &String| text.contains(&format!("le=\"{spelling}\""));
            assert!(spelled.iter().any(is_shown), "{spelled:?}: {text}");
        }
        assert_eq!(spelled, spellings);
    }
}

#[test]
fn what_cannot_be_told_has_a_reason() {
    for signal in [
        Signal::asked("a", SignalUnit::Count, || None),
        Signal::new_errors_since_deployment(),
        Signal::gauge("a", &[("messages.sent", "1")]),
        Signal::gauge("a", &[("__name__", "b")]),
        Signal::gauge("a", &[("b", "")]),
    ] {
        for settings in [Settings::new(), otel()] {
            let told = told(&above(signal.clone(), 1.0), &settings);
            assert!(matches!(told, Promql::None(_)), "{told:?}");
        }
    }
}

/// The row of a signal in the page on alerts.
fn row(signal: &Signal) -> String {
    let told = match told(&above(signal.clone(), 1.0), &Settings::new()) {
        // A line would end a cell.
        Promql::Signal { value, .. } => format!("`{}`", value.replace('|', "\\|")),
        Promql::None(reason) => format!("none: {reason}"),
    };
    format!(
        "| `{}` | {} | {told} |",
        signal.name(),
        signal.unit().as_str()
    )
}

#[test]
fn the_page_on_alerts_has_a_row_for_each_signal() {
    let page = include_str!("../../../../docs/alerts.md");
    let (_, after) = page.split_once("<!-- signals -->\n").unwrap();
    let (table, _) = after.split_once("<!-- /signals -->").unwrap();
    let rows: Vec<_> = every_signal().iter().map(row).collect();
    let head = "| signal | unit | PromQL |\n| --- | --- | --- |";
    assert_eq!(table.trim(), format!("{head}\n{}", rows.join("\n")));
}
