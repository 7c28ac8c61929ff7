//! Serves probes and metrics on a port of their own, beside any server.

mod drain;

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, routing::get};
use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::{Response, body::Bytes};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_stream::wrappers::TcpListenerStream;
use tower::Layer;
use tower_vitals::{
    RunError, ShutdownReport, Vitals,
    health::{Check, Health},
    vitals::VitalsBuilder,
};

use crate::support::{client::Client, forms::each_form_is_answered, waiting::settled};

const ANY_PORT: &str = "127.0.0.1:0";

/// A server that users have.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Axum,
    Tonic,
    Hyper,
}

/// A server that runs beside its admin port.
struct Running {
    app: SocketAddr,
    admin: SocketAddr,
    vitals: Vitals,
    health: Health,
    task: JoinHandle<ShutdownReport>,
}

impl Running {
    async fn start(kind: Kind, delay: Duration, deadline: Duration) -> Self {
        let health = Health::builder()
            .check(
                Check::new("database", async || Ok::<_, Infallible>(())).healthy_label("connected"),
            )
            .start()
            .unwrap();
        let vitals = builder(&health)
            .drain_delay(delay)
            .shutdown_deadline(deadline)
            .build()
            .unwrap();
        let admin = vitals.bind_admin().unwrap().unwrap();
        let listener = TcpListener::bind(ANY_PORT).await.unwrap();
        let app = listener.local_addr().unwrap();
        let task = match kind {
            Kind::Axum => run_axum(&vitals, listener),
            Kind::Tonic => run_tonic(&vitals, &health, listener),
            Kind::Hyper => run_hyper(&vitals, listener),
        };
        Self {
            app,
            admin,
            vitals,
            health,
            task,
        }
    }

    async fn end(self) -> ShutdownReport {
        self.health.drain();
        self.task.await.unwrap()
    }
}

fn builder(health: &Health) -> VitalsBuilder {
    let builder = Vitals::builder().isolated().health(health.service());
    builder.admin_addr(ANY_PORT)
}

fn run_axum(vitals: &Vitals, listener: TcpListener) -> JoinHandle<ShutdownReport> {
    let endless = get(async || {
        let first = stream::once(async { Ok::<_, Infallible>("first") });
        Body::from_stream(first.chain(stream::pending()))
    });
    let app: Router = Router::new()
        .route("/a", get(async || "a"))
        .route("/endless", endless)
        .layer(vitals.layer())
        .merge(vitals.routes());
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let vitals = vitals.clone();
    tokio::spawn(async move { vitals.run(server).await.unwrap() })
}

fn run_tonic(
    vitals: &Vitals,
    health: &Health,
    listener: TcpListener,
) -> JoinHandle<ShutdownReport> {
    let routes = tonic::service::Routes::new(health.grpc(&[]));
    let server = tonic::transport::Server::builder()
        .accept_http1(true)
        .layer(vitals.layer())
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), vitals.shutdown_signal());
    let vitals = vitals.clone();
    tokio::spawn(async move { vitals.run(server).await.unwrap() })
}

fn run_hyper(vitals: &Vitals, listener: TcpListener) -> JoinHandle<ShutdownReport> {
    let hello = tower::service_fn(async |_| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"a"))))
    });
    let service = vitals.layer().wrap_request_body().layer(hello);
    let shutdown = vitals.shutdown_signal();
    let server = async move {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let (stream, _) = tokio::select! {
                accepted = listener.accept() => accepted?,
                () = &mut shutdown => return Ok::<_, io::Error>(()),
            };
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    };
    let vitals = vitals.clone();
    tokio::spawn(async move { vitals.run(server).await.unwrap() })
}

/// The status, and the body as text.
async fn ask(client: &mut Client, method: &str, path: &str) -> (u16, String) {
    let response = client.send(client.request(method, path)).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn the_admin_port_serves_probes_and_metrics_beside_any_server() {
    for kind in [Kind::Axum, Kind::Tonic, Kind::Hyper] {
        let running = Running::start(kind, Duration::ZERO, Duration::from_secs(60)).await;
        let mut app = Client::Http1(running.app, None);
        ask(&mut app, "GET", "/a").await;
        settled(&running.vitals, |totals| {
            totals.started == 1 && totals.in_flight == 0
        })
        .await;
        for mut admin in [
            Client::Http1(running.admin, None),
            Client::Http2(running.admin, None),
        ] {
            assert_eq!(
                ask(&mut admin, "GET", "/livez").await,
                (200, "ok".into()),
                "{kind:?}"
            );
            assert_eq!(ask(&mut admin, "GET", "/startupz").await.0, 200, "{kind:?}");
            let health = ask(&mut admin, "GET", "/health/database").await;
            assert_eq!(health.0, 200, "{kind:?}");
            assert!(
                health.1.contains(r#""database":"connected""#),
                "{}",
                health.1
            );
            let (status, metrics) = ask(&mut admin, "GET", "/metrics").await;
            assert_eq!(status, 200);
            let requests = metrics
                .lines()
                .filter(|line| line.starts_with("http_requests_total{") && line.ends_with(" 1"));
            assert_eq!(requests.count(), 1, "{kind:?}: {metrics}");
            assert_eq!(
                ask(&mut admin, "HEAD", "/metrics").await,
                (200, String::new())
            );
            each_form_is_answered(&mut admin).await;
            assert_eq!(
                ask(&mut admin, "POST", "/metrics").await,
                (405, String::new())
            );
            assert_eq!(ask(&mut admin, "GET", "/nothing").await.0, 404);
        }
        let totals = running.vitals.metrics().totals();
        assert_eq!((totals.started, totals.excluded), (1, 0), "{kind:?}");
        assert_eq!(running.end().await.unfinished, 0);
    }
}

#[tokio::test]
async fn with_an_admin_port_the_application_serves_no_probe_unless_it_is_asked_to() {
    let health = Health::builder().start().unwrap();
    for (keep, found) in [(false, 404), (true, 200)] {
        let builder = builder(&health);
        let builder = if keep { builder.keep_routes() } else { builder };
        let vitals = builder.build().unwrap();
        let app = Router::new().layer(vitals.layer()).merge(vitals.routes());
        let server = crate::support::server::Server::start(app).await;
        for path in ["/livez", "/metrics"] {
            let response = server.http1().get(path).await.unwrap();
            assert_eq!(response.status(), found, "{path}");
        }
    }
}

#[tokio::test]
async fn an_admin_port_in_use_is_an_error_of_run_that_names_the_address() {
    let taken = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let vitals = Vitals::builder()
        .isolated()
        .admin_addr(&address)
        .build()
        .unwrap();
    let server = async { panic!("the server has begun") };
    let error = vitals.run::<_, io::Error>(server).await.unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
    let RunError::Admin(error) = error else {
        panic!("{error:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let error = vitals.bind_admin().unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
    drop(taken);
    assert_eq!(vitals.bind_admin().unwrap().unwrap().to_string(), address);
    let report = vitals.run(async { Ok::<_, io::Error>(()) }).await;
    assert_eq!(report.unwrap().unfinished, 0);
}

#[test]
fn a_bad_admin_address_fails_at_build_with_field_and_value() {
    for address in [
        "",
        "9000",
        ":9000",
        "localhost:9000",
        "127.0.0.1",
        "127.0.0.1:65536",
        "::1:9000",
    ] {
        let error = Vitals::builder()
            .isolated()
            .admin_addr(address)
            .build()
            .unwrap_err();
        assert_eq!((error.field(), error.value()), ("admin_addr", address));
    }
    for address in ["0.0.0.0:9000", "[::]:9000", " [::1]:9000 ", "10.0.0.7:0"] {
        Vitals::builder()
            .isolated()
            .admin_addr(address)
            .build()
            .unwrap();
    }
}

#[tokio::test]
async fn the_command_checks_a_service_at_its_admin_port() {
    let running = Running::start(Kind::Tonic, Duration::ZERO, Duration::from_secs(60)).await;
    let url = format!("http://{}/health", running.admin);
    let check = async || crate::command::check(&["--url", &url, "--check", "database"]).await;
    let health = running.health.clone();
    crate::support::waiting::eventually(|| health.is_started().then_some(()))
        .await
        .unwrap();
    assert_eq!(check().await, Some(0));
    running.end().await;
    assert_eq!(check().await, Some(2), "nobody listens there any more");
}

#[tokio::test]
async fn two_servers_of_a_process_share_one_admin_port() {
    let health = Health::builder().start().unwrap();
    let vitals = builder(&health).build().unwrap();
    let address = vitals.bind_admin().unwrap().unwrap();
    let (end_first, first) = tokio::sync::oneshot::channel::<()>();
    let (end_second, second) = tokio::sync::oneshot::channel::<()>();
    let run = |end: tokio::sync::oneshot::Receiver<()>| {
        let vitals = vitals.clone();
        tokio::spawn(async move {
            let server = async {
                end.await.unwrap();
                Ok::<_, io::Error>(())
            };
            vitals.run(server).await.unwrap()
        })
    };
    let (first, second) = (run(first), run(second));
    let livez = async || {
        ask(&mut Client::Http1(address, None), "GET", "/livez")
            .await
            .0
    };
    assert_eq!(livez().await, 200);
    end_first.send(()).unwrap();
    first.await.unwrap();
    assert_eq!(livez().await, 200, "the second server still runs");
    end_second.send(()).unwrap();
    second.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn readers_who_are_stuck_hold_no_probe() {
    let running = Running::start(Kind::Hyper, Duration::ZERO, Duration::from_secs(60)).await;
    let mut stuck = Vec::new();
    for _ in 0..256 {
        let mut stream = TcpStream::connect(running.admin).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        stuck.push(stream);
    }
    let mut probe = Client::Http1(running.admin, None);
    assert_eq!(ask(&mut probe, "GET", "/livez").await.0, 200);
    // It took the place of the oldest, and of no other.
    assert_eq!(stuck[0].read(&mut [0; 1]).await.unwrap_or_default(), 0);
    stuck[1].write_all(b"host: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stuck[1].read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    running.end().await;
}
