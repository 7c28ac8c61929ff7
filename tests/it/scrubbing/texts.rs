//! Removes secrets from texts, and leaves ordinary text as it is.

use std::collections::BTreeSet;

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    routing::get,
};
use proptest::prelude::*;
use sentry::{ClientOptions, protocol::Event};
use tower_vitals::{Failure, scrub::Scrubbing};

use super::{LONG, SECRETS, client};
use crate::support::{
    dsn::{Answer, Dsn},
    reporting::unlimited,
    requests,
};

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

/// Each line stands for many of its kind.
#[test]
fn ordinary_text_stays() {
    let scrubbing = Scrubbing::new();
    let changed: Vec<_> = include_str!("ordinary.txt")
        .lines()
        .map(|line| (line, scrubbing.scrub(line)))
        .filter(|(line, kept)| line != kept)
        .map(|(line, kept)| format!("{line}\n    {kept}"))
        .collect();
    assert!(changed.is_empty(), "changed:\n{}", changed.join("\n"));
}

/// What looks like ordinary text beside the lines of `ordinary_text_stays`, and holds a secret.
#[test]
fn a_value_that_resembles_a_placeholder_a_port_or_a_word_is_filtered() {
    for (text, kept) in [
        ("password = $1x", "password = [Filtered]"),
        ("password = $1234", "password = [Filtered]"),
        ("password = ?a", "password = [Filtered]"),
        ("password = :hunter", "password = [Filtered]"),
        ("password = @token", "password = [Filtered]"),
        ("pin = @mypin", "pin = [Filtered]"),
        ("password={hunter}", "password=[Filtered]"),
        ("password=%shunter", "password=[Filtered]"),
        ("password=Nonesuch", "password=[Filtered]"),
        ("shop::password: hunter", "shop::password: [Filtered]"),
        ("shop::auth: hunter2", "shop::auth: [Filtered]"),
        ("token: hunter", "token: [Filtered]"),
        ("login/pin:1234", "login/pin:[Filtered]"),
        ("login/token:123456", "login/token:[Filtered]"),
        ("cookie: missing a=b", "cookie: [Filtered]"),
        ("Token HTTP2abcdef", "Token [Filtered]"),
        ("password hunter2", "password [Filtered]"),
        (
            "the password for bob is hunter2.",
            "the password for bob is [Filtered].",
        ),
        ("pwd is summer2024!", "pwd is [Filtered]!"),
        ("passphrase is tr0ub4dor&3", "passphrase is [Filtered]"),
        ("secret a1b2c3d4e5", "secret [Filtered]"),
        ("access token abcdef123", "access token [Filtered]"),
        ("secret key wJalrXUtnFEMI/K7MDENG+", "secret key [Filtered]"),
        (
            "session 8f14e45fceea167a closed",
            "session [Filtered] closed",
        ),
        ("otp 482913", "otp [Filtered]"),
        (
            "the verification code is 4829",
            "the verification code is [Filtered]",
        ),
        ("cvv 123", "cvv [Filtered]"),
        (
            "env:\n- name: DB_PASSWORD\n  value: a\n- name: PORT\n  value: 80",
            "env:\n- name: DB_PASSWORD\n  value: [Filtered]\n- name: PORT\n  value: 80",
        ),
        (
            r#"[{"key":"token","n":1,"value":"a"},{"key":"page","n":1,"value":"b"}]"#,
            r#"[{"key":"token","n":1,"value":[Filtered]},{"key":"page","n":1,"value":"b"}]"#,
        ),
        (
            r#"[{"value":"a","n":1,"key":"page"},{"value":"b","n":1,"key":"token"}]"#,
            r#"[{"value":"a","n":1,"key":"page"},{"value":[Filtered],"n":1,"key":"token"}]"#,
        ),
        ("id=a; Path=/; HttpOnly", "id=[Filtered]; Path=/; HttpOnly"),
        (
            "USER bob\nPASS a1b2\nQUIT",
            "USER bob\nPASS [Filtered]\nQUIT",
        ),
        (
            "/orders/17/reset/8f14e45fceea167a/done",
            "/orders/17/reset/[Filtered]/done",
        ),
    ] {
        assert_eq!(Scrubbing::new().scrub(text), kept);
    }
}

/// As `Debug` of the standard library, serde, figment, databases and clap print values.
#[test]
fn what_common_code_prints_of_a_secret_is_filtered() {
    for text in [
        "Token(\n    \"SENTINEL\",\n)",
        "[\n    (\n        \"password\",\n        \"SENTINEL\",\n    ),\n]",
        "Password(Some(\"SENTINEL\"))",
        "Bearer(Token(b\"SENTINEL\"))",
        "Token {\n    value: \"SENTINEL\",\n}",
        "the new password is: SENTINEL",
        r#""psql" "--password" "SENTINEL""#,
        r#"["shop", "--token", "SENTINEL"]"#,
        r#""mysql" "-u" "root" "-pSENTINEL""#,
        r#""curl" "-u" "bob:SENTINEL" "https://shop.test""#,
        r#""redis-cli" "-a" "SENTINEL" "ping""#,
        r#""sshpass" "-p" "SENTINEL" "ssh" "db""#,
        "gpg --passphrase SENTINEL a",
        "password: invalid type: string \"SENTINEL\", expected u64 at line 1 column 20",
        "JSON body: user.token: unknown variant `SENTINEL`, expected `a` or `b`",
        "invalid type: found string \"SENTINEL\", expected u16 for key \"default.secret_key\" in a",
        "invalid type: string \"SENTINEL\", expected an integer for key `db.password`",
        "2 | password = \"SENTINEL\"\n  |            ^^^^^\ninvalid type: string \"SENTINEL\", expected u16",
        "error: invalid value 'SENTINEL' for '--token <TOKEN>': bad length",
        "Duplicate entry 'SENTINEL' for key 'users.api_token'",
        "DETAIL: Failing row contains (1, a), SENTINEL, null).",
        r#"detail: Some("Failing row contains (1, SENTINEL)."), hint: None"#,
        "SELECT id FROM users WHERE token = $1 -- binds: [\"SENTINEL\", 17]",
        "SELECT id FROM users WHERE token = $1 -- binds: é -- binds: [\"SENTINEL\"]",
        "SELECT id FROM users WHERE token IN ('SENTINEL', 'SENTINEL')",
        "SELECT id FROM users WHERE token LIKE 'SENTINEL%' OR secret != 'SENTINEL'",
        "ALTER ROLE bob PASSWORD E'SENTINEL'",
        "X-Auth-Key: SENTINEL",
        r#"{"session_key":"SENTINEL","client-key-data":"SENTINEL","dbPass":"SENTINEL"}"#,
        "device_code=SENTINEL&code_verifier=SENTINEL",
        "tls: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tSENTINEL",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAESENTINEL",
    ] {
        let kept = Scrubbing::new().scrub(text);
        assert!(!kept.contains("SENTINEL"), "{kept}");
    }
    // The parts of a key are long.
    let part = "a1b2c3d4".repeat(43);
    let key = format!(r#"got {{"kty":"RSA","n":"{part}","d":"{part}","p":"{part}SENTINEL"}}"#);
    assert!(!Scrubbing::new().scrub(&key).contains("SENTINEL"));
    let long = format!("Token(\"{})SENTINEL\", \"b\")", "a".repeat(509));
    for (text, expected) in [
        ("SecretKey([83, 69, 78, 84])", "SecretKey([Filtered])"),
        ("Some(Pin(4821))", "Some(Pin([Filtered]))"),
        ("Pin(Some(4821))", "Pin(Some([Filtered]))"),
        ("UserPin { 0: 4821 }", "UserPin { 0: [Filtered] }"),
        ("Cvv(417)", "Cvv([Filtered])"),
        (&*long, "Token([Filtered], \"b\")"),
    ] {
        assert_eq!(Scrubbing::new().scrub(text), expected);
    }
    let uuid = "01a1fe47-f542-7eac-82ea-117cbc89e288";
    let kept = Scrubbing::new().scrub(&format!("ApiKey({uuid}) Session({uuid})"));
    assert_eq!(kept, format!("ApiKey([Filtered]) Session({uuid})"));
}

#[tokio::test]
async fn the_text_of_an_error_is_scrubbed_before_it_is_cut() {
    const SENT: usize = 8_192;
    const KEPT: usize = 16_384;
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = unlimited(&dsn.url());
    let fails = async |Path(at): Path<usize>| -> Result<(), Failure> {
        let before = "word ".repeat(at / 5 + 1);
        let secret = "postgres://admin:SENTINELpassword@db.internal/shop";
        Err(format!(
            "{} {secret} and {}",
            &before[..at],
            "more ".repeat(2_000)
        ))?
    };
    let app = Router::new()
        .route("/{at}", get(fails))
        .layer(vitals.layer());
    // Around the end of what is sent, and around the end of what is kept.
    for at in [
        0,
        SENT - 40,
        SENT - 30,
        SENT - 20,
        KEPT - 40,
        KEPT - 30,
        KEPT - 20,
    ] {
        let request = Request::builder().uri(format!("/{at}"));
        requests::send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(vitals.flush(LONG), 0);
        let [(_, event)] = &dsn.take()[0][..] else {
            panic!("one event");
        };
        let text = event["exception"]["values"][0]["value"].as_str().unwrap();
        assert!(!text.contains("SENT"), "{at}: {text}");
        assert_eq!(text.chars().count(), SENT, "{at}");
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
