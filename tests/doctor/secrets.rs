//! What no command prints.

use std::time::Duration;

use tower_vitals::{
    alerts::{Alerts, Rule, Signal, SignalUnit},
    exclude,
    health::{Check, Health},
    monitoring::{Access, Monitoring},
    notify::{Alertmanager, Email, Notifiers, PagerDuty, Slack, Webhook, WhatsApp},
    sentry::SentryOptions,
};

use crate::{
    directory::Directory,
    served::{BASE, Served, answering, http, vitals, with},
};

/// Each is in another setting.
const SECRETS: [&str; 14] = [
    "secret-of-the-token",
    "secret-of-the-details",
    "5e471e15e471e15e471e15e471e15e47",
    "secret-of-slack",
    "5ec4e7000000000000000000pagerdut",
    "secret-of-whatsapp",
    "secret-of-smtp",
    "secret-of-the-webhook",
    "secret-of-the-signature",
    "secret-of-alertmanager",
    "secret-of-a-header",
    "secret-of-a-check",
    "secret-of-a-panic",
    "secret-of-the-state",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_prints_a_secret_of_a_setting() {
    let failing = Check::new("database", async || {
        Err::<(), _>("postgres://u:secret-of-a-check@db")
    });
    let health = Health::builder().check(failing).start().unwrap();
    while health.reports()[0].age.is_none() {
        tokio::task::yield_now().await;
    }
    let details = tower_vitals::health::Details::Token("secret-of-the-details".to_owned());
    let refusing = answering(|_| http(403, "", "no")).await;
    let at = |path: &str| format!("http://{refusing}/{path}");
    let whatsapp = WhatsApp::new("secret-of-whatsapp", "1055555", "an_alert")
        .and_then(|whatsapp| whatsapp.to("+15550100"))
        .and_then(|whatsapp| whatsapp.url(&format!("http://{refusing}")));
    let email = Email::new(
        &format!("smtp://u:secret-of-smtp@{refusing}"),
        "vitals@example.com",
        ["ops@example.com"],
    );
    let notifiers = Notifiers::new()
        .notifier(Slack::new(&at("secret-of-slack")).unwrap())
        .notifier(
            PagerDuty::new("5ec4e7000000000000000000pagerdut")
                .unwrap()
                .url(&format!("http://{refusing}"))
                .unwrap(),
        )
        .notifier(whatsapp.unwrap())
        .notifier(email.unwrap())
        .notifier(
            Webhook::new(&at("secret-of-the-webhook"))
                .unwrap()
                .secret("secret-of-the-signature")
                .unwrap(),
        )
        .notifier(Alertmanager::new(&at("secret-of-alertmanager")).unwrap());
    let panics = || -> Option<f64> { panic!("secret-of-a-panic") };
    let rule = Rule::new("panics", Signal::asked("panics", SignalUnit::Count, panics)).above(1.0);
    let dsn = format!("http://5e471e15e471e15e471e15e471e15e47@{refusing}/1");
    let directory = Directory::new("doctor-secrets");
    let monitoring =
        Monitoring::new(Access::Token("secret-of-the-token".to_owned())).check_errors();
    let builder = with(monitoring)
        .health(health.service().details(details).unwrap())
        .exclude_rules([exclude::Rule::header("x-probe", "secret-of-a-header")])
        .notifiers(notifiers)
        .alerts(
            Alerts::none()
                .rule(rule)
                .interval(Duration::from_secs(3_600)),
        )
        .sentry(SentryOptions::new(&dsn).unwrap())
        .state_file(directory.path("secret-of-the-state"));
    let served = Served::start(builder).await;
    served.vitals.alerts().evaluate();
    let url = served.url(BASE);
    for arguments in [
        &["doctor", "--send-test"][..],
        &["doctor", "--format", "json"],
        &["status"],
        &["status", "--format", "json"],
        &["alerts"],
        &["alerts", "--format", "json"],
        &["silence", "panics"],
    ] {
        for token in ["secret-of-the-token", "secret-of-the-token-that-is-wrong"] {
            let environment = [
                ("MONITORING_URL", url.as_str()),
                ("MONITORING_TOKEN", token),
            ];
            let ran = vitals(arguments, &environment).await;
            for secret in SECRETS {
                let shown = ran.out.contains(secret) || ran.err.contains(secret);
                assert!(!shown, "{arguments:?} shows {secret}: {ran:?}");
            }
        }
    }
    // All of it is there: it is only not shown.
    let diagnosis = served.vitals.doctor();
    let set = diagnosis
        .settings
        .iter()
        .filter(|one| one.value == "set")
        .count();
    assert_eq!(set, 9, "{:?}", diagnosis.settings);
    assert!(
        !format!("{diagnosis:?}").contains("secret-of"),
        "{diagnosis:?}"
    );
}
