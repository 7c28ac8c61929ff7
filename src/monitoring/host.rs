//! Reads the host and port that a request or an origin names.

use http::{
    HeaderMap, Uri, header,
    uri::{Authority, Scheme},
};

/// The hosts that are always this machine.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A host with a port, or without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// In lower case.
    name: String,
    port: Option<u16>,
}

// === impl Host ===

impl Host {
    /// Reads `localhost`, `[::1]:8080` and the like.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let name = authority.host();
        // `user@host`, and a port that is none.
        let port = authority.port_u16();
        let rest = authority.as_str().strip_prefix(name)?;
        let written = match port {
            Some(_) => rest.strip_prefix(':').is_some_and(is_number),
            None => rest.is_empty(),
        };
        (written && !name.is_empty()).then(|| Self {
            name: name.to_ascii_lowercase(),
            port,
        })
    }

    /// The hosts that a request names: in its URI, as HTTP/2 has it, and in its header. `None` if it names none, one of them
    /// cannot be read, or there are two headers.
    pub(super) fn all_of(uri: &Uri, headers: &HeaderMap) -> Option<Vec<Self>> {
        let mut named = headers.get_all(header::HOST).iter();
        let header = named.next().map(|value| value.to_str());
        if named.next().is_some() {
            return None;
        }
        let header = header.transpose().ok()?;
        let authority = uri.authority().map(Authority::as_str);
        let all = authority.into_iter().chain(header).map(Self::parse);
        let all = all.collect::<Option<Vec<_>>>()?;
        (!all.is_empty()).then_some(all)
    }

    pub(super) fn is_this_machine(&self) -> bool {
        THIS_MACHINE.contains(&self.name.as_str())
    }

    /// Whether a request may name `other` if this host was chosen. Without a port, each port fits.
    pub(super) fn admits(&self, other: &Self) -> bool {
        self.name == other.name && (self.port.is_none() || self.port == other.port)
    }

    /// Whether an origin is this host. Its scheme does not count, but for the port that it means.
    pub(super) fn is_origin(&self, origin: &str) -> bool {
        let Some((scheme, host)) = origin.split_once("://") else {
            return false;
        };
        let usual = match Scheme::try_from(scheme) {
            Ok(scheme) if scheme == Scheme::HTTP => 80,
            Ok(scheme) if scheme == Scheme::HTTPS => 443,
            _ => return false,
        };
        let port = |host: &Self| host.port.unwrap_or(usual);
        Self::parse(host).is_some_and(|host| host.name == self.name && port(&host) == port(self))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_has_the_names_of_this_machine() {
        for (text, here) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("127.0.0.1:1", true),
            ("[::1]", true),
            ("[::1]:65535", true),
            ("localhost.", false),
            ("localhost.evil.example", false),
            ("evil.example", false),
            ("127.0.0.1.nip.io", false),
            ("127.1", false),
            ("0.0.0.0", false),
            ("::1", false),
            ("[::ffff:127.0.0.1]", false),
            ("evil@localhost", false),
            ("localhost:", false),
            ("localhost:x", false),
            ("localhost:99999", false),
            ("localhost/", false),
            ("localhost, evil.example", false),
            ("", false),
            (":80", false),
        ] {
            let host = Host::parse(text);
            assert_eq!(
                host.is_some_and(|host| host.is_this_machine()),
                here,
                "{text}"
            );
        }
    }

    #[test]
    fn an_origin_is_the_host_by_name_and_port() {
        for (host, origin, same) in [
            ("a.example", "https://a.example", true),
            ("a.example", "http://A.example", true),
            ("a.example:443", "https://a.example", true),
            ("a.example", "http://a.example:80", true),
            ("a.example:8080", "http://a.example:8080", true),
            ("a.example:8080", "http://a.example", false),
            ("a.example:8080", "http://a.example:8081", false),
            ("a.example:443", "http://a.example", false),
            ("a.example", "https://b.example", false),
            ("a.example", "https://a.example.b.example", false),
            ("a.example", "https://a.example@b.example", false),
            ("a.example", "null", false),
            ("a.example", "a.example", false),
            ("a.example", "ftp://a.example", false),
            ("a.example", "https://a.example/", false),
            ("a.example", "", false),
        ] {
            let host = Host::parse(host).unwrap();
            assert_eq!(host.is_origin(origin), same, "{host:?} {origin}");
        }
    }

    #[test]
    fn every_host_that_a_request_names_counts() {
        let all = |uri: &str, hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, http::HeaderValue::from_static(host));
            }
            let all = Host::all_of(&uri.parse().unwrap(), &headers)?;
            Some(all.len())
        };
        assert_eq!(all("/a", &["localhost"]), Some(1));
        assert_eq!(all("http://localhost/a", &[]), Some(1));
        assert_eq!(all("http://localhost/a", &["b"]), Some(2));
        assert_eq!(all("/a", &[]), None);
        assert_eq!(all("/a", &["a", "a"]), None);
        assert_eq!(all("/a", &["a b"]), None);
    }
}
