//! Sends requests over one connection of HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderValue, header},
    response::Response,
};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A client with one connection, which it opens when it needs one.
pub(crate) enum Client {
    Http1(SocketAddr, Option<http1::SendRequest<Full<Bytes>>>),
    Http2(SocketAddr, Option<http2::SendRequest<Full<Bytes>>>),
}

impl Client {
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(address, connection) => {
                let usable = match connection {
                    Some(connection) => connection.ready().await.is_ok(),
                    None => false,
                };
                if !usable {
                    let socket = TcpStream::connect(*address).await.unwrap();
                    let (sender, driver) = http1::handshake(TokioIo::new(socket)).await?;
                    tokio::spawn(driver.with_upgrades());
                    *connection = Some(sender);
                }
                connection.as_mut().unwrap().send_request(request).await
            }
            Self::Http2(address, connection) => {
                if connection
                    .as_ref()
                    .is_none_or(|connection| connection.is_closed())
                {
                    let socket = TcpStream::connect(*address).await.unwrap();
                    let (sender, driver) =
                        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await?;
                    tokio::spawn(driver);
                    *connection = Some(sender);
                }
                connection.as_mut().unwrap().send_request(request).await
            }
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<Response<Incoming>> {
        let request = self.request("GET", path);
        self.send(request).await
    }

    /// The body of an answer, as text.
    pub(crate) async fn text(&mut self, path: &str) -> String {
        let request = self.request("GET", path);
        String::from_utf8(self.read(request).await.into()).unwrap()
    }

    /// Sends a request and reads the body of the answer, which must end well.
    pub(crate) async fn read(&mut self, request: Request<Full<Bytes>>) -> Bytes {
        let response = self.send(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request<Full<Bytes>> {
        let (address, uri) = match self {
            Self::Http1(address, _) => (address, path.to_owned()),
            Self::Http2(address, _) => (address, format!("http://{address}{path}")),
        };
        let request = Request::builder().method(method).uri(uri);
        let request = match self {
            Self::Http1(..) => request.header(header::HOST, address.to_string()),
            Self::Http2(..) => request,
        };
        request.body(Full::default()).unwrap()
    }

    /// A POST request of this content type, without a body.
    pub(crate) fn post(&self, path: &str, content_type: &'static str) -> Request<Full<Bytes>> {
        let mut request = self.request("POST", path);
        let content_type = HeaderValue::from_static(content_type);
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        request
    }

    /// Closes the connection.
    pub(crate) fn hang_up(&mut self) {
        match self {
            Self::Http1(_, connection) => *connection = None,
            Self::Http2(_, connection) => *connection = None,
        }
    }
}
