//! What a service does beside answering requests.

use std::{io::Write, net::TcpStream};

use serde_json::Value;

use crate::{Server, programs::eventually};

/// The value of a series.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let mut lines = metrics.lines();
    let rest = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    rest.map(|value| value.parse().unwrap())
}

/// Does something of each kind.
fn work(server: &Server) {
    for (path, status) in [
        ("/op?name=fetch&ms=2", 200),
        ("/op?name=fetch&fail=error", 500),
        ("/op?name=fetch&fail=1", 500),
        ("/op?name=fetch&fail=timeout", 500),
        ("/query?operation=SELECT&table=orders&ms=2", 200),
        ("/query?operation=insert&table=orders", 200),
        ("/query?operation=dance&table=orders", 200),
        ("/outbound?service=groq", 200),
        ("/outbound?service=groq&status=404", 200),
        ("/outbound?service=groq&status=429", 200),
        ("/outbound?service=groq&status=503", 500),
        ("/outbound?service=groq&status=504", 500),
        ("/circuit?name=groq&state=open", 200),
        ("/circuit?name=mail&state=half_open", 200),
        ("/circuit?name=mail&state=shut", 400),
        ("/job?name=rollup", 200),
        ("/job?name=rollup&fail=error", 200),
        ("/job?name=rollup&fail=panic", 200),
        ("/op?ms=2", 400),
        ("/op?name=fetch&ms=-1", 400),
        ("/job?name=rollup&fail=perhaps", 400),
        ("/outbound?service=groq&status=x", 400),
    ] {
        assert_eq!(server.get(path).unwrap().0, status, "{path}");
    }
    // A panic ends the connection, and is one of the function.
    assert_eq!(server.get("/op?name=fetch&fail=panic"), None);
}

const COUNTED: [(&str, f64); 20] = [
    (
        r#"monitored_operation_duration_seconds_count{name="fetch",outcome="success"}"#,
        1.0,
    ),
    (
        r#"monitored_operation_duration_seconds_count{name="fetch",outcome="error"}"#,
        2.0,
    ),
    (
        r#"monitored_operation_duration_seconds_count{name="fetch",outcome="timeout"}"#,
        1.0,
    ),
    (
        r#"monitored_operation_duration_seconds_count{name="fetch",outcome="panicked"}"#,
        1.0,
    ),
    (
        r#"db_query_duration_seconds_count{operation="SELECT",table="orders"}"#,
        1.0,
    ),
    (
        r#"db_query_duration_seconds_count{operation="INSERT",table="orders"}"#,
        1.0,
    ),
    (
        r#"db_query_duration_seconds_count{operation="other",table="orders"}"#,
        1.0,
    ),
    (
        r#"external_calls_total{service="groq",outcome="success"}"#,
        2.0,
    ),
    (
        r#"external_calls_total{service="groq",outcome="error"}"#,
        2.0,
    ),
    (
        r#"external_calls_total{service="groq",outcome="timeout"}"#,
        1.0,
    ),
    (
        r#"external_call_duration_seconds_count{service="groq"}"#,
        5.0,
    ),
    (r#"circuit_breaker_state{name="groq",state="open"}"#, 1.0),
    (
        r#"circuit_breaker_state{name="mail",state="half_open"}"#,
        1.0,
    ),
    ("circuit_breaker_open_count", 1.0),
    (r#"job_runs_total{job="rollup",outcome="success"}"#, 1.0),
    (r#"job_runs_total{job="rollup",outcome="error"}"#, 1.0),
    (r#"job_runs_total{job="rollup",outcome="panicked"}"#, 1.0),
    (r#"job_duration_seconds_count{job="rollup"}"#, 3.0),
    (
        r#"errors_total{category="external_service",endpoint="/outbound"}"#,
        1.0,
    ),
    (
        r#"errors_total{category="timeout",endpoint="/outbound"}"#,
        1.0,
    ),
];

#[test]
fn everything_else_that_a_service_does_is_counted_exactly_and_is_in_the_statistics() {
    let server = Server::start(&[]);
    work(&server);
    server.last(23);
    let (_, metrics) = server.administration("/metrics");
    for (series, count) in COUNTED {
        assert_eq!(value(&metrics, series), Some(count), "{series}\n{metrics}");
    }
    assert!(value(&metrics, "process_open_fds").unwrap() > 3.0);
    let lately = server.json("/debug/statistics");
    let row = |list: &str, index: usize| lately[list][index].clone();
    let has = |row: &Value, expected: &[(&str, Value)]| {
        for (key, value) in expected {
            assert_eq!(&row[key], value, "{key} {row:#}");
        }
    };
    has(
        &row("operations", 0),
        &[
            ("name", "fetch".into()),
            ("calls", 5.into()),
            ("errors", 4.into()),
        ],
    );
    assert_eq!(lately["queries"].as_array().unwrap().len(), 3);
    has(
        &row("queries", 0),
        &[("table", "orders".into()), ("calls", 1.into())],
    );
    has(
        &row("outbound", 0),
        &[
            ("service", "groq".into()),
            ("calls", 5.into()),
            ("errors", 3.into()),
        ],
    );
    has(
        &row("jobs", 0),
        &[
            ("job", "rollup".into()),
            ("calls", 3.into()),
            ("errors", 2.into()),
        ],
    );
    assert_eq!(lately["circuits"]["groq"], "open");
    assert_eq!(lately["circuits"]["mail"], "half_open");
}

#[test]
fn a_recorder_of_the_application_gets_everything_else_as_well() {
    let server = Server::start(&[("RECORDER", "foreign")]);
    work(&server);
    server.last(23);
    for (series, count) in COUNTED {
        // A recorder sorts its labels as it likes.
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .filter(|label| !label.is_empty());
        let labels: Vec<_> = labels.collect();
        eventually(series, || {
            let (_, metrics) = server.administration("/metrics");
            let mut lines = metrics.lines().filter(|line| {
                let end = line.find(['{', ' ']).unwrap_or(line.len());
                &line[..end] == name && labels.iter().all(|label| line.contains(label))
            });
            lines
                .find(|line| line.rsplit(' ').next().unwrap().parse() == Ok(count))
                .map(drop)
        });
    }
}

#[test]
fn no_more_names_than_sixty_four_are_kept_and_no_count_is_lost() {
    let server = Server::start(&[]);
    for number in 0..70 {
        let path = format!("/op?name=name-{number}");
        assert_eq!(server.get(&path).unwrap().0, 200);
    }
    server.last(70);
    let (_, metrics) = server.administration("/metrics");
    let name = "monitored_operation_duration_seconds_count{name=\"";
    let names = metrics.lines().filter(|line| line.starts_with(name));
    assert_eq!(names.count(), 65);
    let others = format!("{name}overflow\",outcome=\"success\"}}");
    assert_eq!(value(&metrics, &others), Some(6.0));
}

#[test]
fn work_whose_client_leaves_is_cancelled_and_a_circuit_closes_again() {
    let server = Server::start(&[]);
    for path in ["/op?name=fetch&ms=60000", "/outbound?service=groq&ms=60000"] {
        let mut client = TcpStream::connect(&server.address).unwrap();
        write!(client, "GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        eventually("it runs", || {
            let running = server.outcomes()["in_flight"].as_u64().unwrap();
            (running == 1).then_some(())
        });
        drop(client);
        eventually("it is cancelled", || {
            let running = server.outcomes()["in_flight"].as_u64().unwrap();
            (running == 0).then_some(())
        });
    }
    for (path, status) in [
        ("/outbound?service=groq&status=500", 500),
        ("/circuit?name=groq&state=open", 200),
        ("/circuit?name=groq&state=half_open", 200),
        ("/circuit?name=groq&state=closed", 200),
        ("/job?name=rollup&fail=timeout", 200),
    ] {
        assert_eq!(server.get(path).unwrap().0, status, "{path}");
    }
    let (_, metrics) = server.administration("/metrics");
    for (series, count) in [
        (
            r#"monitored_operation_duration_seconds_count{name="fetch",outcome="cancelled"}"#,
            1.0,
        ),
        (
            r#"external_calls_total{service="groq",outcome="cancelled"}"#,
            1.0,
        ),
        (
            r#"external_calls_total{service="groq",outcome="error"}"#,
            1.0,
        ),
        (r#"circuit_breaker_state{name="groq",state="closed"}"#, 1.0),
        (r#"circuit_breaker_state{name="groq",state="open"}"#, 0.0),
        ("circuit_breaker_open_count", 0.0),
        (r#"job_runs_total{job="rollup",outcome="timeout"}"#, 1.0),
    ] {
        assert_eq!(value(&metrics, series), Some(count), "{series}\n{metrics}");
    }
    // The service that failed is on the line of its request.
    let lines = server.last(7);
    let failed = lines
        .iter()
        .filter(|line| line["external_service"] == "groq");
    assert_eq!(failed.count(), 1, "{lines:?}");
}
