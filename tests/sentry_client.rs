//! Binds a client to the process, beside an existing one. It is a process of its own, because a process has one main hub.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by a panic, which shows its place"
)]

#[path = "it/support/dsn.rs"]
#[expect(dead_code, reason = "shared with other tests, which ask for more")]
mod dsn;

use std::{sync::Arc, time::Duration};

use sentry::{Client, ClientOptions, Hub};
use tokio::time::Instant;
use tower_vitals::{Vitals, sentry::SentryOptions};

use crate::dsn::{Answer, Dsn};

#[test]
fn an_applications_own_client_stays_bound_and_the_crates_client_blocks_no_worker() {
    let dsn = Dsn::start(Answer::Never);
    let options = || SentryOptions::new(&dsn.url()).unwrap();
    let own = Arc::new(Client::with_options(ClientOptions::new()));
    Hub::main().bind_client(Some(Arc::clone(&own)));
    let _vitals = Vitals::builder().sentry(options()).build().unwrap();
    assert!(Arc::ptr_eq(&Hub::main().client().unwrap(), &own));
    // An isolated stack does not bind its client to the process.
    Hub::main().bind_client(None);
    let _isolated = Vitals::builder()
        .isolated()
        .sentry(options())
        .build()
        .unwrap();
    assert!(Hub::main().client().is_none());
    let vitals = Vitals::builder().sentry(options()).build().unwrap();
    assert!(
        Hub::main().client().is_some(),
        "for what is captured outside of requests"
    );

    // The panic hook of the SDK waits up to 2 s until the event is sent. This server never answers, so a wait would take all 2 s.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let panic = async || -> Instant { panic!("as asked") };
    runtime.block_on(async {
        // The first stack trace of a process takes long, so it is not measured.
        tokio::spawn(panic()).await.unwrap_err();
        let began = Instant::now();
        tokio::spawn(panic()).await.unwrap_err();
        assert!(
            began.elapsed() < Duration::from_millis(1_500),
            "{:?}",
            began.elapsed()
        );
    });
    assert_eq!(
        vitals.flush(Duration::from_millis(10)),
        2,
        "both were captured"
    );
}
