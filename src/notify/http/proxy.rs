//! Reads the address of a proxy. It is a secret: it can hold a password.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// A proxy that carries a connection further.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_https: bool,
    /// The user and the password, if it wants them.
    pub(super) authorization: Option<HeaderValue>,
}

// === impl Proxy ===

impl Proxy {
    /// `None` if the text is no address of an HTTP proxy.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let (is_https, port) = match uri.scheme_str()? {
            "http" => (false, 80),
            "https" => (true, 443),
            _ => return None,
        };
        let authority = uri.authority()?.as_str();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let authorization = match user {
            Some(user) => {
                let mut user: Vec<u8> = percent_decode_str(user).collect();
                if !user.contains(&b':') {
                    user.push(b':');
                }
                let mut value =
                    HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(user)))
                        .ok()?;
                value.set_sensitive(true);
                Some(value)
            }
            None => None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?;
        let port = match place.strip_prefix(host)? {
            "" => port,
            given => given
                .strip_prefix(':')?
                .parse()
                .ok()
                .filter(|port| *port > 0)?,
        };
        Some(Self {
            host: host.to_owned(),
            port,
            is_https,
            authorization,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_has_a_host_a_port_and_perhaps_a_password() {
        let parts = |text: &str| {
            let proxy = Proxy::parse(text)?;
            let shown = proxy.authorization.as_ref().map(HeaderValue::as_bytes);
            let user = shown.map(|shown| String::from_utf8(shown.to_vec()).unwrap());
            Some((proxy.host, proxy.port, proxy.is_https, user))
        };
        let host = "proxy.example".to_owned();
        for (text, found) in [
            (
                "http://proxy.example:3128",
                Some((host.clone(), 3128, false, None)),
            ),
            (
                "http://proxy.example/",
                Some((host.clone(), 80, false, None)),
            ),
            (
                "https://proxy.example",
                Some((host.clone(), 443, true, None)),
            ),
            (
                "HTTP://jane:p%40ss@proxy.example:8080",
                Some((host, 8080, false, Some("Basic amFuZTpwQHNz".to_owned()))),
            ),
            (
                "http://[::1]:3128",
                Some(("[::1]".to_owned(), 3128, false, None)),
            ),
            (
                "http://jane@proxy.example",
                Some((
                    "proxy.example".to_owned(),
                    80,
                    false,
                    Some("Basic amFuZTo=".to_owned()),
                )),
            ),
            ("http://user:pw@proxy.example:99999", None),
            ("http://proxy.example:80800", None),
            ("http://proxy.example:0", None),
            ("http://proxy.example:", None),
            ("proxy.example:3128", None),
            ("socks5://proxy.example", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(parts(text), found, "{text}");
        }
    }
}
