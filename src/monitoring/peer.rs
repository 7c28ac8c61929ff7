//! Finds the peer of the connection on which a request came.

use std::net::SocketAddr;

use http::Extensions;

/// The address of the peer of a connection, in the extensions of its requests.
///
/// [`Access::Loopback`](super::Access::Loopback) needs it from servers other than axum's and the admin port: the server puts it there for
/// each connection that it accepts. Take it from the socket, and never from a header.
///
/// ```
/// use http::Request;
/// use tower_vitals::monitoring::PeerAddress;
///
/// fn noted<B>(mut request: Request<B>, peer: std::net::SocketAddr) -> Request<B> {
///     request.extensions_mut().insert(PeerAddress(peer));
///     request
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerAddress(pub SocketAddr);

/// Whether the peer is this machine. `None` if the peer is not known.
pub(super) fn is_this_machine(extensions: &Extensions) -> Option<bool> {
    let noted = extensions.get().map(|PeerAddress(peer)| *peer);
    #[cfg(feature = "axum")]
    let of_axum = {
        use axum::extract::ConnectInfo;
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        peer.map(|ConnectInfo(peer)| *peer)
    };
    #[cfg(not(feature = "axum"))]
    let of_axum = None;
    let known = noted.into_iter().chain(of_axum);
    let known = known.map(|peer| peer.ip().to_canonical().is_loopback());
    // If both are known, both must be.
    known.reduce(|one, other| one && other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_socket_tells_whether_the_peer_is_this_machine() {
        for (peer, here) in [
            ("127.0.0.1:9", true),
            ("127.8.0.1:9", true),
            ("[::1]:9", true),
            ("[::ffff:127.0.0.1]:9", true),
            ("[::ffff:10.0.0.1]:9", false),
            ("[::127.0.0.1]:9", false),
            ("0.0.0.0:9", false),
            ("[::]:9", false),
            ("10.0.0.1:9", false),
            ("128.0.0.1:9", false),
            ("[fe80::1]:9", false),
        ] {
            let mut extensions = Extensions::new();
            assert_eq!(is_this_machine(&extensions), None);
            extensions.insert(PeerAddress(peer.parse().unwrap()));
            assert_eq!(is_this_machine(&extensions), Some(here), "{peer}");
        }
    }

    #[cfg(feature = "axum")]
    #[test]
    fn of_two_addresses_both_must_be_of_this_machine() {
        use axum::extract::ConnectInfo;
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (noted, of_axum, here) in [
            ("127.0.0.1:9", "127.0.0.1:9", true),
            ("127.0.0.1:9", "10.0.0.1:9", false),
            ("10.0.0.1:9", "127.0.0.1:9", false),
        ] {
            let mut extensions = Extensions::new();
            extensions.insert(ConnectInfo(address(of_axum)));
            extensions.insert(PeerAddress(address(noted)));
            assert_eq!(is_this_machine(&extensions), Some(here));
        }
    }
}
