//! Looks for what is wrong with a running service, from outside and from inside: the subcommand `doctor`.

mod finding;
mod outside;

use std::{process::ExitCode, thread, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    finding::{Finding, Grade},
    outside::Address,
};
use super::{
    api::{Api, LONGEST, Output, reason},
    http::{self, Asked, Reply},
    table::{columns, text},
};
use crate::timestamp;

/// Where the API is by default, below the address of a service.
const PATH: &str = "/api/v1/monitoring";

/// How long the counts are watched after the request, at least and at most.
const WATCHED: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// The least time that tests get: each notifier has one attempt, beside one that is under way.
const TESTS: Duration = Duration::from_secs(40);

/// The subcommand `doctor`.
#[derive(Args, Clone, Debug)]
pub struct Doctor {
    /// Also sends an event to Sentry and a test through each notifier. People get them
    #[arg(long)]
    send_test: bool,
    /// Makes one GET to this address of the application, and looks whether it is counted
    #[arg(long, value_name = "URL")]
    request: Option<String>,
    /// Exits with 1 also if there are warnings
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

/// What was found.
#[derive(Default)]
struct Found {
    /// Somebody answered.
    reached: bool,
    /// What the service says of itself, or nothing.
    told: Value,
    findings: Vec<Finding>,
}

// === impl Doctor ===

impl Doctor {
    /// Looks, prints what it found, and returns the exit code: 0, or 1 if there is a problem, or 2 if nobody answered or the arguments
    /// are wrong. It prints no secret.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let found = self.look();
        self.output.print(&found.json(), || found.text());
        let worst = found.findings.iter().map(|finding| finding.grade).max();
        let limit = if self.strict {
            Grade::Warning
        } else {
            Grade::Problem
        };
        ExitCode::from(match found.reached {
            false => 2,
            true => u8::from(worst >= Some(limit)),
        })
    }

    fn look(&self) -> Found {
        let mut found = Found::default();
        let token = match self.api.token() {
            Ok(token) => token,
            Err(error) => {
                let change = "MONITORING_TOKEN or MONITORING_TOKEN_FILE";
                found
                    .findings
                    .push(Finding::problem("token", error, change));
                return found;
            }
        };
        let address = Address::of(self.api.base());
        found.findings.extend(address.findings(token.is_some()));
        let before = timestamp::since_1970();
        let reply = match self.api.send("/doctor", None) {
            Ok(reply) => reply,
            Err(error) => {
                found.findings.push(outside::nobody(&address, &error));
                return found;
            }
        };
        let after = timestamp::since_1970();
        found.reached = true;
        found
            .findings
            .push(outside::clock(reply.date.as_deref(), before, after));
        self.take(&reply, &mut found, token.is_some());
        let root = address.root(found.told["path"].as_str().unwrap_or(PATH));
        self.look_around(&root, &mut found);
        if let Some(url) = &self.request {
            self.look_for_request(url, &mut found);
        }
        if self.send_test && !found.told.is_null() {
            self.test(&mut found);
        }
        found
    }

    /// Takes what the service says of itself.
    fn take(&self, reply: &Reply, found: &mut Found, with_token: bool) {
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        match (reply.status, answer["findings"].is_array()) {
            (200, true) => {
                found.findings.push(Finding::ok("api", "it answers"));
                let told = answer["findings"].as_array().into_iter().flatten();
                found.findings.extend(told.filter_map(Finding::read));
                found.told = answer;
            }
            (status, _) => {
                let refusal = outside::refused(status, reason(&answer), with_token);
                found.findings.push(refusal);
            }
        }
    }

    /// Asks the probes and the metrics.
    fn look_around(&self, root: &str, found: &mut Found) {
        let get = |path: &str| {
            let reply = http::send(Asked {
                url: &format!("{root}{path}"),
                token: None,
                json: None,
                timeout: self.api.timeout,
                longest: LONGEST,
            })?;
            Ok((reply.status, reply.body))
        };
        let told = found.told["probes"].as_array();
        let told = told.map(|all| all.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        // What the service does not have, it has said itself.
        for path in outside::probes(told.as_deref()) {
            let asked = get(&path);
            found.findings.push(outside::probe(&path, asked));
        }
        if found.told["serves_metrics"] != json!(false) {
            found.findings.push(outside::scrape(get("/metrics")));
        }
    }

    fn look_for_request(&self, url: &str, found: &mut Found) {
        let counts = || {
            let told = self.api.json("/doctor", None).unwrap_or_default();
            let count = |key: &str| told[key].as_u64();
            count("requests_started").zip(count("requests_excluded"))
        };
        let (before, began) = (counts(), Instant::now());
        let sent = http::send(Asked {
            url,
            token: None,
            json: None,
            timeout: self.api.timeout,
            longest: LONGEST,
        });
        let after = counts();
        // What moves now is of others, and others were counted before as well.
        let [least, most] = WATCHED;
        thread::sleep(began.elapsed().clamp(least, most));
        let seen = outside::request(sent.map(|reply| reply.status), [before, after, counts()]);
        found.findings.push(seen);
    }

    fn test(&self, found: &mut Found) {
        let mut api = self.api.clone();
        api.timeout = api.timeout.max(TESTS);
        match api.json("/doctor/test", Some(json!({}))) {
            Ok(answer) => {
                let told = answer["findings"].as_array().into_iter().flatten();
                found.findings.extend(told.filter_map(Finding::read));
            }
            Err(failure) => {
                let what = format!("no test was sent: {}", failure.text());
                let change = "MONITORING_TOKEN or Monitoring::token";
                found.findings.push(Finding::problem("test", what, change));
            }
        }
    }
}

// === impl Found ===

impl Found {
    fn json(&self) -> Value {
        let findings: Vec<_> = self.findings.iter().map(Finding::json).collect();
        json!({
            "service": self.told["service"],
            "version": self.told["version"],
            "environment": self.told["environment"],
            "settings": self.told["settings"],
            "findings": findings,
        })
    }

    fn text(&self) -> String {
        let mut rows = Vec::new();
        for setting in self.told["settings"].as_array().into_iter().flatten() {
            let source = match setting["variable"].is_null() {
                true => text(&setting["source"]),
                false => text(&setting["variable"]),
            };
            rows.push(vec![
                text(&setting["name"]),
                source,
                text(&setting["value"]),
            ]);
        }
        let mut shown = columns(&rows);
        if self.told["settings_withheld"] == json!(true) {
            shown.push_str("the service shows its settings to nobody, because its API is public\n");
        }
        if !shown.is_empty() {
            shown.push('\n');
        }
        for finding in &self.findings {
            shown.push_str(&finding.line());
        }
        let count = |grade| {
            self.findings
                .iter()
                .filter(|one| one.grade == grade)
                .count()
        };
        let counts = [Grade::Ok, Grade::Warning, Grade::Problem].map(count);
        let [fine, warnings, problems] = counts;
        shown.push_str(&format!(
            "{fine} ok, {warnings} warnings, {problems} problems\n"
        ));
        shown
    }
}
