//! Removes secrets from texts, and leaves ordinary text as it is.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use sentry::{ClientOptions, protocol::Event};
use tokio::time::Instant;
use tower_vitals::scrub::Scrubbing;

use super::{LONG, SECRETS, client};
use crate::support::dsn::{Answer, Dsn};

#[test]
fn what_is_no_secret_stays() {
    let texts = [
        "order 17 is lost in the keyboard department",
        "basic training and token ring",
        "2024-01-15T10:30:00Z took 1700000000000 ns, 1234 5678 9012 3456",
        "at src/auth/token.rs:17",
        "GET /orders/{id} answered 500",
        "https://example.org/orders/17",
        "shop@1.2.3",
        "since 2024-01-15 10.30.02, id 41112222-3333-4444-8555-666677778888",
        "trace 4111111111111111a111111111111111, 100% of 4b11111111111111",
        "passed: 3, failed: 1, author: Bob",
        "shop::session::load",
        "shop::auth::login: no such user",
        "<core::pin::Pin<P> as core::future::future::Future>::poll",
        "returned Option<Session> for user 17",
        "unexpected token: expected identifier",
        "session: closed",
        "http://auth:8080/login",
        "npm_config_registry is unset",
    ];
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(
        &dsn,
        ClientOptions::new()
            .release("shop@1.2.3-beta.rc")
            .environment("qa@eu.example"),
    );
    for text in texts {
        client.capture_event(
            Event {
                message: Some(text.into()),
                ..Event::default()
            },
            None,
        );
    }
    assert!(client.flush(Some(LONG)));
    let events = dsn.events();
    // While many wait, several are under way at once.
    let arrived: BTreeSet<_> = events
        .iter()
        .map(|event| event["logentry"]["message"].as_str().unwrap())
        .collect();
    assert_eq!(arrived, BTreeSet::from(texts));
    assert_eq!(events[0]["release"], "shop@1.2.3-beta.rc");
    assert_eq!(events[0]["environment"], "qa@eu.example");
}

#[test]
fn a_megabyte_takes_a_moment() {
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    for text in [
        "a".repeat(1 << 20),
        "4".repeat(1 << 20),
        "a@".repeat(1 << 19),
        "x=".repeat(1 << 19),
        "a://".repeat(1 << 18),
    ] {
        let began = Instant::now();
        client.capture_event(
            Event {
                message: Some(text),
                ..Event::default()
            },
            None,
        );
        assert!(client.flush(Some(LONG)));
        // A rule that looks back from each character would take hours. An optimised build takes tens of milliseconds.
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Secrets and the characters around them, in any order.
    #[test]
    fn scrubbing_twice_is_scrubbing_once(pieces in prop::collection::vec(
        prop_oneof![
            prop::sample::select(SECRETS.iter().map(|(text, _)| (*text).to_owned()).collect::<Vec<_>>()),
            prop::sample::select(vec![
                "password", "token", "=", ":", " ", "\n", "\"", "'", "@", "://", "?", "&", "#", "-", "[Filtered]", "]", "[", "Bearer ", "eyJ",
                "4111", "1111", "a.b", "http", "\\", "{", "}", ",", "/", "-----BEGIN PRIVATE KEY-----", "-----END",
            ]).prop_map(str::to_owned),
            "[ -~]{0,6}",
            "\\PC{0,3}",
        ],
        0..12,
    )) {
        let text = pieces.concat();
        let scrubbing = Scrubbing::new();
        let once = scrubbing.scrub(&text);
        prop_assert_eq!(&scrubbing.scrub(&once), &once, "from {:?}", text);
    }

    #[test]
    fn a_secret_is_found_in_any_surroundings(
        before in "[a-zA-Z ,.(\\n]{0,12}",
        which in 0..SECRETS.len(),
        after in "[ ,.)\\n][a-zA-Z ,.\\n]{0,12}",
    ) {
        let (text, secret) = SECRETS[which];
        let kept = Scrubbing::new().scrub(&format!("{before} {text}{after}"));
        prop_assert!(!kept.contains(secret), "{}", kept);
    }
}
