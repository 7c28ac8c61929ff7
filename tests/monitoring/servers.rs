//! The API on servers other than axum's, on the admin port, and over HTTP/2.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use http::{Request, Response, StatusCode, header};
use http_body_util::{Empty, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http2,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::ServiceExt;
use tower_vitals::{
    Vitals,
    monitoring::{Access, Monitoring, PeerAddress},
};

use crate::served::{BASE, Served, app, ask, with};

fn loopback() -> Monitoring {
    Monitoring::new(Access::Loopback)
}

/// A server of hyper alone, which notes its peers or does not.
async fn plain_hyper(vitals: &Vitals, notes_peers: bool) -> (SocketAddr, JoinHandle<()>) {
    let service = vitals.monitoring().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service.clone();
            let answer = move |mut request: Request<Incoming>| {
                let service = service.clone();
                async move {
                    if notes_peers {
                        request.extensions_mut().insert(PeerAddress(peer));
                    }
                    if service.answers(request.uri().path()) {
                        return service.oneshot(request).await;
                    }
                    let own = Response::new(Full::from("of the application"));
                    Ok::<_, Infallible>(own)
                }
            };
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let service = hyper::service::service_fn(answer);
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_server_of_hyper_alone_serves_the_api_and_notes_its_peers() {
    let vitals = with(loopback()).build().unwrap();
    let (address, task) = plain_hyper(&vitals, true).await;
    let status = ask(address, "GET", &format!("{BASE}/status"), &[], "").await;
    assert_eq!(status.status, 200, "{status:?}");
    assert_eq!(status.json()["alert_thresholds_count"], 4);
    let evaluated = ask(address, "POST", &format!("{BASE}/evaluate"), &[], "").await;
    assert_eq!(evaluated.status, 200);
    let own = ask(address, "GET", &format!("{BASE}s"), &[], "").await;
    assert_eq!(own.body, "of the application");
    task.abort();
    let (address, task) = plain_hyper(&vitals, false).await;
    let unknown = ask(address, "GET", &format!("{BASE}/status"), &[], "").await;
    assert_eq!(unknown.status, 403);
    assert!(unknown.error().contains("PeerAddress"), "{unknown:?}");
    task.abort();
}

#[tokio::test]
async fn over_http_2_the_authority_is_the_host() {
    let served = Served::start(with(loopback())).await;
    let socket = TcpStream::connect(served.address).await.unwrap();
    let (mut sender, driver) = http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
        .await
        .unwrap();
    tokio::spawn(driver);
    for (authority, host, status) in [
        ("localhost", None, StatusCode::OK),
        ("evil.example", None, StatusCode::FORBIDDEN),
        ("evil.example", Some("localhost"), StatusCode::FORBIDDEN),
    ] {
        let mut request = Request::get(format!("http://{authority}{BASE}/status"));
        if let Some(host) = host {
            request = request.header(header::HOST, host);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), status, "{authority} {host:?}");
    }
}

/// The addresses of the application and of its admin port, while it runs.
async fn with_admin_port(keep_routes: bool) -> (SocketAddr, SocketAddr, Vitals, JoinHandle<()>) {
    let builder = with(loopback()).admin_addr("127.0.0.1:0");
    let builder = builder
        .drain_delay(Duration::ZERO)
        .shutdown_deadline(Duration::from_secs(5));
    let vitals = match keep_routes {
        true => builder.keep_routes(),
        false => builder,
    };
    let vitals = vitals.build().unwrap();
    let admin = vitals.bind_admin().unwrap().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app(&vitals).into_make_service_with_connect_info::<SocketAddr>();
    let running = vitals.clone();
    let task = tokio::spawn(async move {
        let server = axum::serve(listener, app);
        let _ = running.run(server.into_future()).await;
    });
    (address, admin, vitals, task)
}

#[tokio::test]
async fn the_api_is_on_the_admin_port_and_not_beside_it() {
    let path = format!("{BASE}/status");
    let (address, admin, vitals, task) = with_admin_port(false).await;
    let shown = ask(admin, "GET", &path, &[], "").await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let head = ask(admin, "HEAD", &path, &[], "").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    let evaluated = ask(admin, "POST", &format!("{BASE}/evaluate"), &[], "").await;
    assert_eq!(evaluated.status, 200);
    let proxied = [("x-forwarded-for", "127.0.0.1".to_owned())];
    assert_eq!(ask(admin, "GET", &path, &proxied, "").await.status, 403);
    let there = ask(admin, "GET", &format!("{BASE}/../../metrics"), &[], "").await;
    assert_eq!(there.status, 404);
    assert_eq!(ask(address, "GET", &path, &[], "").await.status, 404);
    assert_eq!(
        vitals.metrics().totals().completed,
        1,
        "only the application's port counts"
    );
    task.abort();
    let (address, admin, _, task) = with_admin_port(true).await;
    for port in [address, admin] {
        assert_eq!(ask(port, "GET", &path, &[], "").await.status, 200);
    }
    task.abort();
}
