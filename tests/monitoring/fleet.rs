//! What the API says of other instances.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tower_vitals::{
    Deployment, Release,
    alerts::{Alerts, Rule, Signal, SignalUnit},
    fleet::Fleet,
    health::{Health, Role, Status},
    vitals::VitalsBuilder,
};

use crate::{
    nobody::nobody,
    programs::free_port::free_port,
    served::{Served, with_token},
};

fn instance(port: u16, name: &str) -> VitalsBuilder {
    let fleet = Fleet::at(&format!("redis://127.0.0.1:{port}")).unwrap();
    with_token()
        .service_name("shop")
        .statistics_slot(Duration::from_millis(100))
        .fleet(fleet.instance(name).guide_keys("clinic_perf"))
}

/// Asks until an answer is as expected.
async fn until(served: &Served, path: &str, expected: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let asked = async {
        loop {
            let answer = served.ask("GET", path).await.json();
            if expected(&answer) {
                return answer;
            }
            last = answer;
            tokio::task::yield_now().await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), asked).await;
    answer.unwrap_or_else(|_| panic!("{path}: {last}"))
}

fn finding(doctor: &Value) -> Option<&Value> {
    let mut findings = doctor["findings"].as_array().unwrap().iter();
    findings.find(|one| one["check"] == "fleet")
}

#[tokio::test]
async fn a_service_in_no_fleet_says_so_and_shows_no_instances() {
    let served = Served::start(with_token()).await;
    let answer = served.ask("GET", "/fleet?window=5m").await;
    assert_eq!(answer.status, 404);
    assert!(answer.error().contains("in no fleet"), "{answer:?}");
    let shown = served.json("/console.json").await;
    assert_eq!(shown["instances"]["joined"], false);
    assert_eq!(finding(&served.json("/doctor").await), None);
    assert_eq!(served.ask("GET", "/fleet?window=25h").await.status, 400);
    assert_eq!(served.ask("POST", "/fleet").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_api_says_so_and_all_else_goes_on() {
    let served = Served::start(instance(nobody().port(), "shop-1")).await;
    let answer = served.ask("GET", "/fleet?window=5m").await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, Some("1"))
    );
    let error = answer.error();
    assert!(
        error.starts_with("nothing is known of other instances: Redis cannot be reached: "),
        "{error}"
    );
    served.vitals.record_deployment(&Deployment::new("1.4.2"));
    let told = until(&served, "/deployments", |told| {
        told["deployments"] != json!([])
    })
    .await;
    assert_eq!(told["deployments"][0]["version"], "1.4.2");
    let doctor = served.json("/doctor").await;
    let found = finding(&doctor).unwrap();
    assert_eq!(found["grade"], "problem");
    assert!(
        found["change"].as_str().unwrap().contains("REDIS_URL"),
        "{found}"
    );
    let silent = |shown: &Value| shown["instances"]["trouble"].is_string();
    let shown = until(&served, "/console.json", silent).await;
    assert_eq!(
        (
            &shown["instances"]["joined"],
            &shown["instances"]["read_at"]
        ),
        (&json!(true), &Value::Null)
    );
    assert_eq!(served.json("/endpoints").await["total"]["requests"], 0);
}

/// A Redis, until dropped.
struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    fn start() -> Self {
        let port = free_port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", self.port));
        client.unwrap().get_connection().unwrap()
    }

    fn value(&self, key: &str) -> Option<String> {
        redis::cmd("GET")
            .arg(key)
            .query(&mut self.connection())
            .unwrap()
    }

    fn set(&self, key: &str, value: &str) {
        let () = redis::cmd("SET")
            .arg(key)
            .arg(value)
            .query(&mut self.connection())
            .unwrap();
    }

    fn forget(&self, key: &str) {
        let () = redis::cmd("DEL")
            .arg(key)
            .query(&mut self.connection())
            .unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rules(threshold: f64) -> Alerts {
    Alerts::none().rule(Rule::new("fails", Signal::error_rate_percent()).above(threshold))
}

/// 1,000 that this instance judges alone, and one that the fleet judges.
fn warm_and_failing() -> Alerts {
    let warm = |index| {
        let signal = Signal::asked("heat", SignalUnit::Count, || Some(6.5));
        let warm = Rule::new(format!("warm_{index}"), signal).above(5.0);
        warm.pending_for(Duration::ZERO)
    };
    let alerts = Alerts::none().interval(Duration::from_millis(500));
    let fails = Rule::new("fails", Signal::error_rate_percent()).above(50.0);
    let fails = fails.pending_for(Duration::ZERO);
    alerts.rules((0..1_000).map(warm)).rule(fails)
}

fn requests(served: &Served, count: u64, millis: u64) {
    let took = Duration::from_millis(millis);
    for _ in 0..count {
        let metrics = served.vitals.metrics();
        metrics.record_request(&Method::GET, "/orders/{id}", StatusCode::OK, took);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; .ci/run installs it"]
async fn the_history_of_an_instance_and_its_fleet_is_counted_beyond_what_is_shown() {
    let redis = Redis::start();
    let builder = instance(redis.port, "shop-1").alerts(warm_and_failing());
    let served = Served::start(builder).await;
    let took = Duration::from_millis(10);
    let metrics = served.vitals.metrics();
    for _ in 0..100 {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        metrics.record_request(&Method::GET, "/orders/{id}", status, took);
    }
    let fire = |told: &Value| told["active_alerts_count"] == 1_001;
    until(&served, "/status", fire).await;
    let history = served.ask("GET", "/alerts").await;
    assert_eq!(history.header("x-total-count"), Some("1001"));
    assert_eq!(history.json().as_array().unwrap().len(), 1_000);
    let shown = &served.json("/console.json").await["history"];
    assert_eq!(shown["history_count"], 1_001);
    assert_eq!(shown["history"].as_array().unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs redis-server; .ci/run installs it"]
async fn three_instances_are_shown_as_one_service_with_the_odd_one_named() {
    let redis = Redis::start();
    let health = Health::builder()
        .manual("database", Role::Critical)
        .start()
        .unwrap();
    health.set("database", Status::Unhealthy, Some("sentinel of a check"));
    let release = || Release::new("1.4.2").environment("test");
    let start = |name: &str, threshold| {
        let builder = instance(redis.port, name);
        builder.release(release()).alerts(rules(threshold))
    };
    let one = Served::start(start("shop-1", 50.0).health(health.service())).await;
    let slow = Served::start(start("shop-2", 50.0)).await;
    let other = Served::start(start("shop-3", 51.0)).await;
    requests(&one, 30, 10);
    requests(&slow, 30, 900);
    requests(&other, 40, 10);
    let path = "/fleet?window=5m";
    // Durations come later than counts.
    let whole = |told: &Value| {
        let slow = &told["instances"][1]["p95_to_others"];
        told["total"]["requests"] == 100 && slow.as_f64() > Some(10.0)
    };
    let told = until(&other, path, whole).await;
    assert_eq!(told["window_seconds"], 300.0);
    assert_eq!(told["endpoints"][0]["endpoint"], "/orders/{id}");
    assert_eq!(told["endpoints"][0]["requests"], 100);
    assert_eq!(told["errors"], json!([]));
    let of_each = |key: &str| -> Vec<Value> {
        let all = told["instances"].as_array().unwrap().iter();
        all.map(|instance| instance[key].clone()).collect()
    };
    assert_eq!(of_each("id"), ["shop-1", "shop-2", "shop-3"]);
    assert_eq!(of_each("requests"), [30, 30, 40]);
    assert_eq!(of_each("slow"), [false, true, false]);
    assert_eq!(of_each("other_settings"), [false, false, true]);
    assert_eq!(of_each("version"), ["1.4.2"; 3]);
    assert_eq!(of_each("lost"), [false; 3]);
    assert_eq!(
        of_each("health"),
        [json!("unhealthy"), Value::Null, Value::Null]
    );
    assert!(!told.to_string().contains("sentinel"), "{told}");
    // Each of them tells the same.
    let p95 = |told: &Value| told["endpoints"][0]["p95_ms"].clone();
    let same = |of_slow: &Value| whole(of_slow) && p95(of_slow) == p95(&told);
    until(&slow, path, same).await;
    let doctor = one.json("/doctor").await;
    let found = finding(&doctor).unwrap();
    assert_eq!(
        found["what"],
        "instance shop-3 has other thresholds than the others"
    );
    let shown = until(&one, "/console.json", |shown| {
        shown["instances"]["requests"] == 100
    })
    .await;
    assert_eq!(shown["instances"]["instances"].as_array().unwrap().len(), 3);

    // Three that tell of one version make one mark, which all show.
    for served in [&one, &slow, &other] {
        served
            .vitals
            .record_deployment(&Deployment::new("1.5.0").by("ci"));
    }
    for served in [&one, &slow, &other] {
        let marked = |told: &Value| told["deployments"][0]["by"] == "ci";
        let told = until(served, "/deployments", marked).await;
        assert_eq!(told["deployments"].as_array().unwrap().len(), 1, "{told}");
    }
    let fleet = other.vitals.statistics().fleet().unwrap();
    let releases = tokio::task::spawn_blocking(move || fleet.releases().unwrap());
    assert_eq!(releases.await.unwrap()[0].version, "1.5.0");

    // One that starts writes the guide's keys at once, if nobody did in this minute and the fleet is not new: what all counted.
    redis.set("vitals:{shop:test}:guide_since", "1");
    redis.forget("vitals:{shop:test}:guide");
    let _late = Served::start(start("shop-4", 50.0)).await;
    let key = "clinic_perf:endpoint_stats:/orders/{id}:GET";
    let written = async {
        loop {
            if let Some(written) = redis.value(key) {
                return serde_json::from_str::<Value>(&written).unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let written = tokio::time::timeout(Duration::from_secs(60), written).await;
    assert_eq!(written.unwrap()["total_requests"], 100);
    let health = redis.value("clinic_perf:health_status");
    assert!(health.is_some_and(|health| health.contains("critical")));
}
