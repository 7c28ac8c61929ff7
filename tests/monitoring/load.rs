//! What readers that do not read hold up.

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
};

use crate::served::{BASE, Served, TOKEN, ask, with_token};

/// As many as the admin port and a small server bear.
const READERS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_never_read_hold_up_neither_the_api_nor_the_application() {
    let served = Served::start(with_token()).await;
    let took = std::time::Duration::from_millis(1);
    for n in 0..900 {
        let endpoint: &'static str = Box::leak(format!("/endpoint/{n}").into_boxed_str());
        let metrics = served.vitals.metrics();
        metrics.record_request(&http::Method::GET, endpoint, http::StatusCode::OK, took);
    }
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(1_024).unwrap();
        let mut reader = socket.connect(served.address).await.unwrap();
        let request = format!(
            "GET {BASE}/metrics HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        );
        // More than once: what does not fit into the buffers of the system is under way.
        reader
            .write_all(request.repeat(20).as_bytes())
            .await
            .unwrap();
        readers.push(reader);
    }
    for reader in &readers {
        reader.readable().await.unwrap();
    }
    for path in ["/metrics", "/endpoints", "/status", "/errors", "/health"] {
        assert_eq!(served.ask("GET", path).await.status, 200, "{path}");
    }
    assert_eq!(served.post("/evaluate", "").await.status, 200);
    for id in 0..50 {
        let answer = ask(served.address, "GET", &format!("/orders/{id}"), &[], "").await;
        assert_eq!(answer.status, 200);
    }
    let shown = served.json("/metrics").await;
    let orders = r#"http_requests_total{method="GET",endpoint="/orders/{id}",status="200"}"#;
    assert_eq!(shown["counters"][orders], 50);
    // The counters are not locked.
    assert!(served.vitals.metrics().snapshot().counters.len() > 900);
    drop(readers);
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_nobody_waits_for_lock_out_neither_readers_nor_operators() {
    let served = Served::start(with_token()).await;
    for n in 0..3_000 {
        let mut asker = TcpStream::connect(served.address).await.unwrap();
        let request = format!(
            "GET {BASE}/endpoints?window={}s HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKEN}\r\n\r\n",
            n + 1
        );
        asker.write_all(request.as_bytes()).await.unwrap();
    }
    let silence = r#"{"labels":{"endpoint":"/"},"lasts":"30m","by":"an operator"}"#;
    assert_eq!(served.post("/silences", silence).await.status, 201);
    loop {
        let status = served.ask("GET", "/status").await;
        if status.status == 200 {
            break;
        }
        // As long as the server has not seen that they left.
        assert_eq!(status.status, 503, "{status:?}");
        assert_eq!(status.header("retry-after"), Some("1"));
    }
}
