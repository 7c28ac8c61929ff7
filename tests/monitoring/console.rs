//! The page of the console: who gets it, and what is on it.

use std::net::SocketAddr;

use serde_json::Value;
use tower_vitals::{
    Vitals,
    monitoring::{Access, Monitoring},
};

use crate::served::{Answer, BASE, Served, TOKEN, ask, with, with_token};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The files of the page, as the document of the API has them, with their content types.
fn files() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let files = paths.iter().filter_map(|(path, item)| {
        let kinds = item["get"]["responses"]["200"]["content"].as_object()?;
        let kind = kinds.keys().next()?.clone();
        kind.starts_with("text/")
            .then_some(())
            .or_else(|| kind.starts_with("image/").then_some(()))?;
        Some((path.clone(), kind))
    });
    files.collect()
}

async fn plain(served: &Served, method: &str, path: &str) -> Answer {
    served.ask_with(method, path, &[], "").await
}

#[tokio::test]
async fn the_page_needs_no_token_and_its_data_do() {
    let served = Served::start(with_token()).await;
    let files = files();
    assert!(files.len() >= 4, "{files:?}");
    for (path, kind) in &files {
        let answer = plain(&served, "GET", path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(!answer.body.is_empty());
        assert!(answer.header("content-type").unwrap().starts_with(kind));
        let head = plain(&served, "HEAD", path).await;
        assert_eq!((head.status, &*head.body), (200, ""), "{path}");
        let length = answer.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(&*length), "{path}");
        let post = plain(&served, "POST", path).await;
        assert_eq!(
            (post.status, post.header("allow")),
            (405, Some("GET, HEAD")),
            "{path}"
        );
        assert_eq!(served.post(path, "").await.status, 405, "{path}");
    }
    for path in [
        "/console.json",
        "/console/endpoint.json?method=GET&endpoint=x",
        "/status",
    ] {
        assert_eq!(plain(&served, "GET", path).await.status, 401, "{path}");
        assert_eq!(served.ask("GET", path).await.status, 200, "{path}");
    }
    let total = served.vitals.metrics().snapshot().counters["http_requests_started_total"];
    assert_eq!(total, 0, "the page is no traffic");
}

#[tokio::test]
async fn the_page_may_load_nothing_but_itself_and_is_asked_for_only_if_it_changed() {
    let served = Served::start(with_token()).await;
    for (path, _) in files() {
        let answer = plain(&served, "GET", &path).await;
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        let origins = answer.headers.iter().map(|(name, _)| name);
        let mut origins = origins.filter(|name| name.starts_with("access-control"));
        assert_eq!(origins.next(), None);
        let tag = answer.header("etag").unwrap().to_owned();
        let known = [("if-none-match", tag.clone())];
        let again = served.ask_with("GET", &path, &known, "").await;
        assert_eq!((again.status, &*again.body), (304, ""), "{path}");
        assert_eq!(again.header("etag"), Some(&*tag));
        assert_eq!(again.header("content-security-policy"), Some(POLICY));
    }
    let with_token = format!("/?token={TOKEN}");
    let refused = plain(&served, "GET", &with_token).await;
    assert_eq!(refused.status, 400, "a token stands in no address");
}

#[tokio::test]
async fn the_page_without_its_slash_leads_to_it_behind_any_path() {
    let served = Served::start(with_token()).await;
    for method in ["GET", "HEAD"] {
        let answer = plain(&served, method, "").await;
        assert_eq!(answer.status, 308, "{answer:?}");
        // Relative to what the client asked for, whatever a proxy made of it.
        assert_eq!(answer.header("location"), Some("monitoring/"));
        assert_eq!(answer.body, "");
    }
    let nested = with(Monitoring::new(Access::Public).path("/a/b-c"));
    let vitals = nested.build().unwrap();
    assert_eq!(location(&vitals, "/a/b-c").await, "b-c/");
}

async fn location(vitals: &Vitals, path: &str) -> String {
    let mut api = vitals.monitoring().unwrap();
    let request = http::Request::get(path).body(String::new()).unwrap();
    let answer = tower::Service::call(&mut api, request).await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_of_a_machine_is_for_clients_on_it() {
    let served = Served::start(with(Monitoring::new(Access::Loopback))).await;
    for (path, _) in files() {
        for (headers, status) in [
            (&[][..], 200),
            (&[("host", "evil.example")], 403),
            (&[("x-forwarded-for", "127.0.0.1")], 403),
            (&[("via", "1.1 proxy")], 403),
        ] {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect();
            let answer = served.ask_with("GET", &path, &headers, "").await;
            assert_eq!(answer.status, status, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn the_page_is_told_whether_a_browser_can_change_something() {
    let (token, loopback) = (TOKEN.to_owned(), Monitoring::new(Access::Loopback));
    for (monitoring, access, may_change) in [
        (Monitoring::new(Access::Token(token.clone())), "token", true),
        (loopback.clone(), "loopback", false),
        (loopback.token(token.clone()), "loopback", true),
        (Monitoring::new(Access::Public), "public", false),
        (Monitoring::new(Access::Public).token(token), "public", true),
    ] {
        let served = Served::start(with(monitoring)).await;
        let service = served.json("/console.json").await["service"].take();
        assert_eq!(service["access"], access);
        assert_eq!(service["may_change"], may_change, "{service}");
    }
}

#[tokio::test]
async fn without_the_api_there_is_no_page() {
    let served = Served::start(Vitals::builder().isolated()).await;
    for path in ["", "/", "/console/console.css", "/console.json"] {
        assert_eq!(plain(&served, "GET", path).await.status, 404, "{path}");
    }
    let address: SocketAddr = served.address;
    let other = format!("{BASE}s/");
    assert_eq!(ask(address, "GET", &other, &[], "").await.status, 404);
}
