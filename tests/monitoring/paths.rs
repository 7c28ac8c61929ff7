//! What is at a path, and what only looks like it.

use axum::{Router, body::Body};
use http::Request;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_vitals::monitoring::{Access, Monitoring};

use crate::served::{BASE, Served, TOKEN, ask, bearer, parse, raw, with, with_token};

#[tokio::test]
async fn nothing_is_at_a_path_that_must_be_decoded_joined_or_followed() {
    let served = Served::start(with_token()).await;
    for path in [
        format!("{BASE}/../metrics"),
        format!("{BASE}/./metrics"),
        format!("{BASE}/%2e%2e/metrics"),
        format!("{BASE}/..%2fmetrics"),
        format!("{BASE}/%6detrics"),
        format!("{BASE}//metrics"),
        format!("/{BASE}/metrics"),
        format!("/a/..{BASE}/metrics"),
        format!("{BASE}/metrics/"),
        format!("{BASE}/metrics/../status"),
        format!("{BASE}/metrics%00"),
        format!("{BASE}/index.html"),
        format!("{BASE}/../../../../etc/passwd"),
        format!("{BASE}/%2e%2e/%2e%2e/etc/passwd"),
        format!("{BASE}s/metrics"),
        format!("{BASE}/console"),
        format!("{BASE}/console/"),
        format!("{BASE}/console/index.html"),
        format!("{BASE}/console/../console.json"),
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = ask(served.address, method, &path, &[bearer(TOKEN)], "").await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn nothing_needs_the_file_system() {
    // Everything is in the program: a request names no file, and no answer comes from one.
    let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/monitoring");
    for file in std::fs::read_dir(sources).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["std::fs", "tokio::fs", "fs::", "include_dir", "File::"] {
                assert!(!text.contains(word), "{path:?} has {word}");
            }
        }
    }
}

#[tokio::test]
async fn the_api_is_where_it_was_put_and_below_where_the_routes_are_nested() {
    let monitoring = Monitoring::new(Access::Token(TOKEN.to_owned())).path("/ops");
    let vitals = with(monitoring).build().unwrap();
    let app: Router = Router::new()
        .nest("/internal", vitals.routes())
        .layer(vitals.layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let status = async |path: &str| ask(address, "GET", path, &[bearer(TOKEN)], "").await.status;
    assert_eq!(status("/internal/ops/status").await, 200);
    assert_eq!(status("/internal/ops/nothing").await, 404);
    let lately = vitals
        .statistics()
        .over(std::time::Duration::from_secs(60))
        .unwrap();
    assert_eq!(lately.total.requests, 0, "they are no traffic");
    assert_eq!(status("/ops/status").await, 404);
    task.abort();
}

#[tokio::test]
async fn a_head_that_is_no_request_harms_nothing() {
    let served = Served::start(with_token()).await;
    for bytes in [
        &b"GET /api/v1/monitoring/status\0 HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET /api/v1/monitoring/alerts?hours=\xff HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"GARBAGE\r\n\r\n",
    ] {
        let answer = raw(served.address, bytes).await;
        let status = parse(&answer).status;
        assert!((400..500).contains(&status), "{answer}");
    }
    assert_eq!(served.ask("GET", "/status").await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_not_of_the_api_is_led_nowhere() {
    let monitoring = Monitoring::new(Access::Token(TOKEN.to_owned())).path("/monitoring");
    let vitals = with(monitoring).build().unwrap();
    let service = vitals.monitoring().unwrap();
    for (path, status, leads) in [
        ("/foo", 404, None),
        ("/", 404, None),
        ("/monitoringfoo", 404, None),
        ("/monitorin", 404, None),
        ("/in/monitoring", 404, None),
        ("/monitoring", 308, Some("monitoring/")),
        ("/monitoring/", 200, None),
    ] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        let location = response.headers().get("location");
        let location = location.map(|one| one.to_str().unwrap());
        assert_eq!(location, leads, "{path}");
        assert_eq!(service.answers(path), status != 404, "{path}");
    }
}
