//! Lets no secret out, wherever in an event it stands.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use proptest::prelude::*;
use sentry::{
    ClientOptions, Envelope, Hub, Level,
    protocol::{
        Attachment, Breadcrumb, Context, Event, Exception, Frame, Log, LogAttribute, LogEntry,
        LogLevel, Map, Metric, Request, Span, Stacktrace, Thread, TraceContext, TraceId,
        Transaction, User, Value,
    },
};
use tokio::time::Instant;
use tower_vitals::{
    Vitals,
    sentry::{Scrubbing, SentryOptions, guard, guard_with},
};

use crate::support::{
    dsn::{Answer, Dsn},
    panics::silence_panics_that_were_asked_for,
    reporting::unlimited,
    requests,
};

const LONG: Duration = Duration::from_secs(20);

/// Secrets as they stand in texts, with the part that must not be seen.
const SECRETS: &[(&str, &str)] = &[
    ("Authorization: Bearer abcSENTINELbearer", "SENTINELbearer"),
    ("Basic dXNlcjpTRU5USU5FTA==", "dXNlcjpTRU5USU5FTA"),
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJTRU5USU5FTCJ9.SENTINELjwt",
        "SENTINELjwt",
    ),
    ("AKIASENTINEL12345678", "AKIASENTINEL"),
    ("ghp_SENTINELgithub0123456789", "SENTINELgithub"),
    ("xoxb-123456789012-SENTINELslack", "SENTINELslack"),
    ("sk_live_SENTINELstripe123", "SENTINELstripe"),
    (
        "card 4111 1111 1111 1111 or 5500-0000-0000-0004",
        "4111 1111",
    ),
    ("card 5500-0000-0000-0004.", "5500-0000"),
    ("4111111111111111", "4111111111111111"),
    (
        "mail to sentinel.person+tag@mail.example.org",
        "sentinel.person",
    ),
    ("password=SENTINELpassword1", "SENTINELpassword1"),
    ("client_secret: 'SENTINEL secret 2'", "SENTINEL secret 2"),
    (r#"{"api_key":"SENTINEL\"key"}"#, r#"SENTINEL\"key"#),
    (
        "postgres://user:SENTINELdb@db.internal:5432/shop",
        "SENTINELdb",
    ),
    (
        "postgres://user:SENTINEL/d#b@db.internal:5432/shop",
        "SENTINEL/d",
    ),
    (
        "https://example.org/cb?code=SENTINELcode&x=1#SENTINELfragment",
        "SENTINELcode",
    ),
    ("https://example.org/cb?SENTINELbare", "SENTINELbare"),
    ("https://example.org/#access=SENTINELhash", "SENTINELhash"),
    (
        "https://hooks.slack.com/services/T000/B000/SENTINELhook",
        "SENTINELhook",
    ),
    ("password%3DSENTINELpercent", "SENTINELpercent"),
    ("x%26token%3DSENTINELamp", "SENTINELamp"),
    ("Authorization%3A%20Bearer%20SENTINELcoded", "SENTINELcoded"),
    ("SENTINELmail%40example.org", "SENTINELmail"),
    ("https%3A%2F%2Fu%3ASENTINELuserinfo%40h", "SENTINELuserinfo"),
    (
        "-----BEGIN+PRIVATE+KEY-----SENTINELplus-----END+PRIVATE+KEY-----",
        "SENTINELplus",
    ),
    (r#"{\"password\":\"SENTINELonce\"}"#, "SENTINELonce"),
    (
        r#"{\\\"password\\\":\\\"SENTINELtwice\\\"}"#,
        "SENTINELtwice",
    ),
    (r#"password: Some("SENTINELsome")"#, "SENTINELsome"),
    (r#"token: Token("SENTINELtuple")"#, "SENTINELtuple"),
    (r#"{"tokens":["SENTINELlist"]}"#, "SENTINELlist"),
    ("password => SENTINELarrow", "SENTINELarrow"),
    ("<password>SENTINELxml</password>", "SENTINELxml"),
    ("run --password SENTINELoption", "SENTINELoption"),
    ("password=abc,SENTINELcomma", "SENTINELcomma"),
    ("password=abc&SENTINELand", "SENTINELand"),
    ("password=abc;SENTINELsemi", "SENTINELsemi"),
    ("password=abc<SENTINELless", "SENTINELless"),
    (r"password='a\'SENTINELquote'", "SENTINELquote"),
    ("Cookie: a=b; theme=SENTINELcookie", "SENTINELcookie"),
    (
        "auth=SENTINELauth session=SENTINELsession otp=SENTINELotp pin: SENTINELpin",
        "SENTINEL",
    ),
    ("Bearer:SENTINELcolon", "SENTINELcolon"),
    (r#"Bearer "SENTINELquoted1""#, "SENTINELquoted"),
    ("Bearer\u{a0}SENTINELnbsp", "SENTINELnbsp"),
    ("password\t=\n SENTINELspaces", "SENTINELspaces"),
    (
        r#"Digest username="a", response="SENTINELdigest""#,
        "SENTINELdigest",
    ),
    (r#""jane SENTINELlocal"@example.org"#, "SENTINELlocal"),
    (
        "https://discord.com/api/webhooks/123456/SENTINELdiscord",
        "SENTINELdiscord",
    ),
    ("4111.1111.1111.1111", "4111.1111"),
    ("4111  1111  1111  1111", "4111  1111"),
    ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "1111\u{a0}1111"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nSENTINELpem\n-----END RSA PRIVATE KEY-----",
        "SENTINELpem",
    ),
];

fn all_secrets() -> String {
    let texts: Vec<_> = SECRETS.iter().map(|(text, _)| *text).collect();
    texts.join(" \n ")
}

/// Where in the text it stands.
fn around(text: &str, secret: &str) -> Option<String> {
    let at = text.find(secret)?;
    let start = (0..at.saturating_sub(80))
        .rev()
        .find(|at| text.is_char_boundary(*at));
    let place = &text[start.unwrap_or(0)..];
    Some(place.chars().take(200).collect())
}

/// Fails with the first secret that is there, also as JSON has it.
fn assert_clean(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (_, secret) in SECRETS {
        let escaped = secret.replace('\\', r"\\").replace('"', r#"\""#);
        for form in [*secret, &escaped] {
            assert_eq!(around(&text, form), None, "{secret}");
        }
    }
    assert_eq!(around(&text, "SENTINEL"), None);
    assert_eq!(around(&text, "203.0.113.7"), None);
}

/// A client of the application's own, guarded, that sends to a socket.
fn client(dsn: &Dsn, options: ClientOptions) -> sentry::Client {
    sentry::Client::with_options(guard(options.dsn(&dsn.url())))
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(all_secrets().into(), |inner, level| match level % 2 {
        0 => Value::Array(vec![inner]),
        _ => Value::Object([("level".to_owned(), inner)].into_iter().collect()),
    })
}

fn values() -> Map<String, Value> {
    let keyed = Value::Object([(all_secrets(), Value::from(1))].into_iter().collect());
    [
        ("text".to_owned(), all_secrets().into()),
        ("list".to_owned(), vec![all_secrets(); 2].into()),
        ("keys".to_owned(), keyed.clone()),
        ("names".to_owned(), keyed),
        ("deep".to_owned(), deep(200)),
        ("password".to_owned(), "SENTINELplain".into()),
        ("X-Auth_Token".to_owned(), vec!["SENTINELplain"].into()),
        (
            "apiKey".to_owned(),
            serde_json::json!({"inner": "SENTINELplain", "number": 1234}),
        ),
    ]
    .into_iter()
    .collect()
}

/// An event with secrets wherever the protocol has room for text.
fn full_event() -> Event<'static> {
    let text = || Some(all_secrets());
    let texts = || -> Map<String, String> {
        [
            ("text".into(), all_secrets()),
            ("token".into(), "SENTINELplain".into()),
        ]
        .into_iter()
        .collect()
    };
    let frames = vec![Frame {
        function: text(),
        context_line: text(),
        vars: values(),
        ..Frame::default()
    }];
    let stacktrace = || {
        Some(Stacktrace {
            frames: frames.clone(),
            ..Stacktrace::default()
        })
    };
    let trace = TraceContext {
        description: text(),
        data: values(),
        ..TraceContext::default()
    };
    Event {
        message: text(),
        logentry: Some(LogEntry {
            message: all_secrets(),
            params: vec![all_secrets().into()],
        }),
        logger: text(),
        culprit: text(),
        transaction: text(),
        server_name: Some(all_secrets().into()),
        fingerprint: vec![all_secrets().into()].into(),
        user: Some(User {
            id: text(),
            email: text(),
            username: text(),
            ip_address: Some("203.0.113.7".parse().unwrap()),
            other: values(),
        }),
        request: Some(Request {
            url: Some(
                "http://user:SENTINELuser@shop.test/a?card=SENTINELcard&SENTINELbare#SENTINELhash"
                    .parse()
                    .unwrap(),
            ),
            method: Some("GET".into()),
            data: Some("SENTINEL body".into()),
            query_string: Some("token=SENTINELa&x=SENTINELb&SENTINELc".into()),
            cookies: Some("a=SENTINEL".into()),
            headers: texts(),
            env: [("HOME".into(), "SENTINELhome".into())].into(),
        }),
        contexts: [
            ("other".to_owned(), Context::Other(values())),
            ("trace".to_owned(), Context::Trace(Box::new(trace))),
        ]
        .into_iter()
        .collect(),
        breadcrumbs: vec![Breadcrumb {
            message: text(),
            category: text(),
            data: values(),
            ..Breadcrumb::default()
        }]
        .into(),
        exception: vec![Exception {
            ty: all_secrets(),
            value: text(),
            module: text(),
            stacktrace: stacktrace(),
            ..Exception::default()
        }]
        .into(),
        stacktrace: stacktrace(),
        threads: vec![Thread {
            name: text(),
            ..Thread::default()
        }]
        .into(),
        tags: texts(),
        extra: values(),
        ..Event::default()
    }
}

#[test]
fn no_secret_leaves_from_any_surface_of_an_event() {
    for pii in [false, true] {
        let dsn = Dsn::start(Answer::Status(200));
        let client = client(&dsn, ClientOptions::new().send_default_pii(pii));
        client.capture_event(full_event(), None);
        assert!(client.flush(Some(LONG)));
        let events = dsn.events();
        assert_eq!(events.len(), 1, "it arrived");
        assert_eq!(
            events[0]["extra"]["text"]
                .as_str()
                .map(|text| text.contains("[Filtered]")),
            Some(true)
        );
        assert_clean(&dsn.bytes());
    }
}

#[test]
fn no_secret_leaves_in_transactions_logs_and_attachments() {
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    let span = Span {
        description: Some(all_secrets()),
        op: Some(all_secrets()),
        data: values(),
        tags: [("token".to_owned(), "SENTINELplain".to_owned())]
            .into_iter()
            .collect(),
        ..Span::default()
    };
    let transaction = Transaction {
        name: Some(all_secrets()),
        extra: values(),
        spans: vec![span],
        request: full_event().request,
        ..Transaction::default()
    };
    let mut envelope: Envelope = transaction.into();
    envelope.add_item(Attachment {
        buffer: all_secrets().into_bytes(),
        filename: all_secrets(),
        ..Attachment::default()
    });
    envelope.add_item(Attachment {
        buffer: b"\xff\xfe SENTINEL in a picture".to_vec(),
        filename: "picture".into(),
        ..Attachment::default()
    });
    client.send_envelope(envelope);
    let attributes = values()
        .into_iter()
        .map(|(key, value)| (key, LogAttribute(value)));
    let mut logs = Envelope::new();
    logs.add_item(vec![Log {
        level: LogLevel::Info,
        body: all_secrets(),
        trace_id: Some(TraceId::default()),
        timestamp: std::time::UNIX_EPOCH,
        severity_number: None,
        attributes: attributes.collect(),
    }]);
    client.send_envelope(logs);
    let metric = serde_json::json!({
        "type": "counter", "name": "orders", "value": 1.0, "timestamp": 1_700_000_000.0, "trace_id": TraceId::default(),
        "attributes": {"text": {"value": all_secrets(), "type": "string"}, "token": {"value": "SENTINELplain", "type": "string"}},
    });
    let mut metrics = Envelope::new();
    metrics.add_item(vec![serde_json::from_value::<Metric>(metric).unwrap()]);
    client.send_envelope(metrics);
    assert!(client.flush(Some(LONG)));
    let arrived =
        ["transaction", "attachment", "log", "trace_metric"].map(|kind| dsn.items(kind).len());
    assert_eq!(arrived, [1, 1, 1, 1]);
    assert_clean(&dsn.bytes());
}

#[test]
fn headers_leave_by_a_list_of_harmless_ones() {
    let named = [
        "Authorization",
        "AUTHORIZATION",
        "Proxy-Authorization",
        "WWW-Authenticate",
        "X-TENANT-API-KEY",
        "X-Api-Key",
        "x_api_key",
        "Api-Key",
        "X-Auth",
        "X-Auth-Token",
        "X_AUTH_TOKEN",
        "X-Access-Token",
        "X-Refresh-Token",
        "X-Csrf-Token",
        "X-CSRFToken",
        "X-XSRF-TOKEN",
        "X-Amz-Security-Token",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Goog-Api-Key",
        "X-Goog-Iap-Jwt-Assertion",
        "Cf-Access-Jwt-Assertion",
        "CF-Access-Client-Secret",
        "Cf-Connecting-Ip",
        "True-Client-Ip",
        "X-Client-Ip",
        "X-Real-Ip",
        "X-Forwarded-For",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "Forwarded",
        "Via",
        "Cookie",
        "Set-Cookie",
        "Cookie2",
        "X-Session-Id",
        "Session",
        "X-Secret",
        "X-Shared-Secret",
        "X-Hub-Signature-256",
        "X-Slack-Signature",
        "Stripe-Signature",
        "X-Jwt",
        "X-Id-Token",
        "X-Saml-Response",
        "X-SSO-Ticket",
        "X-Vault-Token",
        "X-Consul-Token",
        "Private-Token",
        "Job-Token",
        "X-Gitlab-Token",
        "X-Github-Token",
        "Dpop",
        "X-Ms-Client-Principal",
        "X-Ms-Token-Aad-Id-Token",
        "X-Remote-User",
        "Remote-User",
        "X-User-Email",
        "X-Password",
        "Passwd",
        "Referer",
        "X-Anything-Else",
    ];
    assert!(named.len() >= 60);
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new().send_default_pii(true));
    let secret = named
        .iter()
        .map(|name| ((*name).to_owned(), "SENTINEL".to_owned()));
    let harmless = [("user-agent".to_owned(), "curl/8".to_owned())];
    let event = Event {
        request: Some(Request {
            headers: secret.chain(harmless).collect(),
            ..Request::default()
        }),
        ..Event::default()
    };
    client.capture_event(event, None);
    assert!(client.flush(Some(LONG)));
    let headers = &dsn.events()[0]["request"]["headers"];
    let filtered = named.iter().filter(|name| headers[**name] == "[Filtered]");
    assert_eq!(filtered.count(), named.len());
    assert_eq!(headers["user-agent"], "curl/8");
}

#[test]
fn what_before_send_adds_is_scrubbed_as_well() {
    let dsn = Dsn::start(Answer::Status(200));
    let options = ClientOptions::new().before_send(|mut event| {
        event.message = Some(all_secrets());
        Some(event)
    });
    let client = client(&dsn, options);
    client.capture_event(Event::default(), None);
    assert!(client.flush(Some(LONG)));
    assert_eq!(dsn.events().len(), 1);
    assert_clean(&dsn.bytes());
}

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
    let arrived: Vec<_> = events
        .iter()
        .map(|event| event["logentry"]["message"].as_str().unwrap())
        .collect();
    assert_eq!(arrived, texts);
    assert_eq!(events[0]["release"], "shop@1.2.3-beta.rc");
    assert_eq!(events[0]["environment"], "qa@eu.example");
}

/// What a stack of its own sends of a message, with these rules.
fn sent(scrubbing: Scrubbing, event: Event<'static>) -> (Vec<Value>, u64) {
    silence_panics_that_were_asked_for();
    let dsn = Dsn::start(Answer::Status(200));
    let options = SentryOptions::new(&dsn.url()).unwrap().scrubbing(scrubbing);
    let vitals = Vitals::builder()
        .isolated()
        .sentry(options)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        use tower::{Layer, ServiceExt, service_fn};
        let service = vitals.layer().layer(service_fn(|_: http::Request<String>| {
            Hub::current().capture_event(event.clone());
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(
                String::new(),
            )))
        }));
        service.oneshot(http::Request::default()).await.unwrap();
    });
    assert_eq!(vitals.flush(LONG), 0);
    (
        dsn.events(),
        vitals.metrics().totals().dropped_sentry_scrubbing,
    )
}

fn saying(message: &str) -> Event<'static> {
    Event {
        message: Some(message.into()),
        level: Level::Info,
        ..Event::default()
    }
}

#[test]
fn rules_of_ones_own_are_asked_as_well() {
    let scrubbing = Scrubbing::new()
        .key("Tax Number")
        .value(r"\bcustomer-\d+\b")
        .unwrap()
        .rule(|text| text.contains("whisper").then(|| "[Quiet]".to_owned()));
    let mut event = saying("customer-17 called");
    event
        .extra
        .insert("old_tax_number".into(), "SENTINEL".into());
    event.extra.insert("said".into(), "a whisper".into());
    let (events, _) = sent(scrubbing, event);
    assert_eq!(events[0]["logentry"]["message"], "[Filtered] called");
    assert_eq!(
        events[0]["extra"],
        serde_json::json!({"old_tax_number": "[Filtered]", "said": "[Quiet]"})
    );
}

#[test]
fn a_rule_that_panics_drops_the_event_and_counts() {
    let broken = AtomicBool::new(true);
    let scrubbing = Scrubbing::new().rule(move |text| {
        assert!(
            !(text.contains("SENTINEL") && broken.load(Ordering::Relaxed)),
            "as asked"
        );
        None
    });
    let (events, dropped) = sent(scrubbing, saying("SENTINEL"));
    assert_eq!((events.len(), dropped), (0, 1));
}

#[test]
fn bad_rules_fail_at_build() {
    for pattern in ["(", "", "a*"] {
        let error = Scrubbing::new().value(pattern).unwrap_err();
        assert_eq!((error.field(), error.value()), ("scrubbing.value", pattern));
    }
    let options = SentryOptions::new("http://public@localhost/1")
        .unwrap()
        .scrubbing(Scrubbing::new().key("--"));
    let error = Vitals::builder()
        .isolated()
        .sentry(options)
        .build()
        .unwrap_err();
    assert_eq!(error.field(), "scrubbing.key");
}

#[test]
fn of_health_data_no_free_text_leaves() {
    // Looks like a telephone number, in the middle.
    const ID: &str = "01a1fd6d-1234-7063-9123-78d9a63d47c1";
    let mut event = full_event();
    event.message = Some("Mrs Miller has measles".into());
    event.transaction = Some("/patients/{id}".into());
    event.tags = [
        ("born".to_owned(), "1970-01-31".to_owned()),
        ("plan".to_owned(), "gold".to_owned()),
        ("order".to_owned(), ID.to_owned()),
    ]
    .into_iter()
    .collect();
    event.exception.values[0].ty = "NoPatient".into();
    event.exception.values[0].value = Some("Mrs Miller".into());
    event.breadcrumbs.values[0].message = Some("Mrs Miller called +44 20 7946 0958".into());
    event.extra.insert("note".into(), "Miller".into());
    event.request.as_mut().unwrap().url =
        Some("http://clinic.test/patients/Miller".parse().unwrap());
    let (events, dropped) = sent(Scrubbing::health_data(), event);
    assert_eq!(dropped, 0);
    let text = events[0].to_string();
    assert!(
        !text.contains("Miller") && !text.contains("1970") && !text.contains("7946"),
        "{text}"
    );
    assert_eq!(events[0]["transaction"], "/patients/{id}", "{text}");
    assert_eq!(events[0]["exception"]["values"][0]["type"], "NoPatient");
    assert_eq!(events[0]["tags"]["plan"], "gold");
    assert_eq!(events[0]["tags"]["order"], ID);
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
        // Hours, if any rule looked back from each character; tens of milliseconds with optimisation.
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{:?}",
            began.elapsed()
        );
    }
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Pieces of secrets and what stands between them, in any order.
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
    fn a_secret_is_found_whatever_stands_around_it(
        before in "[a-zA-Z ,.(\\n]{0,12}",
        which in 0..SECRETS.len(),
        after in "[ ,.)\\n][a-zA-Z ,.\\n]{0,12}",
    ) {
        let (text, secret) = SECRETS[which];
        let kept = Scrubbing::new().scrub(&format!("{before} {text}{after}"));
        prop_assert!(!kept.contains(secret), "{}", kept);
    }
}

#[tokio::test]
async fn what_an_error_says_is_scrubbed_before_anybody_escapes_it() {
    let dsn = Dsn::start(Answer::Status(200));
    let vitals = unlimited(&dsn.url());
    let failing = async |axum::extract::Path(n): axum::extract::Path<usize>| -> Result<(), tower_vitals::Failure> { Err(SECRETS[n].0)? };
    let app: axum::Router = axum::Router::new()
        .route("/{n}", axum::routing::get(failing))
        .layer(vitals.layer());
    for n in 0..SECRETS.len() {
        requests::send(&app, requests::get(&format!("/{n}"))).await;
    }
    assert_eq!(vitals.flush(LONG), 0);
    assert_eq!(dsn.events().len(), SECRETS.len());
    assert_clean(&dsn.bytes());
}

#[test]
fn sessions_leave_with_their_ids() {
    let dsn = Dsn::start(Answer::Status(200));
    let client = client(&dsn, ClientOptions::new());
    let session = serde_json::json!({
        "sid": "41112222-3333-4444-8555-666677778888", "did": "sentinel.person@example.org", "init": true, "status": "ok",
        "started": "2026-01-01T00:00:00Z", "errors": 0, "attrs": {"release": "shop@1.2.3"},
    });
    let mut envelope = Envelope::new();
    envelope.add_item(
        serde_json::from_value::<sentry::protocol::SessionUpdate<'static>>(session).unwrap(),
    );
    client.send_envelope(envelope);
    assert!(client.flush(Some(LONG)));
    let [session] = &dsn.items("session")[..] else {
        panic!()
    };
    assert_eq!(
        (&session["sid"], &session["did"]),
        (
            &"41112222-3333-4444-8555-666677778888".into(),
            &"[Filtered]".into()
        )
    );
}
