//! What the application counts itself.

use std::collections::BTreeMap;

use crate::{Server, programs::eventually};

#[test]
fn a_counter_of_the_application_is_in_the_metrics_and_in_the_snapshot() {
    let server = Server::start(&[]);
    for path in [
        "/own?name=orders_total&label=kind&value=tea&n=3",
        "/own?name=orders_total&label=kind&value=tea",
        "/own?name=orders_total&label=kind&value=a%20%22b%22",
        "/own?name=visits",
        "/own?name=never&n=0",
    ] {
        assert_eq!(server.get(path).unwrap().0, 200, "{path}");
    }
    assert_eq!(server.get("/own").unwrap().0, 400);
    assert_eq!(server.get("/own?name=visits&n=-1").unwrap().0, 400);
    server.last(7);
    let (_, metrics) = server.administration("/metrics");
    let series = [
        (r#"orders_total{kind="tea"}"#, 4),
        (r#"orders_total{kind="a \"b\""}"#, 1),
        ("visits", 1),
        ("never", 0),
        ("http_requests_started_total", 7),
        (
            r#"http_requests_total{method="GET",endpoint="/own",status="200"}"#,
            5,
        ),
    ];
    let snapshot = server.json("/debug/snapshot");
    for (name, value) in series {
        let line = format!("{name} {value}");
        assert!(metrics.lines().any(|found| found == line), "{line}");
        assert_eq!(snapshot["counters"][name], value, "{name}");
    }
    let durations = r#"http_request_duration_seconds{method="GET",endpoint="/own"}"#;
    assert_eq!(snapshot["histograms"][durations]["count"], 7);
    assert_eq!(snapshot["gauges"]["http_requests_in_flight"], 0.0);
}

#[test]
fn three_thousand_values_of_a_label_are_two_thousand_series_and_lose_no_count() {
    let server = Server::start(&[]);
    for user in 0..3_000 {
        let path = format!("/own?name=logins_total&label=user&value=u{user}&n=2");
        server.get(&path).unwrap();
    }
    let (_, metrics) = server.administration("/metrics");
    let series = metrics.lines().filter_map(|line| {
        let labels = line.strip_prefix("logins_total{user=\"")?;
        let (user, count) = labels.split_once("\"} ")?;
        Some((user, count.parse().unwrap()))
    });
    let mut series: BTreeMap<&str, u64> = series.collect();
    assert_eq!(series.remove("overflow"), Some(2_000));
    assert_eq!(series.len(), 2_000);
    assert!(series.values().all(|count| *count == 2));
    let line = "vitals_overflow_total 2000";
    assert!(metrics.lines().any(|found| found == line), "{line}");
    eventually("a warning", || {
        (server.warnings("logins_total") > 0).then_some(())
    });
    assert_eq!(server.warnings("logins_total"), 1);
}
