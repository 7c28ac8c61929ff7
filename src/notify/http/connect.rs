//! Opens the connection for a message: to its address, or through a proxy.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Method, Request, header, uri::Scheme};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, crypto::ring},
};

use super::{
    super::address::{Address, HIDDEN},
    LONGEST,
    failed::Failed,
    proxy::Proxy,
};
use crate::look_up::LookUp;

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Connection = Box<dyn Stream>;

/// Opens connections.
pub(super) struct Connector {
    /// Is asked where a connection is encrypted from end to end. What is not stays on this machine.
    proxy: Option<Proxy>,
    names: LookUp,
    /// Made for the first connection that needs it: it reads the certificates that the machine trusts.
    tls: OnceLock<Arc<ClientConfig>>,
}

// === impl Connector ===

impl Connector {
    pub(super) fn new(proxy: Option<Proxy>) -> Self {
        Self {
            proxy,
            names: LookUp::default(),
            tls: OnceLock::new(),
        }
    }

    /// A connection to this address. All of it ends at `deadline`, which the caller watches; of several addresses of a name, none
    /// takes all the time.
    pub(super) async fn connect(
        &self,
        address: &Address,
        deadline: Instant,
    ) -> Result<Connection, Failed> {
        let uri = address.uri();
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let stream: Connection = match self.proxy.as_ref().filter(|_| is_https) {
            Some(proxy) => self.through(proxy, host, port, deadline).await?,
            None => {
                let allowed = |ip| address.allows(ip);
                Box::new(self.open(host, port, deadline, allowed).await?)
            }
        };
        match is_https {
            true => self.encrypt(stream, host).await,
            false => Ok(stream),
        }
    }

    /// Asks a proxy to carry the connection.
    async fn through(
        &self,
        proxy: &Proxy,
        host: &str,
        port: u16,
        deadline: Instant,
    ) -> Result<Connection, Failed> {
        let stream = self
            .open(&proxy.host, proxy.port, deadline, |_| true)
            .await?;
        let stream: Connection = match proxy.is_https {
            true => self.encrypt(Box::new(stream), &proxy.host).await?,
            false => Box::new(stream),
        };
        let mut client = http1::Builder::new();
        let connected = client
            .max_buf_size(LONGEST)
            .handshake(TokioIo::new(stream))
            .await;
        let (mut sender, connection) = connected?;
        tokio::spawn(connection.with_upgrades());
        let authority = format!("{host}:{port}");
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(&authority)
            .header(header::HOST, &authority);
        if let Some(authorization) = &proxy.authorization {
            request = request.header(header::PROXY_AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::<Bytes>::new())?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        if !status.is_success() {
            let text = format!("the proxy answered {}", status.as_u16());
            return Err(Failed::Because(text));
        }
        Ok(Box::new(TokioIo::new(hyper::upgrade::on(answer).await?)))
    }

    async fn encrypt(&self, stream: Connection, host: &str) -> Result<Connection, Failed> {
        let name = ServerName::try_from(without_brackets(host).to_owned())?;
        let connector = TlsConnector::from(self.tls()?);
        Ok(Box::new(connector.connect(name, stream).await?))
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, Failed> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }

    /// The text without the host of the proxy.
    pub(super) fn hide_in(&self, text: &str) -> String {
        match &self.proxy {
            Some(proxy) => text.replace(without_brackets(&proxy.host), HIDDEN),
            None => text.to_owned(),
        }
    }

    /// Connects to the first address of a host that is allowed and answers.
    async fn open(
        &self,
        host: &str,
        port: u16,
        deadline: Instant,
        allowed: impl Fn(IpAddr) -> bool,
    ) -> Result<TcpStream, Failed> {
        let mut found = self.names.host(without_brackets(host), port).await?;
        found.retain(|at| allowed(at.ip()));
        let mut last =
            Failed::Because("the name has no address to which anything is sent".to_owned());
        for (tried, at) in found.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let others = u32::try_from(found.len() - tried).unwrap_or(u32::MAX);
            match timeout(left / others, TcpStream::connect(at)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error.into(),
                Err(_) => last = Failed::Late,
            }
        }
        Err(last)
    }
}

/// The host as it is looked up: an IPv6 address has brackets only in an address.
fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}
