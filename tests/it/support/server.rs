//! Serves an application on a socket of its own.

use std::net::SocketAddr;

use axum::{BoxError, Router, error_handling::HandleErrorLayer, http::StatusCode};
use http_body_util::BodyExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tower::ServiceBuilder;
use tower_vitals::{ShutdownReport, Vitals};

use super::{
    application::{Hanging, routes},
    client::Client,
    panics::silence_panics_that_were_asked_for,
};
use crate::{faults::FaultLayer, probe};

/// An application on a socket of its own, until dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) hanging: Hanging,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(app: Router) -> Self {
        Self::with(app, Hanging::default()).await
    }

    /// The faulty application with the whole stack around it.
    pub(crate) async fn faulty(vitals: &Vitals) -> Self {
        Self::faulty_beside(vitals, Router::new()).await
    }

    /// The same beside other routes, which are below the stack as well.
    pub(crate) async fn faulty_beside(vitals: &Vitals, others: Router) -> Self {
        let hanging = Hanging::default();
        let around = ServiceBuilder::new()
            .layer(HandleErrorLayer::new(async |error: BoxError| {
                (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            }))
            .layer(vitals.layer())
            .layer(FaultLayer);
        let app = routes(hanging.clone()).route_service(probe::ROUTE, probe::service());
        Self::with(app.merge(others).layer(around), hanging).await
    }

    pub(crate) async fn with(app: Router, hanging: Hanging) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut server = Self::on(listener, app);
        server.hanging = hanging;
        server
    }

    /// Serves on a listener of the test's own.
    pub(crate) fn on(listener: TcpListener, app: Router) -> Self {
        silence_panics_that_were_asked_for();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            hanging: Hanging::default(),
            task,
        }
    }

    pub(crate) fn http1(&self) -> Client {
        Client::Http1(self.address, None)
    }

    pub(crate) fn http2(&self) -> Client {
        Client::Http2(self.address, None)
    }

    /// Is a client that leaves before the answer to request `n`, once the handler has it.
    pub(crate) async fn leave_before_the_head(&self, n: u64) {
        let reached = self.hanging.reached(n);
        let mut client = self.http1();
        let path = format!("/hang/{n}");
        tokio::select! {
            answer = client.get(&path) => panic!("{answer:?}"),
            reached = reached => reached.unwrap(),
        }
        client.hang_up();
    }

    /// Is a client that leaves after the first bytes of a body.
    pub(crate) async fn leave_in_the_body(&self) {
        let mut client = self.http1();
        let mut drip = client.get("/drip").await.unwrap();
        assert!(drip.body_mut().frame().await.unwrap().is_ok());
        drop(drip);
        client.hang_up();
    }

    /// Sends bytes and reads whatever comes until the server closes.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        socket.write_all(bytes.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        // A server that panicked may reset the connection.
        let _ = socket.read_to_end(&mut answer).await;
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves as an application does that drains: to the end of `vitals.run`, which gives its report.
pub(crate) async fn draining(
    vitals: &Vitals,
    app: Router,
) -> (SocketAddr, JoinHandle<ShutdownReport>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, app).with_graceful_shutdown(vitals.shutdown_signal());
    let vitals = vitals.clone();
    let running = tokio::spawn(async move { vitals.run(server).await.unwrap() });
    (address, running)
}
