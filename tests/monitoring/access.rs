//! Who may ask.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpListener;
use tower_vitals::{
    Vitals,
    logging::Format,
    monitoring::{Access, Monitoring},
};

use crate::{
    lines::{lines, written},
    served::{Answer, BASE, Served, TOKEN, app, ask, bearer, parse, raw, with, with_token},
};

/// Asks with these headers and nothing else.
async fn status(served: &Served, headers: &[(&str, &str)]) -> u16 {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    served.ask_with("GET", "/status", &headers, "").await.status
}

#[tokio::test]
async fn the_api_is_there_only_when_somebody_chose_who_may_ask() {
    let served = Served::start(Vitals::builder().isolated()).await;
    assert!(served.vitals.monitoring().is_none());
    for path in ["/status", "/metrics", ""] {
        assert_eq!(served.ask("GET", path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn only_the_whole_token_opens_the_api() {
    let served = Served::start(with_token()).await;
    let mut refused = Vec::new();
    for (sent, expected) in [
        (&[&b"Bearer a-token-of-the-tests"[..]][..], 200),
        (&[b"bearer a-token-of-the-tests"], 200),
        (&[], 401),
        (&[b"Bearer"], 401),
        (&[b"Bearer "], 401),
        (&[b"Bearer wrong"], 401),
        (&[b"Bearer a-token-of-the-test"], 401),
        (&[b"Bearer a-token-of-the-tests-and-more"], 401),
        (&[b"Bearer a-t\xf6ken-of-the-tests"], 401),
        (&[b"Basic a-token-of-the-tests"], 401),
        (&[b"a-token-of-the-tests"], 401),
        (
            &[
                b"Bearer a-token-of-the-tests",
                b"Bearer a-token-of-the-tests",
            ],
            401,
        ),
    ] {
        let mut request = format!("GET {BASE}/status HTTP/1.1\r\nhost: a\r\n").into_bytes();
        for value in sent {
            request.extend(b"authorization: ");
            request.extend(*value);
            request.extend(b"\r\n");
        }
        request.extend(b"connection: close\r\n\r\n");
        let answer = parse(&raw(served.address, &request).await);
        assert_eq!(answer.status, expected, "{sent:?}");
        if expected == 401 {
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            refused.push(answer.body);
        }
    }
    refused.dedup();
    assert_eq!(refused.len(), 1, "every refusal is the same: {refused:?}");
    let in_the_url = format!("/status?token={TOKEN}");
    assert_eq!(
        served.ask_with("GET", &in_the_url, &[], "").await.status,
        401
    );
    for path in ["/nothing", "/console", "/console/x.js", "/alerts/x/ack"] {
        let answer = served.ask_with("GET", path, &[], "").await;
        assert_eq!(answer.status, 401, "who may not ask learns no path: {path}");
    }
}

#[tokio::test]
async fn loopback_is_the_peer_of_the_socket_and_nothing_that_a_client_says() {
    let served = Served::start(with(Monitoring::new(Access::Loopback))).await;
    for (headers, expected) in [
        (&[][..], 200),
        (&[("host", "localhost")], 200),
        (&[("host", "127.0.0.1:3000")], 200),
        (&[("host", "[::1]:3000")], 200),
        (&[("host", "evil.example")], 403),
        (&[("x-forwarded-for", "127.0.0.1")], 403),
        (&[("x-forwarded-host", "localhost")], 403),
        (&[("forwarded", "for=127.0.0.1")], 403),
        (&[("x-real-ip", "127.0.0.1")], 403),
        (&[("via", "1.1 nginx")], 403),
    ] {
        assert_eq!(status(&served, headers).await, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn loopback_lets_in_no_proxy_that_asks_as_nginx_does_by_default() {
    let served = Served::start(with(Monitoring::new(Access::Loopback))).await;
    let silence = r#"{"labels":{"endpoint":"/"},"lasts":"30m","by":"a proxy"}"#;
    for (method, path, body, by_1_1) in [
        ("GET", "/status", "", 200),
        ("GET", "/", "", 200),
        ("POST", "/silences", silence, 201),
    ] {
        for (version, expected) in [("1.0", 403), ("1.1", by_1_1)] {
            let request = format!(
                "{method} {BASE}{path} HTTP/{version}\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len(),
            );
            let answer = parse(&raw(served.address, request.as_bytes()).await);
            assert_eq!(answer.status, expected, "{method} {path} {version}");
        }
    }
    let shown = served.ask_with("GET", "/silences", &[], "").await.json();
    assert_eq!(shown.as_array().unwrap().len(), 1, "{shown}");
}

#[tokio::test]
async fn loopback_without_the_address_of_the_peer_lets_nobody_in() {
    let vitals = with(Monitoring::new(Access::Loopback)).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app(&vitals);
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let answer = ask(address, "GET", &format!("{BASE}/status"), &[], "").await;
    assert_eq!(answer.status, 403);
    let missing = "into_make_service_with_connect_info";
    assert!(answer.error().contains(missing), "{answer:?}");
    task.abort();
}

#[tokio::test]
async fn a_client_on_another_address_is_not_loopback() {
    let served_on = |address: &'static str| async move {
        let vitals = with(Monitoring::new(Access::Loopback)).build().unwrap();
        let listener = TcpListener::bind(address).await.ok()?;
        let address = listener.local_addr().unwrap();
        let app = app(&vitals).into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Some((address, task))
    };
    // Over IPv6, IPv4 clients have mapped addresses.
    let Some((address, task)) = served_on("[::]:0").await else {
        return;
    };
    let asked = async |ip: &str| -> Answer {
        let address = SocketAddr::new(ip.parse().unwrap(), address.port());
        ask(address, "GET", &format!("{BASE}/status"), &[], "").await
    };
    assert_eq!(asked("127.0.0.1").await.status, 200, "::ffff:127.0.0.1");
    assert_eq!(asked("::1").await.status, 200);
    // An address of this machine that is no loopback, if it has one. Nothing is sent.
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    if probe.connect("192.0.2.1:9").is_ok() {
        let own = probe.local_addr().unwrap().ip();
        if !own.is_loopback() {
            assert_eq!(asked(&own.to_string()).await.status, 403, "{own}");
        }
    }
    task.abort();
}

#[tokio::test]
async fn public_is_read_by_everybody_and_changed_by_nobody_without_a_token() {
    let served = Served::start(with(Monitoring::new(Access::Public))).await;
    assert_eq!(
        status(&served, &[("host", "a"), ("via", "1.1 b")]).await,
        200
    );
    let evaluated = served.ask_with("POST", "/evaluate", &[], "").await;
    assert_eq!(evaluated.status, 403);
    let monitoring = Monitoring::new(Access::Public).token(TOKEN);
    let served = Served::start(with(monitoring)).await;
    assert_eq!(status(&served, &[]).await, 200);
    let evaluated = served.ask_with("POST", "/evaluate", &[], "").await;
    assert_eq!(evaluated.status, 401);
    let with_it = served
        .ask_with("POST", "/evaluate", &[bearer(TOKEN)], "")
        .await;
    assert_eq!(with_it.status, 200);
}

#[test]
fn a_token_that_can_be_guessed_is_told_once_and_never_shown() {
    let short = "sentinel-of-15c";
    for (monitoring, warnings) in [
        (Monitoring::new(Access::Token(short.to_owned())), 1),
        (Monitoring::new(Access::Loopback).token(short), 1),
        (Monitoring::new(Access::Token(format!("{short}h"))), 0),
        (Monitoring::new(Access::Loopback), 0),
    ] {
        let (written, guard) = written(Format::Json);
        let vitals = with(monitoring).build().unwrap();
        drop(guard);
        let lines = lines(&written);
        let told = |line: &&Value| {
            let message = line["message"].as_str().unwrap_or_default();
            line["level"] == "WARN" && message.contains("fewer than 16 characters")
        };
        assert_eq!(lines.iter().filter(told).count(), warnings, "{lines:?}");
        assert!(!format!("{lines:?} {vitals:?}").contains("sentinel"));
    }
}

#[tokio::test]
async fn the_requests_of_the_api_are_no_traffic() {
    let served = Served::start(with_token()).await;
    for path in ["/status", "/metrics", "/nothing", "/alerts?hours=0"] {
        served.ask("GET", path).await;
        served.ask_with("GET", path, &[], "").await;
    }
    served.post("/evaluate", "").await;
    let json = served.json("/endpoints?window=1h").await;
    assert_eq!(json["endpoints_count"], 0, "{json}");
    let after = served.vitals.metrics().totals();
    assert_eq!(after.in_flight, 0);
    let shown = served.vitals.metrics().snapshot();
    let counted = shown.counters.keys();
    let mut counted = counted.filter(|name| name.starts_with("http_requests_total"));
    assert_eq!(counted.next(), None);
}
