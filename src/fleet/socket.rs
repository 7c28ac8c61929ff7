//! A connection whose reads and writes end in time, encrypted or not.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, crypto::ring};
use rustls_pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::time::Instant;

/// What a read or write may take at least, so that what is there already is taken.
const LEAST: Duration = Duration::from_millis(1);

/// Makes encrypted connections. Clones share the certificates that the machine trusts, which are read once they are needed.
#[derive(Clone, Default)]
pub(super) struct Tls(Arc<OnceLock<Arc<ClientConfig>>>);

/// A connection.
pub(super) enum Socket {
    Plain(Timed),
    Encrypted(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A TCP connection each of whose reads and writes must move something in `each`, and all of them must be over at a time.
pub(super) struct Timed {
    tcp: TcpStream,
    each: Duration,
    end: Instant,
}

// === impl Tls ===

impl Tls {
    /// Trusts what a test gives.
    #[cfg(test)]
    pub(super) fn of(config: ClientConfig) -> Self {
        let tls = Self::default();
        let _ = tls.0.set(Arc::new(config));
        tls
    }

    fn config(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.0.get() {
            return Ok(Arc::clone(config));
        }
        // The provider is named: with two of them in a program, rustls would panic.
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(io::Error::other)?
            .with_no_client_auth();
        Ok(Arc::clone(self.0.get_or_init(|| Arc::new(config))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

// === impl Socket ===

impl Socket {
    /// Connects to the first address that answers. All of it ends at `end`. With `tls`, the certificate must be of `host`.
    pub(super) fn connect(
        addresses: &[SocketAddr],
        tls: Option<(&Tls, &str)>,
        end: Instant,
    ) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for (index, address) in addresses.iter().enumerate() {
            // None of them takes all the time.
            let left = addresses.len().saturating_sub(index).max(1);
            let share = until(end) / u32::try_from(left).unwrap_or(u32::MAX);
            match TcpStream::connect_timeout(address, share.max(LEAST)) {
                Ok(tcp) => return Self::over(tcp, tls, end),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn over(tcp: TcpStream, tls: Option<(&Tls, &str)>, end: Instant) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        let each = until(end);
        let mut tcp = Timed { tcp, each, end };
        let Some((tls, host)) = tls else {
            return Ok(Self::Plain(tcp));
        };
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let client = ClientConnection::new(tls.config()?, name);
        let mut client =
            client.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        while client.is_handshaking() {
            client.complete_io(&mut tcp)?;
        }
        Ok(Self::Encrypted(Box::new(StreamOwned::new(client, tcp))))
    }

    /// From now on, each read or write must move something in `each`, and all must be over after `all`.
    pub(super) fn allow(&mut self, each: Duration, all: Duration) {
        let timed = match self {
            Self::Plain(timed) => timed,
            Self::Encrypted(stream) => &mut stream.sock,
        };
        timed.each = each;
        timed.end = Instant::now() + all;
    }

    /// Whether the other end closed it, or said what nobody asked for.
    pub(super) fn is_stale(&self) -> bool {
        let tcp = match self {
            Self::Plain(timed) => &timed.tcp,
            Self::Encrypted(stream) => &stream.sock.tcp,
        };
        if tcp.set_nonblocking(true).is_err() {
            return true;
        }
        let peeked = tcp.peek(&mut [0]);
        let is_quiet = peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        tcp.set_nonblocking(false).is_err() || !is_quiet
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.read(buffer),
            Self::Encrypted(stream) => stream.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(timed) => timed.write(bytes),
            Self::Encrypted(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Encrypted(stream) => stream.flush(),
        }
    }
}

// === impl Timed ===

impl Timed {
    fn left(&self) -> Duration {
        until(self.end).min(self.each).max(LEAST)
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.tcp.set_read_timeout(Some(self.left()))?;
            match self.tcp.read(buffer) {
                // A process that was frozen goes on here.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) => return Ok(0),
                Ok(_) if until(self.end).is_zero() => return Err(io::ErrorKind::TimedOut.into()),
                read => return read,
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.tcp.set_write_timeout(Some(self.left()))?;
            match self.tcp.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

fn until(end: Instant) -> Duration {
    end.saturating_duration_since(Instant::now())
}
