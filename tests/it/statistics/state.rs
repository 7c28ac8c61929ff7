//! Carries what happened lately across a restart.

use std::{convert::Infallible, fs, future::ready, path::Path};

use axum::{Router, http::StatusCode, routing::get};
use serde_json::Value;
use tower_vitals::{Deployment, Release, Vitals, logging::Format};

use super::{all, by_category, by_status};
use crate::support::{
    directory::Directory,
    exposition::Exposition,
    lines::{lines, lines_with, written},
    server::Server,
    waiting::{eventually, settled},
};

/// The stack of one process, which keeps its state in this file.
fn begin(file: &Path, version: &str) -> Vitals {
    Vitals::builder()
        .isolated()
        .service_name("shop")
        .release(Release::new(version))
        .state_file(file)
        .build()
        .unwrap()
}

/// Answers so many requests, of which the first one fails.
async fn serve(vitals: &Vitals, requests: u64) {
    let answer = async |axum::extract::Path(n): axum::extract::Path<u64>| match n {
        0 => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let app = Router::new().route("/orders/{id}", get(answer));
    let server = Server::start(app.layer(vitals.layer())).await;
    let mut client = server.http1();
    for n in 0..requests {
        client.text(&format!("/orders/{n}")).await;
    }
    settled(vitals, |totals| totals.completed == requests).await;
}

/// Ends as a process does whose server has ended.
async fn end(vitals: Vitals) {
    let report = vitals.run(ready(Ok::<_, Infallible>(()))).await.unwrap();
    assert!(!report.unsaved);
}

fn counts(vitals: &Vitals) -> [Vec<(String, u64)>; 2] {
    let lately = all(vitals);
    [by_status(&lately), by_category(&lately)]
}

fn expected(good: u64, failed: u64) -> [Vec<(String, u64)>; 2] {
    let named = |name: &str, count| (name.to_owned(), count);
    [
        vec![
            named("GET /orders/{id} 200", good),
            named("GET /orders/{id} 500", failed),
        ],
        vec![named("server_error /orders/{id}", failed)],
    ]
}

/// The warnings about files of state.
fn warnings(lines: &[Value]) -> Vec<&Value> {
    let warnings = lines.iter().filter(|line| line["level"] == "WARN");
    warnings
        .filter(|line| line["message"] == "a state file is not used")
        .collect()
}

#[tokio::test]
async fn a_restart_keeps_what_was_counted_and_marks_it_as_restored() {
    let directory = Directory::new("restart");
    let file = directory.path("state");
    let (written, _guard) = written(Format::Json);
    let vitals = begin(&file, "1.4.1");
    assert_eq!(all(&vitals).restored_seconds, 0.0);
    serve(&vitals, 30).await;
    assert_eq!(counts(&vitals), expected(29, 1));
    let before = all(&vitals);
    end(vitals).await;

    let vitals = begin(&file, "1.4.1");
    // Counters are those of the process. Statistics are those of the service.
    assert_eq!(vitals.metrics().totals().started, 0);
    let lately = all(&vitals);
    assert_eq!(counts(&vitals), expected(29, 1));
    assert!(lately.restored_seconds > 0.0);
    assert!(
        lately.covered_seconds >= lately.restored_seconds,
        "{lately:?}"
    );
    let [one, other] =
        [&before, &lately].map(|it| &it.endpoint("GET", "/orders/{id}").unwrap().traffic);
    assert_eq!(
        (one.p95_ms, one.max_ms, one.total_ms),
        (other.p95_ms, other.max_ms, other.total_ms)
    );
    assert_eq!(one.severities, other.severities);
    serve(&vitals, 12).await;
    assert_eq!(counts(&vitals), expected(29 + 11, 2));
    end(vitals).await;

    let vitals = begin(&file, "1.4.1");
    assert_eq!(counts(&vitals), expected(40, 2));
    // The same version again is no deployment.
    assert_eq!(vitals.statistics().deployments().deployments, []);
    let name = "app_deployment_timestamp_seconds";
    assert_eq!(Exposition::of(&vitals).sum(name, &[]), 0.0);
    end(vitals).await;
    assert_eq!(warnings(&lines(&written)), Vec::<&Value>::new());
}

#[tokio::test]
async fn a_stack_that_is_only_dropped_has_written_its_state() {
    let directory = Directory::new("dropped");
    let file = directory.path("state");
    let vitals = begin(&file, "1.4.1");
    serve(&vitals, 5).await;
    drop(vitals);
    let lock = fs::File::open(directory.path("state.lock")).unwrap();
    // Nobody waits for the last write, so the file is not free at once.
    eventually(|| lock.try_lock().ok()).await.unwrap();
    lock.unlock().unwrap();
    let vitals = begin(&file, "1.4.1");
    assert_eq!(counts(&vitals), expected(4, 1));
    end(vitals).await;
}

#[tokio::test]
async fn the_start_of_a_new_version_is_a_deployment() {
    let directory = Directory::new("deployed");
    let file = directory.path("state");
    let deployed = |vitals: &Vitals| {
        let scrape = Exposition::of(vitals);
        let versions = scrape.values("app_deployment_timestamp_seconds", "version");
        let known = vitals.statistics().deployments().deployments;
        let known: Vec<_> = known.into_iter().map(|one| one.version).collect();
        (Vec::from_iter(versions), known)
    };
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    // Nobody knows what ran before the first start of all.
    let vitals = begin(&file, "1.4.1");
    assert_eq!(deployed(&vitals), (vec![], vec![]));
    serve(&vitals, 20).await;
    end(vitals).await;
    let vitals = begin(&file, "1.5.0");
    assert_eq!(deployed(&vitals), (texts(&["1.5.0"]), texts(&["1.5.0"])));
    serve(&vitals, 7).await;
    let releases = vitals.statistics().releases();
    assert_eq!(releases.len(), 1);
    assert_eq!(
        (&*releases[0].version, releases[0].traffic.requests),
        ("1.5.0", 7)
    );
    end(vitals).await;
    // Also a step back is one. What the application says of it tells more, and makes no second one of it.
    let vitals = begin(&file, "1.4.1");
    let said = Deployment::new("1.4.1").by("ada").changes("1.5.0 was slow");
    vitals.record_deployment(&said);
    let both = texts(&["1.4.1", "1.5.0"]);
    assert_eq!(deployed(&vitals), (both.clone(), both.clone()));
    end(vitals).await;
    // A restart of the same version keeps them.
    let vitals = begin(&file, "1.4.1");
    assert_eq!(deployed(&vitals), (both.clone(), both));
    let known = vitals.statistics().deployments();
    assert_eq!((known.per_day, &*known.deployments[0].by), (2, "ada"));
    end(vitals).await;
}

#[tokio::test]
async fn a_torn_file_costs_one_warning_and_is_replaced() {
    let directory = Directory::new("torn");
    let file = directory.path("state");
    let vitals = begin(&file, "1.4.1");
    serve(&vitals, 20).await;
    end(vitals).await;
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 7]).unwrap();

    let (written, _guard) = written(Format::Json);
    let vitals = begin(&file, "1.4.1");
    assert_eq!(counts(&vitals), [vec![], vec![]]);
    let mut all = lines_with(&written, "a state file is not used");
    serve(&vitals, 3).await;
    end(vitals).await;
    all.extend(lines(&written));
    let warned = warnings(&all);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(warned[0]["file"], file.display().to_string());
    assert_eq!(
        warned[0]["reason"],
        "torn or damaged, so it will be replaced"
    );

    let vitals = begin(&file, "1.4.1");
    assert_eq!(counts(&vitals), expected(2, 1));
    end(vitals).await;
    assert_eq!(warnings(&lines(&written)), Vec::<&Value>::new());
}
