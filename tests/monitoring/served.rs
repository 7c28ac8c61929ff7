//! Serves a monitored application, and asks its API over a socket.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower_vitals::{
    Failure, Vitals,
    monitoring::{Access, Monitoring},
    vitals::VitalsBuilder,
};

pub(crate) const TOKEN: &str = "a-token-of-the-tests";

/// Where the API is by default.
pub(crate) const BASE: &str = "/api/v1/monitoring";

/// An application with the API, until dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) vitals: Vitals,
    task: JoinHandle<()>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// A stack with the API for those who have the token.
pub(crate) fn with_token() -> VitalsBuilder {
    with(Monitoring::new(Access::Token(TOKEN.to_owned())))
}

pub(crate) fn with(monitoring: Monitoring) -> VitalsBuilder {
    Vitals::builder().isolated().monitoring(monitoring)
}

impl Served {
    /// An application on axum that knows its peers.
    pub(crate) async fn start(builder: VitalsBuilder) -> Self {
        Self::of(builder.build().unwrap()).await
    }

    pub(crate) async fn of(vitals: Vitals) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(&vitals).into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            vitals,
            task,
        }
    }

    /// Asks with the token.
    pub(crate) async fn ask(&self, method: &str, path: &str) -> Answer {
        self.ask_with(method, path, &[bearer(TOKEN)], "").await
    }

    /// Asks with exactly these headers beside `Host`, unless they have one, and with this body.
    pub(crate) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &str,
    ) -> Answer {
        ask(
            self.address,
            method,
            &format!("{BASE}{path}"),
            headers,
            body,
        )
        .await
    }

    /// What is read with the token, as JSON.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let answer = self.ask("GET", path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// Sends JSON with the token.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let json = ("content-type", "application/json".to_owned());
        self.ask_with("POST", path, &[bearer(TOKEN), json], body)
            .await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The sentence of an error.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// An application whose requests are counted, with the routes of the stack.
pub(crate) fn app(vitals: &Vitals) -> Router {
    Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route(
            "/broken/{id}",
            get(async || http::StatusCode::INTERNAL_SERVER_ERROR),
        )
        .route("/fails", get(fails))
        .route("/hangs", get(std::future::pending::<()>))
        .merge(vitals.routes())
        // Outside of the routes of the stack as well: those are no traffic wherever the layer is.
        .layer(vitals.layer())
}

async fn fails() -> Failure {
    Failure::new(std::io::Error::other("password=sentinel of the cause"))
}

pub(crate) fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// Asks on a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &str,
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: localhost:{}\r\n", address.port()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    let answer = raw(address, format!("{head}\r\n{body}").as_bytes()).await;
    parse(&answer)
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // A server that has answered before it has read everything may close first.
    let _ = socket.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

pub(crate) fn parse(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    Answer {
        status: status.parse().unwrap(),
        headers: headers.collect(),
        body: body.to_owned(),
    }
}
