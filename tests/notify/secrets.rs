//! Plants a secret in every setting of every notifier, lets everything fail, and looks for it wherever something is shown.

mod planted;
mod repeats;
mod shown;

use std::{
    convert::Infallible,
    env,
    future::ready,
    process::Command,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::Request, routing::get};
use futures::future::join_all;
use http_body_util::BodyExt;
use sentry::{Client, ClientOptions, Hub};
use serde_json::Value;
use tower::ServiceExt;
use tower_vitals::{
    Vitals,
    alerts::AlertSeverity,
    logging::{self, Format},
    monitoring::{Access, Monitoring},
    notify::Slack,
    sentry::{SentryOptions, guard, tracing_layer},
};
use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt, registry};

use self::{
    planted::{Failure, NAMES, NUMBER, PERSON, PLANTED, refused_settings},
    repeats::repeats,
    shown::Shown,
};
use crate::{
    LONG, Level,
    dsn::{Answer, Dsn},
    inbox::Inbox,
    lines::Written,
    nobody::nobody,
    programs::eventually,
    stack,
};

/// What is shown of a service whose notifiers fail in this way.
async fn shown_of(failure: &Failure, sentry: &Dsn) -> Shown {
    let level = Level::default();
    let (notifiers, mut shown) = failure.notifiers();
    shown.debug("Notifiers", &notifiers);
    let twice = Slack::new(&format!("{}/{PLANTED}", failure.http)).unwrap();
    let twice = notifiers.clone().notifier(twice);
    let builder = || stack([level.rule("down", AlertSeverity::Critical)]);
    shown.refused("build", builder().notifiers(twice).build());
    let builder = builder()
        .notifiers(notifiers)
        .monitoring(Monitoring::new(Access::Token("token".to_owned())))
        .sentry(SentryOptions::new(&sentry.url()).unwrap());
    shown.debug("builder", &builder);
    let vitals = builder.build().unwrap();
    shown.debug("Vitals", &vitals);
    // Before there is more to tell: that would be tried again for minutes.
    if failure.name != "hangs" {
        let told = vitals.clone();
        let tested = tokio::task::spawn_blocking(move || told.test_notifiers());
        let tested = tested.await.unwrap();
        assert_eq!(tested.len(), NAMES.len());
        shown.debug("test_notifiers", &tested);
    }
    level.set(2);
    vitals.alerts().evaluate();
    vitals.notify(AlertSeverity::Critical, "said", "");
    served(&vitals, &mut shown).await;
    // Most would be tried again, and there is no time for that.
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    shown.debug("ShutdownReport", &report);
    shown.debug("Vitals", &vitals);
    served(&vitals, &mut shown).await;
    shown
}

/// What the service answers: a request that fails, the metrics, and the monitoring API.
async fn served(vitals: &Vitals, shown: &mut Shown) {
    let fails = get(async || http::StatusCode::INTERNAL_SERVER_ERROR);
    let app = Router::new()
        .route("/fails", fails)
        .merge(vitals.routes())
        .layer(vitals.layer());
    let document: Value = serde_json::from_str(include_str!("../monitoring/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let paths = paths.filter(|(_, methods)| methods.get("get").is_some());
    let paths =
        paths.map(|(path, _)| format!("/api/v1/monitoring{}", path.replace("{name}", "system")));
    let all = paths.chain(["/metrics", "/fails"].map(str::to_owned));
    for path in all.collect::<Vec<_>>() {
        let request = Request::get(&path).header("host", "localhost");
        let request = request.header("authorization", "Bearer token");
        let request = request.body(Body::empty()).unwrap();
        let (head, body) = app.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        // This service is in no fleet, and says so.
        let is_there = head.status != http::StatusCode::NOT_FOUND || path.ends_with("/fleet");
        assert!(is_there, "{path}");
        let body = String::from_utf8_lossy(&body);
        shown.add(path, format!("{head:?} {body}"));
    }
}

/// What was logged, once each notifier has failed so often. One that hangs need not have, and Sentry takes everything.
fn logged(written: &Written, failures: usize) -> String {
    let mut logged = String::new();
    eventually("each notifier fails", || {
        logged.push_str(&written.take());
        let has_failed = |notifier: &&str| {
            let notifier = format!("\"{notifier}\"");
            let fails = |line: &&str| line.contains("a notifier fails") && line.contains(&notifier);
            logged.lines().filter(fails).count() >= failures
        };
        let failed = NAMES.iter().filter(|name| **name != "sentry");
        failed.copied().all(|name| has_failed(&name)).then_some(())
    });
    logged
}

/// What libraries log through the crate `log`, on whatever thread.
struct Logged(Mutex<Vec<String>>);

static LOGGED: Logged = Logged(Mutex::new(Vec::new()));

impl log::Log for Logged {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        // Bytes are dumped in rows of 16, first as numbers. A secret can stand in two rows.
        let line = match record.target() {
            "ureq_proto::util" => text.chars().rev().take(16).collect::<Vec<_>>(),
            _ => "\n".chars().chain(text.chars().rev()).collect(),
        };
        let line = line.into_iter().rev().collect();
        self.0.lock().unwrap().push(line);
    }

    fn flush(&self) {}
}

/// The subscriber and the logger are those of the process, so the test runs itself in another one.
#[test]
fn a_secret_of_a_notifier_is_shown_nowhere_whatever_fails() {
    let name = "secrets::a_secret_of_a_notifier_is_shown_nowhere_whatever_fails";
    if env::var_os("SWEEPS").is_none() {
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env("SWEEPS", "1")
            .env_remove("RUST_BACKTRACE")
            .status();
        assert!(again.unwrap().success());
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(sweep());
}

async fn sweep() {
    let written = Written::default();
    let writer = written.clone();
    let lines = logging::layer(Format::Json, move || writer.clone(), false);
    let subscriber = registry().with(lines).with(tracing_layer());
    let subscriber = subscriber.with(LevelFilter::TRACE);
    tracing::subscriber::set_global_default(subscriber).unwrap();
    tracing::trace!("the log is heard");
    log::set_logger(&LOGGED).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let sentry = Dsn::start(Answer::Status(200));
    // Of the process, for notifications that are events.
    let options = guard(ClientOptions::new().dsn(sentry.url().as_str()));
    let client = Arc::new(Client::with_options(options));
    Hub::main().bind_client(Some(Arc::clone(&client)));
    let (refuses, heard) = repeats(&format!("535 5.7.8 {PLANTED}"));
    let (busy, heard_when_busy) = repeats(&format!("454 4.7.0 {PLANTED}"));
    let elsewhere = format!("location: http://{}/{PLANTED}\r\n", nobody());
    let hangs = Inbox::hanging();
    // Nobody who hangs greets a mail client.
    let silent = hangs.address();
    let answers = [
        ("401", Inbox::answering(401, PLANTED), refuses),
        ("500", Inbox::answering(500, PLANTED), busy),
        (
            "redirect",
            Inbox::with_header(302, &elsewhere, PLANTED),
            refuses,
        ),
        ("hangs", hangs, silent),
    ];
    let failures = answers.iter().map(|(name, inbox, smtp)| Failure {
        name,
        http: inbox.url(""),
        smtp: *smtp,
    });
    let refused = Failure {
        name: "refused",
        http: format!("http://{}", nobody()),
        smtp: nobody(),
    };
    let failures: Vec<_> = failures.chain([refused]).collect();
    let mut all = Shown::default();
    refused_settings(&mut all);
    let shown = failures.iter().map(|failure| shown_of(failure, &sentry));
    for (failure, shown) in failures.iter().zip(join_all(shown).await) {
        let named = shown.0.into_iter();
        all.0
            .extend(named.map(|(what, text)| (format!("{}: {what}", failure.name), text)));
    }
    assert!(client.flush(Some(LONG)));
    let sent = sentry.bytes();
    all.add("Sentry", String::from_utf8_lossy(&sent));
    let logged = logged(&written, failures.len() - 1);
    all.add("log", logged.clone());
    let by_libraries = LOGGED.0.lock().unwrap().concat();
    // The client of Sentry is heard, with the bytes that it sends.
    assert!(by_libraries.contains("POST./api/1/envelope/.HTTP/1.1"));
    all.add("crate log", by_libraries);

    // The secrets were in use, and everything has failed.
    for (name, inbox, _) in &answers {
        let requests = inbox.rest();
        let is_of = |sign: &str| {
            let texts = requests.iter().map(|one| format!("{one:?}"));
            texts.filter(|text| text.contains(sign)).count()
        };
        assert!(
            is_of(PLANTED) >= 5 && is_of(NUMBER) >= 1,
            "{name}: {requests:?}"
        );
    }
    // The password as it is sent.
    let sent: Vec<_> = heard.try_iter().chain(heard_when_busy.try_iter()).collect();
    assert!(sent.len() >= 2, "{sent:?}");
    let secrets = [PLANTED, NUMBER, PERSON].map(str::to_owned);
    let secrets: Vec<_> = sent.into_iter().chain(secrets).collect();
    assert!(logged.contains("the log is heard"));
    let is_of_alert = |event: &Value| event.to_string().contains("Alert: down ");
    assert!(sentry.events().iter().any(is_of_alert));
    assert!(
        all.has("answered 401") && all.has("answered 500") && all.has("vitals_notifications_total")
    );
    let leaks = all.leaks(&secrets);
    assert!(leaks.is_empty(), "{leaks:#?}");
}
