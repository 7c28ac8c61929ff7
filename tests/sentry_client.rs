//! Binds a client to the process, beside one that is there already; a process of its own, for there is one main hub.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a panic with its place is the best error there is"
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
fn an_applications_own_client_stays_where_it_is_bound_and_ours_holds_up_no_worker() {
    let dsn = Dsn::start(Answer::Never);
    let options = || SentryOptions::new(&dsn.url()).unwrap();
    let own = Arc::new(Client::with_options(ClientOptions::new()));
    Hub::main().bind_client(Some(Arc::clone(&own)));
    let _vitals = Vitals::builder().sentry(options()).build().unwrap();
    assert!(Arc::ptr_eq(&Hub::main().client().unwrap(), &own));
    // Tests count and send beside everything else.
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

    // The SDK waits 2 s in its panic hook for what is sent; here that would be for ever.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let panic = async || -> Instant { panic!("as asked") };
    runtime.block_on(async {
        // The first stack trace of a process takes its time.
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
