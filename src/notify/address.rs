//! Decides to which addresses notifications may be sent. An address is a secret: it can hold a token.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use http::{
    Uri,
    uri::{PathAndQuery, Scheme},
};

use crate::config::ConfigError;

/// The longest address, in bytes.
const LONGEST: usize = 2_048;

/// What an error shows in place of an address.
pub(super) const HIDDEN: &str = "…";

/// The shortest part of an address that is taken out of a text.
const SHORTEST_SECRET: usize = 4;

/// Where clouds answer questions about a machine and its keys, besides the link-local addresses.
const METADATA: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

/// The same in IPv6.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// An address to which a notification may be sent: `https` anywhere, or `http` within this machine. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address(Uri);

// === impl Address ===

impl Address {
    /// Reads the address that the setting `field` has.
    ///
    /// # Errors
    ///
    /// If nothing may be sent there. The error names the field and the reason, and does not show the address.
    pub(super) fn parse(field: &str, text: &str) -> Result<Self, ConfigError> {
        read(text).map_err(|reason| ConfigError::new(field, HIDDEN, reason))
    }

    /// The address of a path below this one, which is a base: `/v2/enqueue` below `https://example.com/proxy/`.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse), and if this address has a query.
    pub(super) fn below(&self, field: &str, path: &str) -> Result<Self, ConfigError> {
        if self.0.query().is_some() {
            return Err(ConfigError::new(field, HIDDEN, "a base has no query"));
        }
        let base = self.0.to_string();
        let (base, path) = (base.trim_end_matches('/'), path.trim_start_matches('/'));
        Self::parse(field, &format!("{base}/{path}"))
    }

    /// For the request, and for nothing that prints.
    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether anything may be sent to this IP address, which the host of this address has: a name is known only once it is looked up.
    pub(super) fn allows(&self, ip: IpAddr) -> bool {
        let ip = match ip {
            // Networks without IPv4 reach such addresses by IPv6.
            IpAddr::V6(ip) => ip
                .to_ipv4_mapped()
                .or_else(|| translated(ip))
                .map_or(IpAddr::V6(ip), IpAddr::V4),
            ip => ip,
        };
        let is_https = self.0.scheme() == Some(&Scheme::HTTPS);
        match ip {
            _ if !is_https => ip.is_loopback(),
            IpAddr::V4(ip) => !is_refused(ip),
            IpAddr::V6(ip) => !is_refused_v6(ip),
        }
    }

    /// The text without the host, the path, the query, and their parts.
    pub(super) fn hide_in(&self, text: &str) -> String {
        let whole = self.0.path_and_query().map_or("", PathAndQuery::as_str);
        let parts = whole.split(|c: char| !c.is_ascii_alphanumeric());
        let host = self.0.host().unwrap_or_default();
        let mut secrets: Vec<_> = parts.chain(whole.split(['/', '?', '&', '='])).collect();
        secrets.extend([host, host.trim_matches(['[', ']']), whole]);
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        // The longest first, so that none is left in part.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let hide = |text: String, secret: &&str| text.replace(secret, HIDDEN);
        secrets.iter().fold(text.to_owned(), hide)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

fn read(text: &str) -> Result<Address, &'static str> {
    if text.len() > LONGEST {
        return Err("an address has at most 2048 bytes");
    }
    if text.bytes().any(|byte| !matches!(byte, b'!'..=b'~')) {
        return Err("an address has no spaces, and only ASCII characters");
    }
    if text.contains(['#', '\\']) {
        return Err("an address has no fragment and no backslash");
    }
    let uri: Uri = text.parse().map_err(|_| "this is no address")?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("an address begins with https:// and a host");
    };
    let is_https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err("an address begins with https://"),
    };
    let authority = authority.as_str().to_ascii_lowercase();
    if authority.contains('@') {
        return Err("an address has no user and no password");
    }
    let (host, port) = split(&authority)?;
    if port.is_some_and(|port| port.parse::<u16>().unwrap_or(0) == 0) {
        return Err("a port is a number from 1 to 65535");
    }
    let is_local = is_local(host)?;
    if !is_https && !is_local {
        return Err("http:// is only for localhost and the loopback addresses, use https://");
    }
    // Written anew: a client compares the scheme in lower case.
    let scheme = if is_https { "https" } else { "http" };
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let uri = Uri::builder().scheme(scheme).authority(authority.as_str());
    let uri = uri.path_and_query(path).build();
    uri.map(Address).map_err(|_| "this is no address")
}

/// The host, an IPv6 address with its brackets, and the port.
fn split(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').ok_or("this is no IPv6 address")? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        _ => Err("a port is a number from 1 to 65535"),
    }
}

/// Whether the host is this machine.
fn is_local(host: &str) -> Result<bool, &'static str> {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(address) => {
            let address: Ipv6Addr = address.parse().map_err(|_| "this is no IPv6 address")?;
            IpAddr::V6(address)
        }
        None => match host.parse::<Ipv4Addr>() {
            Ok(address) => IpAddr::V4(address),
            Err(_) => return named(host),
        },
    };
    let refused = match address {
        IpAddr::V4(address) => is_refused(address),
        IpAddr::V6(address) => is_refused_v6(address),
    };
    match refused {
        true => Err("nothing is sent to this kind of IP address"),
        false => Ok(address.is_loopback()),
    }
}

/// As [`is_local`], of a name.
fn named(host: &str) -> Result<bool, &'static str> {
    let name = host.strip_suffix('.').unwrap_or(host);
    let labels = || name.split('.');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(allowed);
    if name.len() > 253 || !labels().all(is_label) {
        return Err("this is no name of a host");
    }
    // The resolver of the system takes 0x7f.1, 0177.0.0.1, 127.1 and 2130706433 for IP addresses.
    let is_number = |label: &str| {
        let hex = label.strip_prefix("0x");
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if labels().next_back().is_some_and(is_number) {
        return Err("an IPv4 address is four decimal numbers from 0 to 255, without leading zeros");
    }
    if matches!(name, "metadata.google.internal" | "metadata.goog") {
        return Err("nothing is sent to a metadata service");
    }
    Ok(name == "localhost")
}

fn is_refused(address: Ipv4Addr) -> bool {
    address.octets()[0] == 0
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || METADATA.contains(&address)
}

fn is_refused_v6(address: Ipv6Addr) -> bool {
    // ::ffff:0:0/96, 64:ff9b::/96 and ::/96 hold an IPv4 address, which can be written as one.
    let holds_v4 = matches!(
        address.segments(),
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0, ..]
    );
    !address.is_loopback()
        && (holds_v4
            || address.is_unicast_link_local()
            || address.is_multicast()
            || address == METADATA_V6)
}

/// The IPv4 address for which a network translates, by 64:ff9b::/96.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, ..] = address.segments() else {
        return None;
    };
    let [.., a, b, c, d] = address.octets();
    Some(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_where_an_ip_address_may_not() {
        let allows = |address: &str, ip: &str| {
            let address = Address::parse("hook", address).unwrap();
            address.allows(ip.parse().unwrap())
        };
        for (ip, https, http) in [
            ("127.0.0.1", true, true),
            ("::1", true, true),
            ("203.0.113.7", true, false),
            ("10.0.0.7", true, false),
            ("2001:db8::7", true, false),
            ("64:ff9b::cb00:7107", true, false),
            ("::ffff:203.0.113.7", true, false),
            ("169.254.169.254", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("64:ff9b::a9fe:a9fe", false, false),
            ("fe80::1", false, false),
            ("fd00:ec2::254", false, false),
            ("100.100.100.200", false, false),
            ("0.0.0.0", false, false),
            ("::", false, false),
        ] {
            assert_eq!(allows("https://hooks.example.com/a", ip), https, "{ip}");
            assert_eq!(allows("http://localhost/a", ip), http, "{ip}");
        }
    }

    fn parse(text: &str) -> Result<Address, ConfigError> {
        Address::parse("SLACK_WEBHOOK_URL", text)
    }

    #[test]
    fn https_goes_anywhere_and_http_stays_on_this_machine() {
        for allowed in [
            "https://hooks.slack.com/services/T000/B000/XXXX",
            "https://hooks.slack.com:8443/services?a=b",
            "https://hooks.slack.com./services",
            "https://alertmanager",
            "https://under_score.example.com",
            "https://10.1.2.3:9093/api/v2/alerts",
            "https://[2001:db8::1]:9093/",
            "https://127.0.0.1/",
            "https://1.example.com/",
            "https://example.1com/",
            "http://localhost:8080/hook",
            "http://LOCALHOST./hook",
            "http://127.0.0.1:9093",
            "http://127.255.255.254/",
            "http://[::1]:9093/api",
        ] {
            assert!(parse(allowed).is_ok(), "{allowed}");
        }
        for refused in [
            "http://hooks.slack.com/services",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://[2001:db8::1]/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn an_address_that_can_mislead_is_refused() {
        for refused in [
            "",
            "/path",
            "hooks.slack.com",
            "hooks.slack.com/services",
            "//hooks.slack.com/",
            "https:///path",
            "https://",
            "file:///etc/passwd",
            "ftp://example.com/",
            "gopher://127.0.0.1:25/",
            "unix:/run/socket",
            "data:text/plain,a",
            "https://user@example.com/",
            "https://user:secret@example.com/",
            "https://@example.com/",
            "https://example.com:0/",
            "https://example.com:00000/",
            "https://example.com:65536/",
            "https://example.com:/",
            "https://example.com:-1/",
            "https://example.com:80:80/",
            "http://localhost@evil.example.com/",
            "http://localhost:80@evil.example.com/",
            "http://localhost#@evil.example.com/",
            "http://localhost\\@evil.example.com/",
            "https://example.com/#fragment",
            "https://example.com/a b",
            " https://example.com/",
            "https://example.com/\n",
            "https://ex\u{e4}mple.com/",
            "https://exa%6dple.com/",
            "https://.example.com/",
            "https://example..com/",
            "https://*.example.com/",
        ] {
            assert!(parse(refused).is_err(), "{refused:?}");
        }
        let user = parse("https://user:secret@example.com/").unwrap_err();
        assert_eq!(user.reason(), "an address has no user and no password");
        let long = format!("https://example.com/{}", "a".repeat(2_048));
        assert!(parse(&long).is_err());
        let long = format!("https://{}.example.com/", "a".repeat(64));
        assert!(parse(&long).is_err());
    }

    #[test]
    fn an_ip_address_has_one_way_to_be_written_and_must_not_be_special() {
        for host in [
            // In other forms of 127.0.0.1 and 169.254.169.254.
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0x7F.1",
            "0177.0.0.1",
            "127.1",
            "127.0.0.01",
            "127.0.0.1.",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
            "1.2.3.4.5",
            "256.1.1.1",
            "0x",
            // Not of one host, or not for everybody.
            "0.0.0.0",
            "0.1.2.3",
            "255.255.255.255",
            "224.0.0.1",
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "metadata.google.internal",
            "METADATA.GOOGLE.INTERNAL.",
            "[::]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[febf::1]",
            "[ff02::1]",
            "[fd00:ec2::254]",
            "[::ffff:127.0.0.1]",
            "[::ffff:169.254.169.254]",
            "[0:0:0:0:0:ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::169.254.169.254]",
            "[::1",
            "[127.0.0.1]",
            "::1",
        ] {
            for scheme in ["http", "https"] {
                let address = format!("{scheme}://{host}/");
                assert!(parse(&address).is_err(), "{address}");
            }
        }
    }

    #[test]
    fn the_scheme_and_the_host_are_kept_in_lower_case_and_the_path_as_it_is() {
        let address = parse("HTTPS://Hooks.Slack.COM:443/Services/Ab?C=D").unwrap();
        let kept = "https://hooks.slack.com:443/Services/Ab?C=D";
        assert_eq!(address.uri().to_string(), kept);
        assert_eq!(address.uri().scheme(), Some(&Scheme::HTTPS));
    }

    #[test]
    fn neither_an_error_nor_debug_shows_the_address() {
        for refused in [
            "http://sentinel.example.com/sentinel",
            "https://sentinel:sentinel@example.com/",
            "https://example.com:0/sentinel",
            "sentinel",
            "https://169.254.1.1/sentinel",
            "https://example.com/sentinel\n",
        ] {
            let error = parse(refused).unwrap_err();
            assert_eq!(error.field(), "SLACK_WEBHOOK_URL");
            let shown = format!("{error} {error:?} {}", error.value());
            assert!(!shown.contains("sentinel"), "{shown}");
        }
        let address = parse("https://sentinel.example.com/sentinel").unwrap();
        assert_eq!(format!("{address:?} {address:#?}"), "… …");
    }

    #[test]
    fn a_text_loses_every_part_of_the_address() {
        let address = parse("https://hooks.example.com/services/T0K-en_1/abc?key=s3cr3t").unwrap();
        for (text, hidden) in [
            ("no name hooks.example.com", "no name …"),
            ("POST /services/T0K-en_1/abc?key=s3cr3t", "POST …"),
            ("T0K-en_1 and s3cr3t", "… and …"),
            ("cannot find abc", "cannot find abc"),
        ] {
            assert_eq!(address.hide_in(text), hidden);
        }
        let address = parse("http://[::1]:80/").unwrap();
        assert_eq!(address.hide_in("nothing to hide"), "nothing to hide");
    }

    #[test]
    fn a_path_goes_below_a_base() {
        let below = |base: &str| {
            let address = parse(base)?.below("PAGERDUTY_URL", "/v2/enqueue")?;
            Ok::<_, ConfigError>(address.uri().to_string())
        };
        for base in ["https://example.com", "https://example.com/"] {
            let joined = below(base).unwrap();
            assert_eq!(joined, "https://example.com/v2/enqueue");
        }
        let joined = below("http://127.0.0.1:9/proxy/").unwrap();
        assert_eq!(joined, "http://127.0.0.1:9/proxy/v2/enqueue");
        assert!(below("https://example.com/?a=sentinel").is_err());
    }
}
