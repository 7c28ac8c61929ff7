//! Serves a monitored application, and runs the command against it.

use std::{
    net::SocketAddr,
    process::{Command, Output},
};

use axum::{Router, routing::get};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{self, JoinHandle},
};
use tower_vitals::{
    Vitals,
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

/// What the command printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A stack with the API for those who have the token.
pub(crate) fn stack() -> VitalsBuilder {
    with(Monitoring::new(Access::Token(TOKEN.to_owned())))
}

pub(crate) fn with(monitoring: Monitoring) -> VitalsBuilder {
    Vitals::builder().isolated().monitoring(monitoring)
}

/// An application of two routes, with the routes of the stack.
pub(crate) fn app(vitals: &Vitals) -> Router {
    Router::new()
        .route("/orders/{id}", get(async || "an order"))
        .route("/items/{id}", get(async || "an item"))
        .layer(vitals.layer())
        .route("/outside", get(async || "the layer does not see it"))
        .merge(vitals.routes())
}

// === impl Served ===

impl Served {
    pub(crate) async fn start(builder: VitalsBuilder) -> Self {
        let vitals = builder.build().unwrap();
        let app = app(&vitals);
        Self::of(vitals, app).await
    }

    pub(crate) async fn of(vitals: Vitals, app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            vitals,
            task,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a request to the application.
    pub(crate) async fn get(&self, path: &str) {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
    }

    /// Runs the command with the address and the token in its environment.
    pub(crate) async fn vitals(&self, arguments: &[&str]) -> Ran {
        let url = self.url(BASE);
        let environment = [
            ("MONITORING_URL", url.as_str()),
            ("MONITORING_TOKEN", TOKEN),
        ];
        vitals(arguments, &environment).await
    }

    /// What the command prints as JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let all: Vec<_> = arguments
            .iter()
            .copied()
            .chain(["--format", "json"])
            .collect();
        let ran = self.vitals(&all).await;
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Ran ===

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The finding whose line has this begin and these words, and whose next line names what to change.
    pub(crate) fn finds(&self, begin: &str, words: &str, change: &str) {
        let lines: Vec<_> = self.out.lines().collect();
        let found = lines.windows(2).any(|pair| {
            let is_it = pair[0].starts_with(begin) && pair[0].contains(words);
            is_it && pair[1].starts_with("  change ") && pair[1].contains(change)
        });
        assert!(
            found,
            "{begin}, {words}, {change}: {}{}",
            self.out, self.err
        );
    }

    /// A line of the output.
    pub(crate) fn says(&self, line: &str) {
        assert!(self.out.lines().any(|one| one == line), "{line}: {self:?}");
    }
}

/// Runs the command with these variables and no others.
pub(crate) async fn vitals(arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitals-tested"));
    command.args(arguments).env_clear();
    command.envs(environment.iter().copied());
    let output = task::spawn_blocking(move || command.output().unwrap());
    Ran::of(&output.await.unwrap())
}

/// A server that reads a request and answers with exactly this, until the test ends.
pub(crate) async fn answering(answer: impl Fn(&str) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4_096];
            let read = socket.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            // The client may be gone.
            let _ = socket.write_all(answer(&head).as_bytes()).await;
        }
    });
    address
}

/// An answer of HTTP.
pub(crate) fn http(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} x\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
