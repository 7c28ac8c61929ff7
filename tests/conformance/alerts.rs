//! Alerts of the server, by its variables.

use std::{env, fs, process};

use serde_json::Value;

use crate::{
    Server,
    programs::{Folder, eventually},
};

impl Server {
    /// The state of an alert as `/metrics` has it. `None` before the first evaluation.
    fn alert(&self, name: &str) -> Option<f64> {
        let snapshot = self.json("/debug/snapshot");
        let key = format!("vitals_alert_state{{alert={name:?}}}");
        snapshot["gauges"][key].as_f64()
    }

    /// Waits until an alert has this state.
    pub(crate) fn until_alert(&self, name: &str, state: f64) {
        eventually(&format!("{name} is {state}"), || {
            self.alert(name).filter(|found| *found == state)
        });
    }

    /// The changes of an alert so far: from and to.
    fn changes(&self, name: &str) -> Vec<(String, String)> {
        let log = self.log.lock().unwrap();
        let lines = log
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok());
        let changes = lines
            .filter(|line: &Value| line["message"] == "alert changed" && line["alert"] == name);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        changes
            .map(|line| (text(&line["from"]), text(&line["state"])))
            .collect()
    }
}

/// Rules over half a second.
pub(crate) const FAST: [(&str, &str); 6] = [
    ("SLOT_MS", "100"),
    ("MONITORING_ALERT_WINDOW", "500ms"),
    ("MONITORING_ALERT_FOR", "0.2"),
    ("MONITORING_ALERT_KEEP_FIRING", "300ms"),
    ("MONITORING_EVALUATION_INTERVAL", "50ms"),
    ("ALERT_ERROR_RATE_THRESHOLD", "50.0"),
];

#[test]
fn an_alert_fires_and_ends_by_the_variables() {
    let server = Server::start(&FAST);
    server.until_alert("high_error_rate", -1.0);
    let fires = || {
        (0..25).for_each(|_| _ = server.get("/err?status=500"));
        server
            .alert("high_error_rate")
            .filter(|state| *state == 2.0)
    };
    eventually("the alert fires", fires);
    // No request is no proof that all is well, and after a while no reason to wake somebody.
    server.until_alert("high_error_rate", -1.0);
    let changes = eventually("the last change is told", || {
        let changes = server.changes("high_error_rate");
        (changes.last()?.1 == "no_data").then_some(changes)
    });
    let steps = [
        ("pending", "firing"),
        ("firing", "resolved"),
        ("resolved", "no_data"),
    ];
    let own = |(from, to): (&str, &str)| (from.to_owned(), to.to_owned());
    assert_eq!(changes[changes.len() - 3..], steps.map(own));
}

#[test]
fn an_alert_that_is_off_is_not_there_and_a_bad_variable_ends_the_start() {
    let server = Server::start(&[
        ("ALERT_ERROR_RATE_ENABLED", "false"),
        ("ALERT_MEMORY_ENABLED", "no"),
        ("MONITORING_EVALUATION_INTERVAL", "50ms"),
    ]);
    server.until_alert("circuit_breaker_open", 0.0);
    assert_eq!(server.alert("slow_response_time"), Some(-1.0), "no request");
    for off in ["high_error_rate", "high_memory_usage"] {
        assert_eq!(server.alert(off), None, "{off}");
    }
    server.get("/circuit?name=groq&state=open").unwrap();
    server.until_alert("circuit_breaker_open", 1.0);

    let ended = process::Command::new(crate::program())
        .env("ALERT_RESPONSE_TIME_THRESHOLD", "2s")
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    let expected = "ALERT_RESPONSE_TIME_THRESHOLD: invalid value \"2s\": expected milliseconds";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn an_alert_that_fires_goes_on_after_a_restart() {
    let folder = env::temp_dir().join(format!("tower-vitals-alerts-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let folder = Folder(folder);
    let file = folder.0.join("state");
    let mut variables = FAST.to_vec();
    variables.push(("STATE", file.to_str().unwrap()));
    variables.push(("MONITORING_ALERT_KEEP_FIRING", "1h"));
    let start = || Server::start(&variables);
    let mut server = start();
    let fires = || {
        (0..25).for_each(|_| _ = server.get("/err?status=500"));
        server
            .alert("high_error_rate")
            .filter(|state| *state == 2.0)
    };
    eventually("the alert fires", fires);
    server.signal("-TERM");
    assert!(server.running.0.wait().unwrap().success());
    let server = start();
    // Nothing has failed since, and it fires: nobody knows what was in between.
    server.until_alert("high_error_rate", 2.0);
    assert_eq!(server.changes("high_error_rate"), []);
}
