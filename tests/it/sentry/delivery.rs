//! Errors go first, and what is lost is counted and told.

use std::{
    env, fmt,
    process::Command,
    sync::{Arc, mpsc},
    time::Duration,
};

use axum::{Router, extract::Path, http::StatusCode, routing::get};
use sentry::{Client, ClientOptions, Hub, SentryFutureExt, test::TestTransport};
use tokio::task;
use tower_vitals::{
    SentryScopeLayer, Vitals,
    metrics::Sink,
    report::ReportPolicy,
    sentry::{SentryOptions, guard},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

use super::{LONG, bound, broken, reporting, send};
use crate::support::{
    dsn::{Answer, Dsn},
    nobody::nobody,
    panics::silence_panics_that_were_asked_for,
    reporting::unlimited,
    waiting::eventually,
};

/// The number of envelopes that are under way at once if many wait.
const UNDER_WAY: usize = 4;

/// The number of envelopes that wait.
const WAITING: usize = 100;

/// A DSN on a port where nobody listens.
fn dsn_of_nobody() -> String {
    format!("http://s3cret@{}/1", nobody())
}

async fn flushed(vitals: &Vitals, timeout: Duration) -> u64 {
    let vitals = vitals.clone();
    task::spawn_blocking(move || vitals.flush(timeout))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_go_before_transactions_and_take_their_places() {
    let dsn = Dsn::start(Answer::Held);
    let options = SentryOptions::new(&dsn.url())
        .unwrap()
        .transactions()
        .sample_rate(1.0)
        .unwrap()
        .report_policy(ReportPolicy::new().per_minute(u32::MAX));
    let vitals = reporting(&dsn).sentry(options).build().unwrap();
    let handler = async |Path(n): Path<usize>| match n % 80 {
        79 => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let app = Router::new()
        .route("/orders/{n}", get(handler))
        .layer(vitals.layer());
    let arrived = async |count: usize| {
        let all = || Some(dsn.types()).filter(|types| types.len() == count);
        eventually(all)
            .await
            .unwrap_or_else(|| panic!("{:?}", dsn.types()))
    };
    for n in 0..400 {
        send(&app, &format!("/orders/{n}")).await;
        if n + 1 == 50 {
            arrived(UNDER_WAY).await;
        }
    }
    let totals = vitals.metrics().totals();
    let sent = UNDER_WAY + WAITING;
    assert_eq!(totals.dropped(Sink::Sentry), 0);
    assert_eq!(
        totals.dropped(Sink::SentryTransactions),
        (405 - sent) as u64
    );
    for more in 1..=5 {
        dsn.answer(1);
        let types = arrived(UNDER_WAY + more).await;
        assert_eq!(types[UNDER_WAY..], vec!["event"; more]);
    }
    dsn.answer(sent);
    assert_eq!(
        flushed(&vitals, LONG).await,
        (405 - sent) as u64,
        "the lost"
    );
    assert_eq!(flushed(&vitals, LONG).await, 0, "they are told once");
    assert_eq!(dsn.types().len(), sent);
    assert_eq!(dsn.events().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flush_and_run_count_what_was_lost() {
    silence_panics_that_were_asked_for();
    let refusing = Dsn::start(Answer::Status(403));
    for url in [dsn_of_nobody(), refusing.url()] {
        let options = || SentryOptions::new(&url).unwrap();
        let vitals = Vitals::builder().isolated().sentry(options());
        let vitals = vitals.build().unwrap();
        let app = Router::new()
            .route("/500", get(broken))
            .layer(vitals.layer());
        send(&app, "/500").await;
        send(&app, "/500").await;
        assert_eq!(flushed(&vitals, LONG).await, 2);
        assert_eq!(vitals.metrics().totals().dropped(Sink::Sentry), 2);
        send(&app, "/500").await;
        let report = vitals.run(async { Ok::<_, ()>(()) }).await.unwrap();
        assert_eq!(report.unsent, 1, "since the last flush");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sentry_says_of_its_limits_holds_for_all_that_send() {
    const MORE: usize = 60;
    let dsn = Dsn::start(Answer::Limited);
    let vitals = unlimited(&dsn.url());
    let app = Router::new()
        .route("/500", get(broken))
        .layer(vitals.layer());
    send(&app, "/500").await;
    assert_eq!(flushed(&vitals, LONG).await, 1);
    // So many that all senders take some of them.
    for _ in 0..MORE {
        send(&app, "/500").await;
    }
    assert_eq!(flushed(&vitals, LONG).await, MORE as u64);
    assert_eq!(dsn.events().len(), 1, "nobody asked again");
    let lost = vitals.metrics().totals().dropped(Sink::Sentry);
    assert_eq!(lost, 1 + MORE as u64);
}

#[test]
fn a_client_that_was_guarded_is_flushed_and_counted() {
    silence_panics_that_were_asked_for();
    for with_layer in [false, true] {
        let dsn = Dsn::start(Answer::Held);
        let options = || ClientOptions::new().dsn(&dsn.url());
        let client = Arc::new(Client::with_options(guard(options())));
        let hub = Arc::new(Hub::new(Some(client), Arc::default()));
        let count = || {
            let vitals = bound();
            let alone = Vitals::builder().isolated().build().unwrap();
            let vitals = if with_layer { &alone } else { &vitals };
            let app = Router::new().route("/500", get(broken));
            let app = match with_layer {
                true => app.layer(SentryScopeLayer::new()).layer(vitals.layer()),
                false => app.layer(vitals.layer()),
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                for _ in 0..5 {
                    send(&app, "/500").await;
                }
                assert_eq!(vitals.flush(Duration::from_millis(100)), 5);
                let report = vitals.run(async { Ok::<_, ()>(()) });
                assert_eq!(report.await.unwrap().unsent, 5);
            });
            dsn.answer(5);
            assert_eq!(vitals.flush(LONG), 0);
        };
        Hub::run(hub, count);
        assert_eq!(dsn.events().len(), 5);
    }
}

#[tokio::test]
async fn a_client_without_a_guard_says_that_something_is_left() {
    struct Hanging;

    impl sentry::Transport for Hanging {
        fn send_envelope(&self, _: sentry::Envelope) {}

        fn flush(&self, _: Duration) -> bool {
            false
        }
    }

    let factory = |_: &ClientOptions| Arc::new(Hanging) as Arc<dyn sentry::Transport>;
    let options = ClientOptions::new().dsn("http://public@localhost/1");
    let client = |options| Arc::new(Client::with_options(options));
    let hanging = client(options.clone().transport(factory));
    let done = client(options.transport(TestTransport::new()));
    for (client, unsent) in [(hanging, 1), (done, 0)] {
        let hub = Arc::new(Hub::new(Some(client), Arc::default()));
        let run = async {
            let report = bound().run(async { Ok::<_, ()>(()) }).await;
            assert_eq!(report.unwrap().unsent, unsent);
        };
        run.bind_hub(hub).await;
    }
}

/// Sends each event of this crate with its fields.
struct Told(mpsc::Sender<String>);

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_vitals"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Fields(String);

        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }

        let mut fields = Fields(event.metadata().level().to_string());
        event.record(&mut fields);
        let _ = self.0.send(fields.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Runs itself again: the threads that send have the subscriber of the process.
#[test]
fn a_sentry_that_is_away_is_told_once_with_its_host_and_without_its_key() {
    const AGAIN: &str = "TOWER_VITALS_TEST_AGAIN";
    let name = concat!(
        module_path!(),
        "::a_sentry_that_is_away_is_told_once_with_its_host_and_without_its_key"
    );
    let (_, name) = name.split_once("::").unwrap();
    if env::var_os(AGAIN).is_none() {
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", name])
            .env(AGAIN, "1")
            .output()
            .unwrap();
        let output = String::from_utf8(again.stdout).unwrap();
        assert!(again.status.success(), "{output}");
        assert!(output.contains("1 passed"), "{output}");
        return;
    }
    let (told, lines) = mpsc::channel();
    tracing::subscriber::set_global_default(Told(told)).unwrap();
    let refusing = Dsn::start(Answer::Status(403));
    for (url, message, reason) in [
        (
            dsn_of_nobody(),
            "Sentry cannot be reached",
            "io: Connection refused",
        ),
        (refusing.url(), "Sentry refuses what is sent", "status 403"),
    ] {
        let client = Client::with_options(guard(ClientOptions::new().dsn(&url)));
        for _ in 0..5 {
            client.capture_event(sentry::protocol::Event::default(), None);
            assert!(client.flush(Some(LONG)));
        }
        let line = lines.recv_timeout(LONG).unwrap();
        assert!(line.starts_with("WARN"), "{line}");
        let host = url.split(['@', '/']).nth(3).unwrap();
        for part in [message, reason, host] {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(
            !line.contains("s3cret") && !line.contains("public"),
            "{line}"
        );
    }
    let left: Vec<_> = lines.try_iter().collect();
    assert_eq!(left, Vec::<String>::new(), "not for each event");
}
