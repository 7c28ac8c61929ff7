//! Lets a real Prometheus scrape the quickstart, and runs the queries of the guides.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod programs;

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use axum::{Router, http::StatusCode, routing};
use serde_json::Value;
use tower_vitals::{TraceContextLayer, Vitals};

use crate::programs::{Folder, Running, eventually, example, free_port::free_port, get};

/// The quickstart as `cargo test` has built it, on a port of its own.
fn quickstart() -> (Running, String) {
    let program = example("quickstart");
    let mut child = Command::new(&program)
        .env_clear()
        .env("PORT", "0")
        .env("LOG_LEVEL", "error")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !first.starts_with("An order service on ") {
        first.clear();
        assert!(
            out.read_line(&mut first).unwrap() > 0,
            "{program:?} wrote no line"
        );
    }
    // Its further output must not fill the pipe.
    thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    let address = first
        .split("http://")
        .nth(1)
        .unwrap()
        .split(". ")
        .next()
        .unwrap();
    (Running(child), address.to_owned())
}

/// The address of a service that continues traces, in this process.
fn traced_service() -> String {
    let traces = TraceContextLayer::new();
    let vitals = Vitals::builder().isolated().trace_context(traces);
    let vitals = vitals.build().unwrap();
    let slow = async || {
        tokio::time::sleep(Duration::from_millis(20)).await;
        "slow"
    };
    let app = Router::new()
        .route("/quick", routing::get(async || "quick"))
        .route("/slow", routing::get(slow))
        .route("/fail", routing::get(async || StatusCode::BAD_GATEWAY))
        .layer(vitals.layer())
        .merge(vitals.routes());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
    });
    address
}

/// Passes scrapes on to a target, and asks it for the text format, which no setting of Prometheus 2.42 does.
fn text_front(target: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let target = target.to_owned();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut head = BufReader::new(&socket).lines();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let body = get(&target, "/metrics", "accept: text/plain\r\n").unwrap_or_default();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
            let length = body.len();
            // Prometheus may have left.
            let _ = write!(socket, "{head}content-length: {length}\r\n\r\n{body}");
        }
    });
    address
}

/// Starts a Prometheus that scrapes and evaluates each second. Each job has one target.
fn prometheus(jobs: &[(&str, &str)]) -> (Running, Folder, String) {
    let jobs_named: Vec<_> = jobs.iter().map(|(job, _)| *job).collect();
    let directory = env::temp_dir().join(format!(
        "tower-vitals-prometheus-{}-{}",
        jobs_named.join("-"),
        std::process::id()
    ));
    fs::create_dir_all(&directory).unwrap();
    let config = directory.join("prometheus.yml");
    let mut text =
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\nscrape_configs:\n".to_owned();
    for (job, target) in jobs {
        text += &format!("- {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}\n");
    }
    fs::write(&config, text).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            directory.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .args(["--log.level=warn", "--enable-feature=exemplar-storage"])
        .spawn()
        .expect("prometheus is not installed");
    (Running(child), Folder(directory), address)
}

fn json(address: &str, path: &str) -> Option<Value> {
    serde_json::from_str(&get(address, path, "")?).ok()
}

/// Waits until every target was scraped without an error.
fn until_up(prometheus: &str, targets: usize) {
    eventually("the targets are up", || {
        let answer = json(prometheus, "/api/v1/targets")?;
        let all = answer["data"]["activeTargets"].as_array()?;
        let up = |target: &&Value| target["health"] == "up" && target["lastError"] == "";
        (all.iter().filter(up).count() == targets).then_some(())
    });
}

fn encoded(expression: &str) -> String {
    let bytes = expression.bytes();
    bytes.map(|byte| format!("%{byte:02x}")).collect()
}

/// The values that an expression has now, each with its labels.
fn query(prometheus: &str, expression: &str) -> Vec<(Value, f64)> {
    let encoded = encoded(expression);
    let answer = json(prometheus, &format!("/api/v1/query?query={encoded}")).unwrap();
    let found = answer["data"]["result"]
        .as_array()
        .unwrap_or_else(|| panic!("{expression}: {answer}"));
    let value = |one: &Value| one["value"][1].as_str().unwrap().parse().unwrap();
    found
        .iter()
        .map(|one| (one["metric"].clone(), value(one)))
        .collect()
}

#[test]
#[ignore = "needs prometheus and promtool; .ci/run installs them"]
fn prometheus_scrapes_the_quickstart_and_the_guides_promql_runs_unchanged() {
    let (_quickstart, target) = quickstart();
    let send = |path: &str| get(&target, path, "").unwrap();
    let send_all = |paths: &[&str]| paths.iter().for_each(|path| drop(send(path)));
    // Prometheus sees no increase in the first sample of a series, so each series needs one before.
    send_all(&["/orders", "/slow", "/fail"]);

    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is not installed");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(send("/metrics").as_bytes())
        .unwrap();
    let lint = promtool.wait_with_output().unwrap();
    assert!(
        lint.status.success() && lint.stdout.is_empty() && lint.stderr.is_empty(),
        "{lint:?}"
    );

    // The process is dropped before its folder.
    let (_prometheus, _folder, prometheus) = prometheus(&[("quickstart", &target)]);
    until_up(&prometheus, 1);
    let total = |status: &str| -> f64 {
        let selector = format!("http_requests_total{{status=~\"{status}\"}}");
        query(&prometheus, &selector)
            .iter()
            .map(|(_, value)| value)
            .sum()
    };
    eventually("the first of each was scraped", || {
        (total("...") == 3.0).then_some(())
    });
    // One in ten fails, and one in ten takes 600 ms: the p95 is in the bucket from 0.5 to 0.75.
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..15 {
                    send_all(&["/orders"; 8]);
                    send_all(&["/slow", "/fail"]);
                }
            });
        }
    });
    eventually("the last was scraped", || {
        (total("...") == 603.0).then_some(())
    });
    eventually("the failures were scraped", || {
        (total("5..") == 61.0).then_some(())
    });

    let mut failing = query(
        &prometheus,
        r#"rate(http_requests_total{status=~"5.."}[5m])"#,
    );
    // The other routes have a rate of 0.
    assert_eq!(failing.len(), 3, "{failing:?}");
    failing.retain(|(_, rate)| *rate > 0.0);
    assert!(
        failing.len() == 1 && failing[0].0["endpoint"] == "/fail" && failing[0].1 > 0.05,
        "{failing:?}"
    );
    let ratio =
        r#"sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))"#;
    let [(_, ratio)] = query(&prometheus, ratio)[..] else {
        panic!("no ratio")
    };
    let sent = 61.0 / 603.0;
    assert!((ratio - sent).abs() < sent * 0.02_f64, "{ratio}");
    let p95 =
        "histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket[5m])) by (le))";
    let [(_, p95)] = query(&prometheus, p95)[..] else {
        panic!("no quantile")
    };
    assert!((0.5..=0.75).contains(&p95), "{p95}");
    let each = query(
        &prometheus,
        "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))",
    );
    let of = |endpoint: &str| {
        each.iter()
            .find(|(labels, _)| labels["endpoint"] == endpoint)
            .unwrap()
            .1
    };
    assert!((0.5..=0.75).contains(&of("/slow")), "{each:?}");
    assert!(of("/orders") < 0.1, "{each:?}");
}

#[test]
#[ignore = "needs prometheus; .ci/run installs it"]
fn prometheus_reads_the_same_in_both_formats_and_finds_the_traces_of_requests() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let target = traced_service();
    let parent = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01\r\n");
    for path in ["/quick", "/slow", "/fail"] {
        get(&target, path, &parent).unwrap();
    }
    let front = text_front(&target);
    // The process is dropped before its folder.
    let (_prometheus, _folder, prometheus) =
        prometheus(&[("openmetrics", &target), ("text", &front)]);
    until_up(&prometheus, 2);

    // Without what changes between two scrapes. OpenMetrics writes the edges of buckets as floats.
    let series = |job: &str| -> BTreeMap<String, f64> {
        let selector =
            format!("{{job=\"{job}\",__name__=~\"http_.*|errors_.*|vitals_.*|app_build_.*\"}}");
        let found = query(&prometheus, &selector).into_iter();
        found
            .map(|(mut labels, value)| {
                labels["job"] = Value::Null;
                labels["instance"] = Value::Null;
                if let Some(edge) = labels.get_mut("le") {
                    let edge_number = edge.as_str().unwrap().replace("+Inf", "inf");
                    *edge = Value::from(edge_number.parse::<f64>().unwrap().to_string());
                }
                (labels.to_string(), value)
            })
            .collect()
    };
    let text = eventually("the text was scraped", || {
        let text = series("text");
        (text.len() > 50).then_some(text)
    });
    assert_eq!(series("openmetrics"), text);

    let selector = encoded("http_request_duration_seconds_bucket{endpoint=\"/slow\"}");
    let path = format!("/api/v1/query_exemplars?query={selector}&start=0&end=9999999999");
    let exemplars = eventually("the exemplars were scraped", || {
        let answer = json(&prometheus, &path)?;
        let found = answer["data"].get(0)?["exemplars"].clone();
        found.as_array()?.first().cloned()
    });
    assert_eq!(exemplars["labels"]["trace_id"], TRACE, "{exemplars}");
    let seconds: f64 = exemplars["value"].as_str().unwrap().parse().unwrap();
    assert!((0.02..2.0).contains(&seconds), "{exemplars}");
}
