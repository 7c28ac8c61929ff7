//! Shows what a task without a scope shares with others, and how a task gets one.

use std::sync::Arc;

use axum::{Router, routing::get};
use sentry::{
    Breadcrumb, ClientOptions, Hub, Level, SentryFutureExt, protocol::Event, test::TestTransport,
};
use tokio::task;
use tower_vitals::exchange::Exchange;

use super::{LONG, bound, own_client, send};

/// What a task can set, under one word.
fn set(word: &str) {
    sentry::add_breadcrumb(Breadcrumb {
        message: Some(word.into()),
        ..Breadcrumb::default()
    });
    sentry::configure_scope(|scope| scope.set_tag(word, "set"));
}

/// A task that sets a word and says it.
async fn speaker(word: &'static str) {
    set(word);
    task::yield_now().await;
    sentry::capture_message(word, Level::Info);
}

/// What the event that says `word` has of the words of tasks.
fn shown(events: &[Event<'static>], word: &str) -> (Vec<String>, Vec<String>) {
    let said = |event: &&Event<'_>| {
        let entry = event.logentry.as_ref();
        entry.is_some_and(|entry| entry.message == word)
    };
    let event = events.iter().find(said).unwrap();
    let crumbs = event.breadcrumbs.iter();
    let crumbs = crumbs.filter_map(|crumb| crumb.message.clone()).collect();
    let tags = event.tags.iter().filter(|(_, value)| *value == "set");
    (crumbs, tags.map(|(name, _)| name.clone()).collect())
}

/// These words as breadcrumbs in their order, and as tags in that of the alphabet.
fn words(all: &[&str]) -> (Vec<String>, Vec<String>) {
    let all: Vec<_> = all.iter().map(|word| (*word).to_owned()).collect();
    let mut tags = all.clone();
    tags.sort();
    (all, tags)
}

fn taken(transport: &TestTransport, client: &sentry::Client) -> Vec<Event<'static>> {
    assert!(client.flush(Some(LONG)));
    transport.fetch_and_clear_events()
}

/// All tasks run on this thread, so its hub is that of each task without a scope.
#[tokio::test]
async fn a_task_without_a_scope_shares_its_threads_hub_and_one_with_a_hub_shares_nothing() {
    let (transport, client) = own_client(ClientOptions::new());
    let of_thread = Arc::new(Hub::new(Some(Arc::clone(&client)), Arc::default()));
    let _bound = sentry::HubSwitchGuard::new(Arc::clone(&of_thread));
    let vitals = bound();
    let handler = async || {
        let exchange = Exchange::current().unwrap();
        task::spawn(exchange.scope(speaker("scoped")))
            .await
            .unwrap();
        task::spawn(speaker("bare")).await.unwrap();
        sentry::capture_message("handler", Level::Info);
    };
    let app = Router::new().route("/", get(handler)).layer(vitals.layer());
    assert_eq!(send(&app, "/").await, 200);
    let own = Hub::new(Some(Arc::clone(&client)), Arc::default());
    task::spawn(speaker("bound").bind_hub(own)).await.unwrap();
    task::spawn(speaker("last")).await.unwrap();

    let events = taken(&transport, &client);
    // What no code can undo: the hub of the thread keeps it.
    assert_eq!(shown(&events, "bare"), words(&["bare"]));
    assert_eq!(shown(&events, "last"), words(&["bare", "last"]));
    // What has a scope sees nothing of it, and leaves nothing.
    assert_eq!(shown(&events, "bound"), words(&["bound"]));
    assert_eq!(shown(&events, "scoped"), words(&["scoped"]));
    assert_eq!(shown(&events, "handler"), words(&[]));
}
