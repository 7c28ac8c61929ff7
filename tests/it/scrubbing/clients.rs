//! Scrubs in a client of the application.

use std::sync::Arc;

use sentry::ClientOptions;
use tower_vitals::{
    scrub::Scrubbing,
    sentry::{guard, guard_with},
};

use super::{LONG, saying};
use crate::support::dsn::{Answer, Dsn};

#[test]
fn guarded_options_keep_the_applications_own_transport() {
    let transport = sentry::test::TestTransport::new();
    let options = ClientOptions::new()
        .dsn("http://public@localhost/1")
        .transport(Arc::clone(&transport));
    let client = sentry::Client::with_options(guard_with(
        options,
        Scrubbing::new().value("quiet").unwrap(),
    ));
    client.capture_event(saying("be quiet"), None);
    assert!(client.flush(Some(LONG)));
    assert_eq!(
        transport.fetch_and_clear_events()[0]
            .logentry
            .as_ref()
            .unwrap()
            .message,
        "be [Filtered]"
    );
}

#[test]
fn two_clients_of_the_same_options_send_each_for_itself() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = guard(ClientOptions::new().dsn(&dsn.url()));
    let gone = sentry::Client::with_options(options.clone());
    let client = sentry::Client::with_options(options);
    assert!(gone.close(Some(LONG)));
    client.capture_event(saying("still here"), None);
    assert!(client.flush(Some(LONG)));
    assert_eq!(dsn.events().len(), 1);
}
