//! Uses everything that is measured, under a load of its own: a program for tests, which let Prometheus scrape it.
//!
//! `REDIS_URL` and `DATABASE_URL` are servers that it watches, `CERTIFICATES` is the folder with the certificate of a server that it asks
//! for its date. It prints its address.
#![expect(
    clippy::unwrap_used,
    reason = "the test that runs it shows where it ended"
)]

use std::{
    convert::Infallible, env, io, io::Read, net::TcpListener as Blocking, sync::Arc, thread,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::stream;
use http_body_util::BodyExt;
use metrics::{counter, gauge, histogram};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use sqlx::postgres::PgPoolOptions;
use tokio::{net::TcpListener, time};
use tower::ServiceExt;
use tower_vitals::{
    Deployment, Release, Vitals,
    alerts::{Alerts, Rule, Signal, presets},
    circuit,
    health::{Check, Health},
    job, job_queue, monitored,
    notify::{Notification, Notifier, Notifiers, NotifyError},
    operations::{CallOutcome, PoolState, disk_space, postgres, redis_info},
    outbound, pool, query,
};

const SECOND: Duration = Duration::from_secs(1);

/// Takes everything that people are told.
struct Takes;

impl Notifier for Takes {
    fn name(&self) -> &str {
        "takes"
    }

    fn notify(&self, _: &[Notification], _: Duration) -> Result<(), NotifyError> {
        Ok(())
    }
}

#[tokio::main]
async fn main() {
    let health = Health::builder()
        .check(Check::new("database", async || Ok::<_, io::Error>(())).interval(SECOND))
        .check(Check::certificate("certificate", &tls_server()).interval(SECOND))
        .start()
        .unwrap();
    let vitals = Vitals::from_env()
        .unwrap()
        .service_name("everything")
        .release(Release::new("1.4.2"))
        .body_sizes()
        .process_metrics()
        .health(health.service())
        .alerts(alerts())
        .notifiers(Notifiers::new().notifier(Takes))
        .build()
        .unwrap();
    vitals.record_deployment(&Deployment::new("1.4.2"));
    watch().await;

    let app = app(&vitals);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, app.clone()).into_future());
    let open = vitals.websocket_sessions().begin();
    tokio::spawn(open.run(std::future::pending::<()>()));
    loop {
        ask(&app).await;
        work().await;
        record();
        time::sleep(Duration::from_millis(100)).await;
    }
}

/// All rules of the guides, rules over one endpoint, and one that always fires.
fn alerts() -> Alerts {
    Alerts::default()
        .interval(SECOND)
        .rules(presets::guides())
        .rules([
            presets::payment_failures(),
            presets::workers_down("active_workers"),
            Rule::new("slow_order", Signal::p95_ms())
                .above(500.0)
                .endpoint("/orders/{id}"),
            Rule::new("failed_order", Signal::error_rate_percent())
                .above(2.0)
                .endpoint("/orders/{id}"),
            Rule::new("always", Signal::in_flight())
                .below(1e9)
                .pending_for(Duration::ZERO)
                .repeat(SECOND),
        ])
}

fn app(vitals: &Vitals) -> Router {
    let chunks = async || -> Response {
        let chunks = ["one", "two"].map(Ok::<_, Infallible>);
        Body::from_stream(stream::iter(chunks)).into_response()
    };
    let unary = async || {
        let headers = [("content-type", "application/grpc"), ("grpc-status", "0")];
        (headers, "")
    };
    let sessions = vitals.websocket_sessions();
    let socket = async move || {
        sessions
            .begin()
            .run(time::sleep(Duration::from_millis(5)))
            .await;
        "the session has ended"
    };
    let slow = async || {
        time::sleep(Duration::from_millis(600)).await;
        "slow"
    };
    Router::new()
        .route("/orders", post(async |_: String| StatusCode::CREATED))
        .route("/orders/{id}", get(async || "an order"))
        .route("/missing", get(async || StatusCode::NOT_FOUND))
        .route("/fail", get(async || StatusCode::BAD_GATEWAY))
        .route("/slow", get(slow))
        .route("/chunks", get(chunks))
        .route("/socket", get(socket))
        .route("/probe.Probe/Unary", post(unary))
        .layer(vitals.layer())
        .merge(vitals.routes())
}

/// One request of each kind.
async fn ask(app: &Router) {
    for (method, path) in [
        (Method::POST, "/orders"),
        (Method::GET, "/orders/7"),
        (Method::GET, "/missing"),
        (Method::GET, "/fail"),
        (Method::GET, "/chunks"),
        (Method::GET, "/socket"),
        (Method::POST, "/probe.Probe/Unary"),
    ] {
        let mut request = Request::builder().method(method).uri(path);
        if path.starts_with("/probe") {
            request = request.header(header::CONTENT_TYPE, "application/grpc");
        }
        let request = request.body(Body::from("a body")).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
    let request = Request::get("/slow").body(Body::empty()).unwrap();
    tokio::spawn(app.clone().oneshot(request));
}

/// What a service does beside answering requests.
async fn work() {
    let broken = async || Err::<(), _>(io::Error::other("as the test wants it"));
    monitored("fetch").run(async {}).await;
    let _ = monitored("fetch").try_run(broken()).await;
    query("SELECT", "orders").run(async {}).await;
    outbound("payments").record(CallOutcome::Success, Duration::from_millis(20));
    outbound("payments").record(CallOutcome::Error, Duration::from_millis(30));
    job("rollup").run(async {}).await;
    let _ = job("rollup").try_run(broken()).await;
    circuit("payments").opened();
}

/// What only the application knows, under the names of the guides.
fn record() {
    let tenant = ("tenant_id", "acme");
    counter!("orders_created_total", &[tenant, ("channel", "web")]).increment(1);
    let labels = [tenant, ("provider", "stripe"), ("status", "success")];
    counter!("payments_processed_total", &labels).increment(9);
    let labels = [tenant, ("provider", "stripe"), ("status", "failed")];
    counter!("payments_processed_total", &labels).increment(1);
    histogram!("payment_processing_duration_seconds", "provider" => "stripe").record(0.2);
    counter!("messages.sent", &[tenant, ("type", "outbound")]).increment(1);
    counter!("revenue_cents_total").increment(995);
    gauge!("active_conversations", &[tenant]).set(3.0);
    gauge!("active_workers").set(2.0);
    histogram!("workflow_duration_ms").record(567.8);
}

/// Watches pools, queues, disks and servers.
async fn watch() {
    disk_space("/").start().unwrap();
    job_queue("emails", || 3).every(SECOND).start().unwrap();
    let database = PgPoolOptions::new().max_connections(2);
    let database = database
        .connect(&env::var("DATABASE_URL").unwrap())
        .await
        .unwrap();
    postgres("shop", database.clone())
        .every(SECOND)
        .start()
        .unwrap();
    let state = move || PoolState::of_sqlx(&database);
    pool("primary", state).every(SECOND).start().unwrap();
    let client = redis::Client::open(env::var("REDIS_URL").unwrap()).unwrap();
    redis_info("cache", client.clone())
        .every(SECOND)
        .start()
        .unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    tokio::spawn(async move {
        let mut limit = redis::cmd("CONFIG");
        limit.arg(&["SET", "maxmemory", "100mb"]);
        limit.exec_async(&mut connection).await.unwrap();
        loop {
            let mut look = redis::cmd("EXISTS");
            look.arg("a key").exec_async(&mut connection).await.unwrap();
            let mut look = redis::cmd("GET");
            look.arg("a key").exec_async(&mut connection).await.unwrap();
            time::sleep(Duration::from_millis(100)).await;
        }
    });
}

/// The address of a server with a certificate.
fn tls_server() -> String {
    let folder = env::var("CERTIFICATES").unwrap();
    let certificate = CertificateDer::from_pem_file(format!("{folder}/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{folder}/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    let config = Arc::new(config.unwrap());
    let listener = Blocking::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            // It sends nothing, and has left then.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    address
}
