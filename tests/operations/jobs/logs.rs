//! Writes one event for each run, and puts a span around it.

use std::{error::Error, future::pending, io, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use serde_json::Value;
use tokio::time;
use tower_vitals::{
    RequestContext,
    category::ErrorCategory,
    exchange::Exchange,
    logging::Format,
    metrics::Sink,
    operations::{JobError, outbound},
};
use tracing::{Metadata, Subscriber, span};

use super::{no_order, runs, watched};
use crate::lines::{lines, written};

const SECOND: Duration = Duration::from_secs(1);

#[track_caller]
fn assert_fields(line: &Value, fields: &[(&str, Value)]) {
    for (field, value) in fields {
        assert_eq!(line[field], *value, "{field} in {line:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_run_has_one_event_with_what_is_known_of_it() {
    let (_vitals, job) = watched("rollup");
    let (written, _guard) = written(Format::Json);
    let id = job
        .clone()
        .run(async {
            let context = RequestContext::current();
            context.user("u-1").tenant("acme").tag("shard", "7");
            tracing::info!("halfway");
            time::sleep(SECOND).await;
            context.id().unwrap().to_owned()
        })
        .await;
    let all = lines(&written);
    assert_eq!(all.len(), 2, "{all:#?}");
    assert_fields(
        &all[0],
        &[
            ("message", "halfway".into()),
            ("request_id", id.clone().into()),
            // The field of the span.
            ("job", "rollup".into()),
        ],
    );
    assert_eq!(all[0]["trace_id"], all[1]["trace_id"]);
    assert_eq!(all[0]["trace_id"].as_str().unwrap().len(), 32);
    assert_fields(
        &all[1],
        &[
            ("level", "INFO".into()),
            ("target", "tower_vitals".into()),
            ("message", "job".into()),
            ("request_id", id.into()),
            ("job", "rollup".into()),
            ("outcome", "success".into()),
            ("duration_ms", 1_000.0.into()),
            ("user_id", "u-1".into()),
            ("tenant_id", "acme".into()),
            ("tags", "shard=7".into()),
            ("category", Value::Null),
            ("cause", Value::Null),
        ],
    );
    job.clone()
        .try_run(async { Err::<(), _>(no_order()) })
        .await
        .unwrap_err();
    let late = time::timeout(SECOND, pending::<()>());
    job.clone().try_run(late).await.unwrap_err();
    let left = time::timeout(SECOND, job.clone().run(pending::<()>()));
    left.await.unwrap_err();
    let panics = AssertUnwindSafe(job.run(async { panic!("as asked") }));
    panics.catch_unwind().await.map(|(): ()| ()).unwrap_err();
    let all = lines(&written);
    let expected = [
        (
            "ERROR",
            "error",
            "server_error",
            "no such order: invalid digit found in string",
        ),
        ("ERROR", "timeout", "timeout", "deadline has elapsed"),
        ("WARN", "cancelled", "", ""),
        ("ERROR", "panicked", "server_error", "as asked"),
    ];
    assert_eq!(all.len(), expected.len(), "{all:#?}");
    for (line, (level, outcome, category, cause)) in all.iter().zip(expected) {
        let known = |text: &str| match text {
            "" => Value::Null,
            text => text.into(),
        };
        assert_fields(
            line,
            &[
                ("level", level.into()),
                ("message", "job".into()),
                ("outcome", outcome.into()),
                ("category", known(category)),
                ("cause", known(cause)),
                // What an earlier run added.
                ("user_id", Value::Null),
            ],
        );
    }
}

#[tokio::test]
async fn the_event_of_a_run_names_the_service_that_failed() {
    let (vitals, job) = watched("mails");
    let (written, _guard) = written(Format::Json);
    let groq = outbound("groq").metrics(vitals.metrics());
    let run = groq.run(async { Err::<(), _>("as asked") });
    job.clone().try_run(run).await.unwrap_err();
    job.run(async {}).await;
    let all = lines(&written);
    let named = all.iter().map(|line| {
        let text = |name: &str| line[name].as_str().unwrap_or("").to_owned();
        (text("category"), text("external_service"))
    });
    let expected = [("external_service", "groq"), ("", "")];
    let expected = expected.map(|(category, service)| (category.to_owned(), service.to_owned()));
    assert_eq!(named.collect::<Vec<_>>(), expected);
}

/// The category and the cause that the event shows of an error.
fn shown<E: JobError<Of>, Of: ?Sized>(error: E) -> (String, String) {
    let (_vitals, job) = watched("errors");
    let (written, _guard) = written(Format::Json);
    assert!(job.try_time(|| Err::<(), _>(error)).is_err());
    let line = &lines(&written)[0];
    let text = |field| line[field].as_str().unwrap().to_owned();
    (text("category"), text("cause"))
}

#[test]
fn an_error_is_known_in_whatever_carries_it() {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let texts = || {
        (
            "external_service".to_owned(),
            "connection refused".to_owned(),
        )
    };
    assert_eq!(shown(refused()), texts());
    assert_eq!(shown(Box::<dyn Error>::from(refused())), texts());
    assert_eq!(shown(Box::new(refused()) as Box<dyn Error + Send>), texts());
    assert_eq!(
        shown(Box::<dyn Error + Send + Sync>::from(refused())),
        texts()
    );
    assert_eq!(shown(anyhow::Error::from(refused())), texts());
    assert_eq!(shown(eyre::Report::from(refused())), texts());
    let whole = (
        "server_error".to_owned(),
        "no such order: invalid digit found in string".to_owned(),
    );
    assert_eq!(shown(no_order()), whole);
    assert_eq!(shown(anyhow::Error::from(no_order())), whole);
    let keyword = ("database".to_owned(), "the database is full".to_owned());
    assert_eq!(shown("the database is full"), keyword);
    assert_eq!(shown(String::from("the database is full")), keyword);
}

#[test]
fn the_category_that_a_run_sets_is_its_own() {
    let (_vitals, job) = watched("chosen");
    let (written, _guard) = written(Format::Json);
    let failing = || {
        RequestContext::current().category(ErrorCategory::Conflict);
        Err::<(), _>("busy")
    };
    assert!(job.try_time(failing).is_err());
    assert_eq!(lines(&written)[0]["category"], "conflict");
}

/// A subscriber that panics at everything that it can be asked.
struct Broken;

impl Subscriber for Broken {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "tower_vitals"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        panic!("as asked");
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        panic!("as asked");
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn a_subscriber_that_panics_costs_the_event_and_no_run() {
    let (vitals, job) = watched("unheard");
    let id = tracing::subscriber::with_default(Broken, || {
        job.time(|| Exchange::current().unwrap().id().is_some())
    });
    assert!(id);
    assert_eq!(runs(&vitals, "unheard"), [1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(vitals.metrics().totals().dropped(Sink::Log), 1);
}

#[test]
fn the_span_of_a_run_has_the_fields_of_the_run_and_no_parent() {
    let (_vitals, job) = watched("nested");
    let (written, _guard) = written(Format::Json);
    tracing::info_span!("outer", outer = 1).in_scope(|| {
        job.time(|| tracing::info!("inside"));
        tracing::info!("after");
    });
    let [inside, of_job, after] = &lines(&written)[..] else {
        panic!()
    };
    for line in [inside, of_job] {
        assert_fields(line, &[("job", "nested".into()), ("outer", Value::Null)]);
    }
    assert_fields(after, &[("job", Value::Null), ("outer", 1.into())]);
}

#[tokio::test(start_paused = true)]
async fn a_run_above_its_threshold_is_told_with_the_name_of_its_job() {
    let (_vitals, job) = watched("rollup");
    let (written, _guard) = written(Format::Json);
    let job = job.threshold(SECOND);
    job.clone().run(time::sleep(SECOND)).await;
    job.run(time::sleep(2 * SECOND)).await;
    let all = lines(&written).into_iter();
    let slow: Vec<_> = all.filter(|line| line["message"] == "slow job").collect();
    assert_eq!(slow.len(), 1, "{slow:#?}");
    assert_fields(
        &slow[0],
        &[
            ("level", "WARN".into()),
            ("job", "rollup".into()),
            ("outcome", "success".into()),
            ("duration_ms", 2_000.0.into()),
            ("threshold_ms", 1_000.0.into()),
        ],
    );
}
