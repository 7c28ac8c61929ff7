//! What is in no answer.

use std::{env, time::Duration};

use tower_vitals::{
    alerts::{Alerts, Rule, Signal, SignalUnit},
    health::{Check, Health},
    monitoring::{Access, Monitoring},
    sentry::SentryOptions,
};

use crate::{
    panics::silence_panics_that_were_asked_for,
    served::{Served, ask, bearer, with},
};

/// Each is given to the service in another way.
const SENTINELS: [&str; 12] = [
    "sentinel-of-the-token",
    "sentinel-of-a-path",
    "sentinel-of-a-query",
    "sentinel-of-a-cookie",
    "sentinel-of-credentials",
    "sentinel-of-a-forwarded-header",
    "sentinel-of-a-body",
    "sentinel-of-a-check",
    "as asked",
    "5e471e15e471e15e471e15e471e15e47",
    "sentinel-of-the-state-file",
    "4111111111111111",
];

/// The values of the environment that tell something, and where the program was built.
fn of_this_machine() -> Vec<String> {
    let told = [
        "HOME",
        "PATH",
        "PWD",
        "CARGO_MANIFEST_DIR",
        "LD_LIBRARY_PATH",
    ];
    let mut values: Vec<_> = told.iter().filter_map(|name| env::var(name).ok()).collect();
    values.push(env!("CARGO_MANIFEST_DIR").to_owned());
    values.push("src/monitoring".to_owned());
    values.retain(|value| value.len() > 4);
    values
}

#[tokio::test]
async fn no_answer_has_a_secret_of_a_request_a_check_a_setting_or_the_machine() {
    let sentry = "http://5e471e15e471e15e471e15e471e15e47@127.0.0.1:9/1";
    let ask_to_panic = || -> Option<f64> { panic!("as asked") };
    silence_panics_that_were_asked_for();
    let rule = Rule::new(
        "panics",
        Signal::asked("panics", SignalUnit::Count, ask_to_panic),
    );
    let failing = Check::new("database", async || {
        Err::<(), _>("postgres://u:sentinel-of-a-check@10.0.0.5/db refused")
    });
    let failing = failing.interval(Duration::from_millis(5));
    let health = Health::builder().check(failing).start().unwrap();
    let state = env::temp_dir().join(format!("sentinel-of-the-state-file-{}", std::process::id()));
    let monitoring = Monitoring::new(Access::Token("sentinel-of-the-token".to_owned()));
    let served = Served::start(
        with(monitoring)
            .alerts(Alerts::none().rule(rule.above(1.0)))
            .health(health.service())
            .sentry(SentryOptions::new(sentry).unwrap())
            .state_file(&state),
    )
    .await;
    let headers = [
        ("cookie", "id=sentinel-of-a-cookie".to_owned()),
        ("authorization", "Basic sentinel-of-credentials".to_owned()),
        (
            "x-forwarded-for",
            "sentinel-of-a-forwarded-header".to_owned(),
        ),
    ];
    for path in ["/orders", "/broken", "/nothing"] {
        let path = format!("{path}/sentinel-of-a-path?q=sentinel-of-a-query&card=4111111111111111");
        ask(served.address, "GET", &path, &headers, "sentinel-of-a-body").await;
    }
    while health.reports().iter().any(|check| check.error.is_none()) {
        tokio::task::yield_now().await;
    }
    served.vitals.alerts().evaluate();
    let token = [bearer("sentinel-of-the-token")];
    let mut texts = Vec::new();
    for path in [
        "/metrics",
        "/status",
        "/alerts",
        "/alerts/active?state=all",
        "/silences",
        "/endpoints?window=1h",
        "/errors?window=1h",
        "/deployments",
        "/health",
        "/doctor",
        "/console.json",
        "/nothing",
        "/alerts?hours=0",
    ] {
        let answer = served.ask_with("GET", path, &token, "").await;
        assert!(answer.status < 500, "{path}");
        texts.push(format!("{path}: {answer:?}"));
        let refused = served.ask_with("GET", path, &[bearer("wrong")], "").await;
        texts.push(format!("{path}: {refused:?}"));
    }
    let evaluated = served.ask_with("POST", "/evaluate", &token, "").await;
    texts.push(format!("{evaluated:?}"));
    let shown = texts.join("\n");
    assert!(shown.contains("/orders/{id}") && shown.contains("\\\"state\\\":\\\"error\\\""));
    for secret in SENTINELS
        .map(str::to_owned)
        .into_iter()
        .chain(of_this_machine())
    {
        let of_text = |text: &&String| text.contains(&secret);
        let found: Vec<_> = texts.iter().filter(of_text).collect();
        assert!(found.is_empty(), "{secret}: {found:?}");
    }
    drop(served);
    for end in ["", ".events", ".lock"] {
        let _ = std::fs::remove_file(format!("{}{end}", state.display()));
    }
}
