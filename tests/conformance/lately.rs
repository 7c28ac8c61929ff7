//! What the server did lately.

use std::{collections::BTreeMap, env, fs, path::PathBuf, process, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    Server, get,
    programs::{Folder, eventually},
};

impl Server {
    fn statistics(&self, window: &str) -> Value {
        self.json(&format!("/debug/statistics?window={window}"))
    }

    /// How many requests of an endpoint were in a window.
    fn requests(&self, window: &str, endpoint: &str) -> u64 {
        let statistics = self.statistics(window);
        let mut endpoints = statistics["endpoints"].as_array().unwrap().iter();
        let row = endpoints.find(|row| row["endpoint"] == endpoint);
        row.map_or(0, |row| row["requests"].as_u64().unwrap())
    }

    /// Sends the same request some times, and waits until the last one is counted.
    fn send(&self, path: &str, times: u64) {
        let before = self.outcomes()["started"].as_u64().unwrap();
        for _ in 0..times {
            self.get(path).unwrap();
        }
        self.last(before + times);
    }

    /// Ends it as a deployment does.
    fn end(mut self) {
        self.signal("-TERM");
        assert!(self.running.0.wait().unwrap().success());
    }
}

/// A file that is not there yet, in a folder of its own.
fn state(name: &str) -> (Folder, PathBuf) {
    let name = format!("tower-vitals-{name}-{}", process::id());
    let folder = env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("state");
    (Folder(folder), file)
}

#[test]
fn statistics_say_what_was_sent() {
    let server = Server::start(&[("EXCLUDE", "/health")]);
    let sent = [
        ("GET", "/full", "/full", "200", "", 9),
        ("POST", "/echo", "/echo", "200", "", 3),
        ("GET", "/echo", "/echo", "200", "", 1),
        ("GET", "/users/7", "/users/{id}", "200", "", 2),
        ("GET", "/users/8", "/users/{id}", "200", "", 2),
        ("BREW", "/users/9", "/users/{id}", "200", "", 1),
        ("GET", "/err?status=503", "/err", "503", "server_error", 4),
        ("GET", "/err?status=404", "/err", "404", "not_found", 2),
        (
            "GET",
            "/fail?kind=database&msg=a",
            "/fail",
            "500",
            "database",
            3,
        ),
        (
            "GET",
            "/fail?kind=timeout&msg=a",
            "/fail",
            "500",
            "timeout",
            1,
        ),
        (
            "GET",
            "/fail?kind=validation",
            "/fail",
            "422",
            "validation",
            2,
        ),
        ("GET", "/panic", "/panic", "500", "server_error", 2),
        ("GET", "/nothing", "unmatched", "404", "not_found", 1),
        ("GET", "/slow?ms=150", "/slow", "200", "", 1),
        ("GET", "/health", "", "", "", 5),
    ];
    let mut rows = BTreeMap::<_, BTreeMap<&str, u64>>::new();
    let mut errors = BTreeMap::<_, u64>::new();
    let mut observed = 0;
    for (method, path, endpoint, status, category, times) in sent {
        for _ in 0..times {
            let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
            get(&server.address, &head);
        }
        if endpoint.is_empty() {
            continue;
        }
        observed += times;
        let method = if method == "BREW" { "_OTHER" } else { method };
        let statuses = rows.entry((method, endpoint)).or_default();
        *statuses.entry(status).or_default() += times;
        if !category.is_empty() {
            *errors.entry((category, endpoint)).or_default() += times;
        }
    }
    server.last(observed);

    let statistics = server.json("/debug/statistics");
    assert_eq!(statistics["window_seconds"], 300.0);
    let endpoints = statistics["endpoints"].as_array().unwrap();
    for row in endpoints {
        let (method, endpoint) = (&row["method"], &row["endpoint"]);
        let key = (method.as_str().unwrap(), endpoint.as_str().unwrap());
        let statuses = rows.remove(&key).unwrap();
        let count = |digit| {
            let of_digit = statuses.iter().filter(|(one, _)| one.starts_with(digit));
            of_digit.map(|(_, times)| times).sum::<u64>()
        };
        let (all, server_errors) = (statuses.values().sum::<u64>(), count('5'));
        let slow = if endpoint == "/slow" { 1 } else { 0 };
        let severities = json!({
            "normal": all - server_errors - slow, "slow": slow, "warning": 0, "critical": server_errors,
        });
        assert_eq!(row["requests"], all, "{row}");
        assert_eq!(row["errors"], server_errors, "{row}");
        assert_eq!(row["client_errors"], count('4'), "{row}");
        assert_eq!(row["statuses"], json!(statuses), "{row}");
        assert_eq!(row["severities"], severities, "{row}");
        let times = ["p50_ms", "p95_ms", "p99_ms", "max_ms"].map(|name| row[name].as_f64());
        assert!(times[0] > Some(0.0) && times.is_sorted(), "{row}");
        assert_eq!(row["last_updated"].as_str().unwrap().len(), 24, "{row}");
        if slow == 1 {
            let mean = row["mean_ms"].as_f64().unwrap();
            assert!(mean >= 150.0, "{row}");
            let off = (times[0].unwrap() / mean - 1.0).abs();
            assert!(off < 0.05, "{row}");
        }
    }
    assert!(rows.is_empty(), "not there: {rows:?}");
    let requests = endpoints.iter().map(|row| row["requests"].as_u64());
    assert!(requests.rev().is_sorted(), "{endpoints:?}");

    for row in statistics["errors"].as_array().unwrap() {
        let (category, endpoint) = (&row["category"], &row["endpoint"]);
        let key = (category.as_str().unwrap(), endpoint.as_str().unwrap());
        assert_eq!(row["count"], errors.remove(&key).unwrap(), "{row}");
        assert_eq!(row["previous"], 0, "{row}");
    }
    assert!(errors.is_empty(), "not there: {errors:?}");
    assert_eq!(statistics["total"]["requests"], observed);
    assert_eq!(statistics["excluded"], 5);
    assert_eq!(statistics["releases"], json!([]));
}

#[test]
fn a_window_forgets_what_is_older_and_a_longer_one_does_not() {
    let server = Server::start(&[("SLOT_MS", "50")]);
    server.send("/err", 5);
    let failures = |window: &str| {
        let statistics = server.statistics(window);
        let row = &statistics["errors"][0];
        (row["count"].as_u64(), row["previous"].as_u64())
    };
    assert_eq!(failures("24h"), (Some(5), Some(0)));
    eventually("the window before has them", || {
        (failures("2s") == (Some(0), Some(5))).then_some(())
    });
    eventually("they are forgotten", || {
        (failures("2s") == (None, None)).then_some(())
    });
    assert_eq!(server.requests("2s", "/err"), 0);
    assert_eq!(server.requests("24h", "/err"), 5);
    server.send("/err", 2);
    assert_eq!(failures("24h"), (Some(7), Some(0)));
}

#[test]
fn with_slots_of_a_millisecond_a_day_is_over_in_nine_seconds() {
    let server = Server::start(&[("SLOT_MS", "1")]);
    let begun = Instant::now();
    server.send("/full", 5);
    assert_eq!(server.requests("24h", "/full"), 5);
    eventually("the day is over", || {
        (server.requests("24h", "/full") == 0).then_some(())
    });
    assert!(begun.elapsed() >= Duration::from_millis(8_640));
}

#[test]
fn a_window_is_a_time_of_at_most_a_day() {
    let server = Server::start(&[]);
    for (window, seconds) in [
        ("?window=24h", 86_400.0),
        ("?window=10s", 10.0),
        ("?window=500ms", 0.5),
        ("?window=1h%2030m", 5_400.0),
        ("", 300.0),
    ] {
        let statistics = server.json(&format!("/debug/statistics{window}"));
        assert_eq!(statistics["window_seconds"], seconds, "{window}");
        assert_eq!(statistics["endpoints"], json!([]), "{window}");
        assert_eq!(statistics["requests_per_second"], 0.0, "{window}");
    }
    for bad in [
        "",
        "soon",
        "5",
        "5x",
        "0",
        "0s",
        "-5m",
        "24h1ms",
        "25h",
        "99999999999999999999h",
    ] {
        let path = format!("/debug/statistics?window={bad}");
        let (status, text) = server.administration(&path);
        assert_eq!(status, 400, "{bad:?}: {text}");
        assert!(text.contains(&format!("{bad:?}")), "{bad:?}: {text}");
    }
    assert_eq!(server.outcomes()["started"], 0);
}

#[test]
fn a_restart_keeps_what_was_counted_and_a_new_version_is_a_deployment() {
    let (_folder, file) = state("restart");
    let file = file.to_str().unwrap();
    let start = |version| {
        Server::start(&[
            ("STATE", file),
            ("APP_VERSION", version),
            ("SHUTDOWN_MS", "400"),
        ])
    };
    let first = start("1.0");
    first.send("/full", 5);
    first.send("/fail?kind=database&msg=a", 3);
    let statistics = first.statistics("24h");
    assert_eq!(statistics["restored_seconds"], 0.0);
    assert_eq!(statistics["releases"], json!([]), "nothing was before it");
    first.end();

    let again = start("1.0");
    again.send("/full", 1);
    assert_eq!(again.requests("24h", "/full"), 6);
    assert_eq!(again.statistics("24h")["releases"], json!([]));
    again.end();

    let next = start("1.1");
    next.send("/full", 2);
    let statistics = next.statistics("24h");
    let rows = statistics["endpoints"].as_array().unwrap();
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row["endpoint"].as_str().unwrap(), row["statuses"].clone()))
        .collect();
    let (full, fail) = (json!({"200": 8}), json!({"500": 3}));
    assert_eq!(rows, [("/full", full), ("/fail", fail)]);
    let failures = &statistics["errors"][0];
    assert_eq!(
        (&failures["category"], &failures["count"]),
        (&"database".into(), &3.into())
    );
    assert!(statistics["restored_seconds"].as_f64() > Some(0.0));
    assert!(statistics["endpoints"][0]["p95_ms"].as_f64() > Some(0.0));
    let releases = statistics["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 1, "{releases:?}");
    assert_eq!(releases[0]["version"], "1.1");
    assert_eq!(releases[0]["until"], Value::Null);
    assert_eq!(releases[0]["requests"], 2);
    assert_eq!(statistics["deployments"]["per_day"], 1);
    // The counters behind the metrics begin again, as Prometheus expects it.
    let (_, metrics) = next.administration("/metrics");
    assert!(
        metrics
            .lines()
            .any(|line| line == "http_requests_started_total 2")
    );
    assert_eq!(next.warnings("state file"), 0);
    next.end();
}

#[test]
fn a_second_process_on_a_state_file_says_so_and_serves() {
    let (_folder, file) = state("two");
    let start = || Server::start(&[("STATE", file.to_str().unwrap()), ("SHUTDOWN_MS", "400")]);
    let first = start();
    first.send("/full", 5);
    let second = start();
    assert_eq!(first.warnings("another process"), 0);
    eventually("a warning", || {
        (second.warnings("another process keeps its state in it") == 1).then_some(())
    });
    second.send("/full", 2);
    assert_eq!(second.requests("24h", "/full"), 2);
    assert_eq!(second.statistics("24h")["restored_seconds"], 0.0);
    // The last one to end writes nothing over it.
    first.end();
    second.end();
    assert_eq!(start().requests("24h", "/full"), 5);
}
