//! Names who may ask the monitoring API.

use std::fmt;

/// Who may ask the monitoring API. There is no default.
///
/// | | GET and HEAD | POST |
/// | --- | --- | --- |
/// | [`Token`](Self::Token) | with the token | with the token |
/// | [`Loopback`](Self::Loopback) | from this machine | from this machine, outside of browsers; with a [token](super::Monitoring::token) of its own: with the token |
/// | [`Public`](Self::Public) | everybody | nobody; with a [token](super::Monitoring::token) of its own: with the token |
///
/// A page of another origin can change nothing: see [POST](super#post).
#[derive(Clone)]
#[non_exhaustive]
pub enum Access {
    /// A client who sends `Authorization: Bearer` with this token, once. The token is not empty and has no white space around it.
    /// With fewer than 16 characters it can be guessed, and the log says so at the start.
    Token(String),
    /// A client on this machine. What counts is the peer of the connection, which is axum's [`ConnectInfo`][connect] or a
    /// [`PeerAddress`](super::PeerAddress) in the extensions of the request; without either, nobody is let in. `Host` must be
    /// `localhost`, `127.0.0.1`, `[::1]` or one of [`hosts`](super::Monitoring::hosts), so that no name of somebody else leads
    /// here.
    ///
    /// A proxy on this machine makes everybody a client on this machine. A request with `Via`, `Forwarded`, `X-Forwarded-*`,
    /// `X-Real-IP`, `X-Client-IP`, `CF-*`, `X-Envoy-*` or another header that proxies add is refused, and so is one of HTTP/1.0, which
    /// nginx speaks unless it is told otherwise. **A proxy that speaks HTTP/1.1 and adds no header cannot be told from a client.**
    /// So behind a reverse proxy on the same machine choose [`Token`](Self::Token), or serve the API at the
    /// [admin port](crate::vitals::VitalsBuilder::admin_addr) alone, to which the proxy does not lead.
    ///
    /// GET with `Sec-Fetch-Site` is answered if it is `same-origin` or `none`, so that no page of another site makes this machine
    /// work. The page of the [console](super#the-console) itself, which is no work, can be linked to from everywhere.
    ///
    /// [connect]: https://docs.rs/axum/0.8/axum/extract/connect_info/struct.ConnectInfo.html
    Loopback,
    /// Everybody who reaches the port. Texts of health checks' errors are not shown then.
    Public,
}

// === impl Access ===

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Loopback => "Loopback",
            Self::Public => "Public",
        })
    }
}
