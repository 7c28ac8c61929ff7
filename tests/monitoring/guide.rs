//! The commands of the guide, as it prints them.

use std::{env, fs, process::Command};

use serde_json::Value;
use tower_vitals::monitoring::{Access, Monitoring};

use crate::{
    firing::Broken,
    served::{Served, with},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs curl"]
async fn the_commands_of_the_guide_work_as_printed() {
    let broken = Broken::default();
    broken.set(true);
    let loopback = Monitoring::new(Access::Loopback);
    let served = Served::start(with(loopback).alerts(broken.alerts())).await;
    let port = served.address.port();
    let home = env::temp_dir().join(format!("tower-vitals-curl-monitoring-{port}"));
    fs::create_dir_all(&home).unwrap();
    // Another program may use the port of the guide on this machine.
    let leads = format!("connect-to = \"localhost:8080:127.0.0.1:{port}\"\nnoproxy = \"*\"\n");
    fs::write(home.join(".curlrc"), leads).unwrap();
    let mut answers = Vec::new();
    for command in [
        "curl http://localhost:8080/api/v1/monitoring/status",
        "curl -X POST http://localhost:8080/api/v1/monitoring/evaluate",
        "curl http://localhost:8080/api/v1/monitoring/alerts",
        "curl http://localhost:8080/api/v1/monitoring/metrics",
    ] {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .env("HOME", &home)
            .env("CURL_HOME", &home);
        let output = tokio::task::spawn_blocking(move || shell.output().unwrap());
        let output = output.await.unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answers.push(answer);
    }
    fs::remove_dir_all(&home).unwrap();
    assert_eq!(answers[0]["alert_thresholds_count"], 1);
    assert_eq!(answers[1]["evaluated"], true);
    assert_eq!(answers[1]["triggered_alerts_count"], 1);
    assert_eq!(answers[2][0]["name"], "too_hot");
    assert!(answers[3]["counters"].is_object());
}

#[tokio::test]
async fn what_curl_sends_for_the_commands_of_the_guide_is_answered() {
    let served = Served::start(with(Monitoring::new(Access::Loopback))).await;
    let of_curl = [
        ("user-agent", "curl/8.14.1".to_owned()),
        ("accept", "*/*".to_owned()),
    ];
    for (method, path) in [
        ("GET", "/status"),
        ("POST", "/evaluate"),
        ("GET", "/alerts"),
    ] {
        let answer = served.ask_with(method, path, &of_curl, "").await;
        assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
    }
}
