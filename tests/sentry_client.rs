//! Binds a client to the process, beside one that is there already; a process of its own, for there is one main hub.

use std::sync::Arc;

use sentry::{Client, ClientOptions, Hub};
use tower_vitals::{Vitals, sentry::SentryOptions};

#[test]
fn an_applications_own_client_stays_where_it_is_bound() {
    let options = || SentryOptions::new("http://public@localhost/1").unwrap();
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
    let _vitals = Vitals::builder().sentry(options()).build().unwrap();
    assert!(
        Hub::main().client().is_some(),
        "for what is captured outside of requests"
    );
}
