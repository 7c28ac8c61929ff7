//! Lets a real Prometheus answer each query of each dashboard, after it has scraped a service that uses everything.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use tower_vitals::{alerts::Alerts, generate::Generated, metrics::Settings};

use crate::{
    programs::{Folder, Running, eventually, example, free_port::free_port, get},
    servers::{Kind, Server},
};

const TOKEN: &str = "a-token-of-the-tests";
const BASE: &str = "/api/v1/monitoring";

/// The name of the job of the scrapes.
const JOB: &str = "everything";

/// Ranges are this long here, since nobody waits for a day.
const RANGE: &str = "15s";
const OFFSET: &str = "5s";

/// How long Prometheus may take until each query has data.
const MOST: Duration = Duration::from_secs(120);

/// Panels without data in that service, and why.
const WITHOUT: [(&str, &str); 1] = [(
    "system: Disk I/O",
    "in a container there can be no disks of the host",
)];

/// The service, and its address.
fn everything(names: &str, redis: &Server, database: &Server) -> (Running, String) {
    let certificates = concat!(env!("CARGO_MANIFEST_DIR"), "/certificates");
    let mut child = Command::new(example("everything"))
        .env_clear()
        .env("MONITORING_METRIC_NAMES", names)
        .env("MONITORING_TOKEN", TOKEN)
        .env("REDIS_URL", redis.url())
        .env("DATABASE_URL", database.url())
        .env("CERTIFICATES", certificates)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    assert!(out.read_line(&mut address).unwrap() > 0, "it ended");
    thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (Running(child), address.trim().to_owned())
}

/// What the exporter of Celery says of two workers, on a port of its own.
fn exporter() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut head = BufReader::new(&socket).lines();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let body = "celery_worker_up{hostname=\"celery@a\"} 1\ncelery_worker_up{hostname=\"celery@b\"} 1\n";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\nconnection: close\r\n";
            let length = body.len();
            // Prometheus may have left.
            let _ = write!(socket, "{head}content-length: {length}\r\n\r\n{body}");
        }
    });
    address
}

/// The panel of an application that does not count its workers.
fn of_exporter() -> Asked {
    let generated = Generated::new(Alerts::none(), &Settings::new()).unwrap();
    let system = serde_json::from_str(generated.dashboards()[0].json()).unwrap();
    let mut workers = queries(&system);
    workers.retain(|asked| asked.panel == "system: Active workers");
    workers.remove(0)
}

/// A Prometheus that scrapes each second: the service, and an exporter.
fn prometheus(target: &str) -> (Running, Folder, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let folder = std::env::temp_dir().join(format!("tower-vitals-dashboards-{address}"));
    fs::create_dir_all(&folder).unwrap();
    let config = folder.join("prometheus.yml");
    let exporter = exporter();
    let text = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nscrape_configs:\n\
         - {{job_name: {JOB}, static_configs: [{{targets: ['{target}']}}]}}\n\
         - {{job_name: celery, static_configs: [{{targets: ['{exporter}']}}]}}\n"
    );
    fs::write(&config, text).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .arg("--log.level=warn")
        .spawn()
        .expect("prometheus is not installed");
    (Running(child), Folder(folder), address)
}

/// The series that an expression has now, or why it has none.
fn answered(prometheus: &str, expr: &str) -> Result<Vec<Value>, String> {
    let encoded: String = expr.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = get(prometheus, &format!("/api/v1/query?query={encoded}"), "");
    let answer = answer.ok_or("no answer")?;
    let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    match answer["data"]["result"].as_array() {
        Some(series) if !series.is_empty() => Ok(series.clone()),
        Some(_) => Err("no data".to_owned()),
        None => Err(answer.to_string()),
    }
}

/// The expression with what a viewer chose, and with short ranges.
fn chosen(expr: &str, target: &str) -> String {
    let expr = expr
        .replace("$job", JOB)
        .replace("$instance", &target.replace('.', "\\\\."))
        .replace("$endpoint", ".*");
    let mut text = String::new();
    let mut rest = expr.as_str();
    while let Some((before, after)) = rest.split_once('[') {
        let (range, later) = after.split_once(']').unwrap();
        let is_time = range.ends_with(['s', 'm', 'h'])
            && range[..range.len() - 1]
                .bytes()
                .all(|byte| byte.is_ascii_digit());
        let is_range = is_time || range.starts_with('$');
        text.push_str(before);
        text.push_str(&format!("[{}]", if is_range { RANGE } else { range }));
        rest = later;
    }
    text.push_str(rest);
    let mut parts = text.split(" offset ");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let end = part
            .find(|one: char| !one.is_ascii_alphanumeric())
            .unwrap_or(part.len());
        text.push_str(&format!(" offset {OFFSET}{}", &part[end..]));
    }
    text
}

/// What a query of a panel must have.
struct Asked {
    panel: String,
    expr: String,
    labels: Vec<String>,
}

impl Asked {
    fn new(panel: String, expr: &str, labels: Vec<String>) -> Self {
        let expr = expr.to_owned();
        Self {
            panel,
            expr,
            labels,
        }
    }

    /// What is wrong with the answer, if anything is.
    fn fault(&self, prometheus: &str, target: &str) -> Option<String> {
        let expr = chosen(&self.expr, target);
        let series = match answered(prometheus, &expr) {
            Ok(series) => series,
            Err(error) => return Some(format!("{}: {error}: {expr}", self.panel)),
        };
        let numbers = series.iter().filter(|one| one["value"][1] != "NaN");
        if numbers.count() == 0 {
            return Some(format!("{}: no number: {expr}", self.panel));
        }
        let lacks = |label: &&String| {
            series
                .iter()
                .any(|one| one["metric"].get(label.as_str()).is_none())
        };
        let missing = self.labels.iter().find(lacks)?;
        Some(format!(
            "{}: a series without {missing}: {expr}",
            self.panel
        ))
    }
}

/// The labels between double braces.
fn labels(legend: &str) -> Vec<String> {
    let parts = legend.split("{{").skip(1);
    parts
        .map(|part| part.split("}}").next().unwrap().to_owned())
        .collect()
}

/// All queries of a dashboard: of its panels, of its marks, and of what a viewer chooses from.
fn queries(board: &Value) -> Vec<Asked> {
    let name = board["uid"].as_str().unwrap().rsplit('-').next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut all = Vec::new();
    for panel in board["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = format!("{name}: {}", text(&panel["title"]));
            let legend = labels(&text(&target["legendFormat"]));
            all.push(Asked::new(title, &text(&target["expr"]), legend));
        }
    }
    for mark in board["annotations"]["list"].as_array().unwrap() {
        let title = format!("{name}: {}", text(&mark["name"]));
        all.push(Asked::new(
            title,
            &text(&mark["expr"]),
            labels(&text(&mark["titleFormat"])),
        ));
    }
    for variable in board["templating"]["list"].as_array().unwrap() {
        let Some(query) = variable["query"]["query"].as_str() else {
            continue;
        };
        let asked = query
            .strip_prefix("label_values(")
            .unwrap()
            .strip_suffix(')')
            .unwrap();
        let (series, label) = asked.rsplit_once(", ").unwrap();
        let title = format!("{name}: ${}", text(&variable["name"]));
        all.push(Asked::new(title, series, vec![label.to_owned()]));
    }
    all
}

fn each_query_has_data(names: &str) {
    let (redis, database) = (Server::new(Kind::Redis), Server::new(Kind::Postgres));
    let (_service, target) = everything(names, &redis, &database);
    let (_prometheus, _folder, prometheus) = prometheus(&target);
    let authorization = format!("authorization: Bearer {TOKEN}\r\n");
    let boards = || -> Option<Vec<Value>> {
        let names = ["system", "business", "performance", "errors", "deployments"];
        let boards = names.map(|name| {
            let text = get(
                &target,
                &format!("{BASE}/dashboards/{name}.json"),
                &authorization,
            )?;
            serde_json::from_str::<Value>(&text).ok()
        });
        boards.into_iter().collect()
    };
    // What the application records is on a dashboard as soon as it has recorded it.
    eventually("the application has recorded", || {
        let business = boards()?[1].to_string();
        business.contains("workflow_duration_ms").then_some(())
    });
    let mut left: Vec<_> = boards().unwrap().iter().flat_map(queries).collect();
    left.push(of_exporter());
    assert!(left.len() > 120, "{}", left.len());
    left.retain(|asked| WITHOUT.iter().all(|(panel, _)| *panel != asked.panel));
    let begun = tokio::time::Instant::now();
    loop {
        let faults: BTreeSet<_> = left
            .iter()
            .filter_map(|asked| asked.fault(&prometheus, &target))
            .collect();
        if faults.is_empty() {
            break;
        }
        assert!(
            begun.elapsed() < MOST,
            "{} of {}:\n{faults:#?}",
            faults.len(),
            left.len()
        );
        thread::sleep(Duration::from_secs(1));
    }
}

#[test]
#[ignore = "needs prometheus, PostgreSQL and Redis; .ci/run installs them"]
fn each_query_of_each_dashboard_has_data_and_the_labels_of_its_legend() {
    each_query_has_data("prometheus");
}

#[test]
#[ignore = "needs prometheus, PostgreSQL and Redis; .ci/run installs them"]
fn each_query_has_data_with_the_names_of_opentelemetry() {
    each_query_has_data("otel");
}
