//! What a running service generates for Prometheus and Grafana, asked over a socket and by the command.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

mod changes;
mod dashboards;
mod kubernetes;
#[path = "../programs/mod.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod programs;
mod real;
mod schema;

use std::{net::SocketAddr, process::Command};

use axum::Router;
use tokio::net::TcpListener;
use tower_vitals::{
    Vitals,
    alerts::{Alerts, Rule, Signal},
    generate::Slo,
    monitoring::{Access, Monitoring},
    vitals::VitalsBuilder,
};

const TOKEN: &str = "a-token-of-the-tests";

/// A stack with the API for those who have the token, and with one rule.
fn builder(threshold: f64) -> VitalsBuilder {
    let rule = Rule::new("high_error_rate", Signal::error_rate_percent()).above(threshold);
    Vitals::builder()
        .isolated()
        .service_name("shop")
        .alerts(Alerts::none().rule(rule))
        .monitoring(Monitoring::new(Access::Token(TOKEN.to_owned())))
}

/// Serves the API, and gives its address.
async fn served(vitals: &Vitals) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().merge(vitals.routes());
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}/api/v1/monitoring")
}

/// What `vitals rules` prints, and how it exits.
async fn command(url: &str, token: &str, arguments: &[&str]) -> (String, String, Option<i32>) {
    run(url, token, &[&["rules"], arguments].concat()).await
}

/// What `vitals` prints, and how it exits.
async fn run(url: &str, token: &str, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitals-tested"));
    command.args(arguments);
    command
        .env("MONITORING_URL", url)
        .env("MONITORING_TOKEN", token);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = output.await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        text(output.stdout),
        text(output.stderr),
        output.status.code(),
    )
}

#[tokio::test]
async fn the_commands_take_the_files_of_a_thousand_rules() {
    let rule = |index| {
        let rule = Rule::new(format!("slow_{index}"), Signal::p95_ms()).above(500.0);
        rule.endpoint(format!("/api/v1/things/{index}/{{id}}"))
    };
    let builder = Vitals::builder().isolated().service_name("shop");
    let builder = builder.alerts(Alerts::none().rules((0..1_100).map(rule)));
    let token = Monitoring::new(Access::Token(TOKEN.to_owned()));
    let vitals = builder.monitoring(token).build().unwrap();
    let url = served(&vitals).await;
    let generated = vitals.generated();
    let texts = [
        (&[][..], generated.rules()),
        (&["--tests"], generated.rule_tests()),
    ];
    for (arguments, expected) in texts {
        let (printed, said, code) = command(&url, TOKEN, arguments).await;
        assert_eq!((said.as_str(), code), ("", Some(0)), "{arguments:?}");
        assert!(printed == expected, "{arguments:?}");
        assert!(printed.len() > 1 << 20, "{} bytes", printed.len());
    }
    let folder = dashboards::Folder::new("hundreds");
    let (_, said, code) = run(&url, TOKEN, &["dashboards", folder.path()]).await;
    assert_eq!((said.as_str(), code), ("", Some(0)));
    let longest = vitals.grafana_dashboards().into_iter();
    let longest = longest.map(|board| board.json().len()).max();
    assert!(longest > Some(1 << 20), "{longest:?}");
}

#[tokio::test]
async fn the_command_prints_what_the_library_generates() {
    let vitals = builder(5.0).slo(Slo::new(99.5)).build().unwrap();
    let url = served(&vitals).await;
    let generated = vitals.generated();
    for (arguments, expected) in [
        (&[][..], generated.rules()),
        (&["--tests"], generated.rule_tests()),
        (&["--slo"], generated.slo_rules()),
        (&["--slo", "--tests"], generated.slo_tests()),
    ] {
        let printed = command(&url, TOKEN, arguments).await;
        assert_eq!(printed, (expected, String::new(), Some(0)), "{arguments:?}");
    }
    assert_eq!(vitals.prometheus_rules(), generated.rules());
    assert!(generated.rules().contains("service: shop"));
    assert!(
        generated.slo_rules().contains("> 7.2 and"),
        "14.4 times 0.5 %"
    );
    // A slash at the end changes nothing.
    let (printed, ..) = command(&format!("{url}/"), TOKEN, &[]).await;
    assert_eq!(printed, generated.rules());
}

#[tokio::test]
async fn the_command_says_why_it_has_no_rules() {
    let vitals = builder(5.0).build().unwrap();
    let url = served(&vitals).await;
    let (printed, said, code) = command(&url, "wrong", &[]).await;
    assert_eq!((printed.as_str(), code), ("", Some(2)));
    assert!(said.starts_with("✗ HTTP 401: "), "{said}");
    assert!(!said.contains("wrong"), "{said}");
    let (_, said, code) = command(&url, TOKEN, &["--alertmanager"]).await;
    assert_eq!(said, "✗ HTTP 404: there is no notifier\n");
    assert_eq!(code, Some(2));
    let (_, said, code) = command(&url, TOKEN, &["--tests", "--alertmanager"]).await;
    assert!(said.contains("cannot be used with"), "{said}");
    assert_eq!(code, Some(2));
}

#[tokio::test]
async fn the_rules_are_yaml_for_those_who_have_the_token() {
    let vitals = builder(5.0).build().unwrap();
    let url = format!("{}/rules.yml", served(&vitals).await);
    let client = reqwest::Client::new();
    let get = |query: &str| {
        client
            .get(format!("{url}{query}"))
            .bearer_auth(TOKEN)
            .send()
    };
    let answer = get("").await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/yaml");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.text().await.unwrap(), vitals.prometheus_rules());
    for query in ["?part=all", "?kind=rules", "?part=rules&part=tests"] {
        assert_eq!(get(query).await.unwrap().status(), 400, "{query}");
    }
    let refused = client.get(&url).send().await.unwrap();
    assert_eq!(refused.status(), 401);
}

#[tokio::test]
async fn a_changed_threshold_of_the_service_changes_what_it_generates() {
    let of = |threshold| {
        let generated = builder(threshold).build().unwrap().generated();
        (generated.rules(), generated.rule_tests())
    };
    let ((rules, tests), (changed, changed_tests)) = (of(5.0), of(7.5));
    assert!(rules.contains("> 5 and") && !rules.contains("> 7.5 and"));
    assert!(changed.contains("> 7.5 and") && !changed.contains("> 5 and"));
    assert!(tests.contains("0 50001+50001x"), "{tests}");
    assert!(changed_tests.contains("0 75001+75001x"), "{changed_tests}");
    assert_eq!(
        changed
            .replace("> 7.5 and", "> 5 and")
            .replace("7.50)", "5.00)"),
        rules
    );
}
