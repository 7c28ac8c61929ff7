//! Removes secrets from each part of an envelope.

use sentry::{
    ClientOptions, Envelope,
    protocol::{
        Attachment, Event, Log, LogAttribute, LogLevel, Metric, Request, Span, TraceId, Transaction,
    },
};

use super::{LONG, SECRETS, all_secrets, assert_clean, client, full_event, values};
use crate::support::{
    dsn::{Answer, Dsn},
    reporting::unlimited,
    requests,
};

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

#[tokio::test]
async fn the_text_of_an_error_is_scrubbed_before_it_is_escaped() {
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
