//! Finds the address of the client: that of the socket, or one that a trusted proxy wrote.

use std::net::{IpAddr, SocketAddr};

use http::{Extensions, HeaderName, header::FORWARDED};

use crate::{facts::router, observe::RequestHead};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where the address of the client is read.
///
/// `hops` is how many proxies of yours stand between the client and this service. Each adds the address of its own peer at the
/// end of the header, so the client is the entry with this number, counted from the right. What stands to the left of it came
/// from the client, who can write anything. With 0 it is [`Peer`](Self::Peer).
///
/// Use the header to which your proxies add, and count all of them: with a wrong number or the wrong header, the client chooses
/// its address. Without the header, the request came around the proxies, and the peer is the client. If the header has fewer
/// entries, or the entry is no IP address, there is no address.
///
/// ```
/// use tower_vitals::access_log::{AccessLogLayer, ClientAddress};
///
/// // A load balancer in front of an ingress.
/// let address = ClientAddress::XForwardedFor { hops: 2 };
/// let layer = AccessLogLayer::new().client_address(address);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAddress {
    /// The other end of the socket. The server must say it: with axum by `into_make_service_with_connect_info::<SocketAddr>()`,
    /// with other servers by a [`PeerAddress`] in the request's extensions. Else there is no address.
    Peer,
    /// An entry of `X-Forwarded-For`.
    XForwardedFor {
        /// How many trusted proxies there are.
        hops: u8,
    },
    /// The parameter `for` of an entry of `Forwarded` (RFC 7239).
    Forwarded {
        /// How many trusted proxies there are.
        hops: u8,
    },
}

/// The other end of the socket, as an extension of a request. A server that is not axum's inserts it.
///
/// ```
/// use tower_vitals::access_log::PeerAddress;
///
/// # let peer: std::net::SocketAddr = "192.0.2.1:4711".parse().unwrap();
/// # let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddress(peer));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub SocketAddr);

// === impl ClientAddress ===

impl ClientAddress {
    /// The address of the client of a request, if it is known.
    pub(super) fn of(self, request: &dyn RequestHead) -> Option<IpAddr> {
        match self {
            Self::Peer | Self::XForwardedFor { hops: 0 } | Self::Forwarded { hops: 0 } => {
                peer(request.extensions())
            }
            Self::XForwardedFor { hops } => entry(request, &X_FORWARDED_FOR, hops, ip_address),
            Self::Forwarded { hops } => entry(request, &FORWARDED, hops, forwarded_for),
        }
        .map(|address| address.to_canonical())
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    let told = extensions.get().map(|PeerAddress(peer)| *peer);
    told.or_else(|| router::peer(extensions))
        .map(|peer| peer.ip())
}

/// The address in the entry that the outermost trusted proxy wrote. Several lines of the header are one list.
fn entry(
    request: &dyn RequestHead,
    name: &HeaderName,
    hops: u8,
    address: fn(&str) -> Option<IpAddr>,
) -> Option<IpAddr> {
    if !request.headers().contains_key(name) {
        return peer(request.extensions());
    }
    // From the right, so that nothing that a client wrote can shift what a proxy wrote.
    let lines = request.headers().get_all(name).iter().rev();
    let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    let entry = entries.nth(usize::from(hops) - 1)?;
    address(str::from_utf8(entry).ok()?.trim())
}

/// The parameter `for` of an entry. An entry with half a pair of quotes is none.
fn forwarded_for(entry: &str) -> Option<IpAddr> {
    if !entry.matches('"').count().is_multiple_of(2) {
        return None;
    }
    let node = entry.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value)
    })?;
    ip_address(node.trim().trim_matches('"'))
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn ip_address(node: &str) -> Option<IpAddr> {
    let bare = || node.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || Some(node.parse::<SocketAddr>().ok()?.ip());
    node.parse().ok().or_else(with_port).or_else(bare)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The address of a request from 10.0.0.9 with these lines of the header.
    fn found(address: ClientAddress, name: &str, lines: &[&str]) -> Option<String> {
        let mut request = Request::builder().extension(PeerAddress(([10, 0, 0, 9], 1).into()));
        for line in lines {
            request = request.header(name, *line);
        }
        let request = request.body(()).unwrap();
        address.of(&request).map(|address| address.to_string())
    }

    #[test]
    fn a_client_cannot_write_its_own_address() {
        let header = "x-forwarded-for";
        for (hops, lines, expected) in [
            (0, &["192.0.2.1"][..], Some("10.0.0.9")),
            (1, &[], Some("10.0.0.9")),
            (1, &["192.0.2.1"], Some("192.0.2.1")),
            (1, &["6.6.6.6, 192.0.2.1"], Some("192.0.2.1")),
            (1, &["6.6.6.6", "192.0.2.1"], Some("192.0.2.1")),
            (2, &["6.6.6.6, 192.0.2.1, 10.0.0.1"], Some("192.0.2.1")),
            (2, &["6.6.6.6,192.0.2.1", "10.0.0.1"], Some("192.0.2.1")),
            (2, &["192.0.2.1"], None),
            (1, &[""], None),
            (1, &["6.6.6.6,"], None),
            (1, &["6.6.6.6, unknown"], None),
            (1, &["6.6.6.6, \u{ff}"], None),
            (1, &["192.0.2.1:4711"], Some("192.0.2.1")),
            (1, &["2001:db8::1"], Some("2001:db8::1")),
            (1, &["[2001:db8::1]"], Some("2001:db8::1")),
            (1, &["[2001:db8::1]:80"], Some("2001:db8::1")),
            (1, &["::ffff:192.0.2.1"], Some("192.0.2.1")),
            (255, &["6.6.6.6"], None),
        ] {
            let address = ClientAddress::XForwardedFor { hops };
            assert_eq!(
                found(address, header, lines).as_deref(),
                expected,
                "{hops} {lines:?}"
            );
        }
    }

    #[test]
    fn an_entry_of_forwarded_is_read_by_its_parameter_for() {
        for (hops, lines, expected) in [
            (1, &["for=192.0.2.1"][..], Some("192.0.2.1")),
            (
                1,
                &["for=6.6.6.6, proto=https; For=\"192.0.2.1:4711\";by=x"],
                Some("192.0.2.1"),
            ),
            (1, &[r#"for="[2001:db8::1]:80""#], Some("2001:db8::1")),
            (
                2,
                &["for=6.6.6.6, for=192.0.2.1, for=10.0.0.1"],
                Some("192.0.2.1"),
            ),
            (1, &["for=_hidden"], None),
            (1, &["for=unknown"], None),
            (1, &["by=192.0.2.1"], None),
            // A quote that a client opens neither hides nor makes an entry.
            (1, &[r#"for=", for=192.0.2.1"#], Some("192.0.2.1")),
            (1, &[r#"for=192.0.2.1;host="x, for=6.6.6.6""#], None),
        ] {
            let address = ClientAddress::Forwarded { hops };
            assert_eq!(
                found(address, "forwarded", lines).as_deref(),
                expected,
                "{lines:?}"
            );
        }
        let address = ClientAddress::Forwarded { hops: 1 };
        let other = found(address, "x-forwarded-for", &["6.6.6.6"]);
        assert_eq!(other.as_deref(), Some("10.0.0.9"));
    }
}
