//! Reads where Redis is. The address holds a password, so it never prints.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The port of Redis.
const PORT: u16 = 6379;

/// The longest address, in bytes.
const LONGEST: usize = 2_048;

/// What an error shows in place of an address.
pub(super) const HIDDEN: &str = "…";

/// Where Redis is, and who asks. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) place: Place,
    /// Whether the connection is encrypted.
    pub(super) tls: bool,
    /// `None` for the user `default`.
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: u32,
}

/// The host and the port of a server.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// A name or an IP address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

// === impl Address ===

impl Address {
    /// Reads an address such as `rediss://user:password@host:6379/2`.
    ///
    /// # Errors
    ///
    /// Gives the reason why nothing can be asked there. It shows nothing of the address.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("an address has at most 2048 bytes");
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        let tls = match scheme.map(str::to_ascii_lowercase).as_deref() {
            Some("redis" | "valkey") => false,
            Some("rediss" | "valkeys") => true,
            _ => return Err("expected an address that begins with redis:// or rediss://"),
        };
        let url = redis::parse_redis_url(text).ok_or("this is no address")?;
        if url.fragment().is_some() {
            return Err("an address has no fragment: a certificate is always checked");
        }
        let host = url.host_str().unwrap_or_default();
        if host.is_empty() {
            return Err("the host is missing");
        }
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number
                .parse()
                .map_err(|_| "expected the number of a database after the host")?,
        };
        let password = url.password().map(decoded).transpose()?;
        Ok(Self {
            place: Place::new(&decoded(host)?, url.port().unwrap_or(PORT)),
            tls,
            user: Some(decoded(url.username())?).filter(|user| !user.is_empty()),
            password: password.filter(|password| !password.is_empty()),
            database,
        })
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

// === impl Place ===

impl Place {
    /// A host, which can stand in brackets, and its port.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let host = host.strip_prefix('[').unwrap_or(host);
        Self {
            host: host.strip_suffix(']').unwrap_or(host).to_owned(),
            port,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A part of an address whose characters can be written as `%40`.
fn decoded(part: &str) -> Result<String, &'static str> {
    let text = percent_decode_str(part).decode_utf8();
    text.map(Into::into)
        .map_err(|_| "a part of the address is no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_redis_has_a_user_a_password_a_database_and_a_port() {
        let plain = Address::parse("redis://cache").unwrap();
        assert_eq!(plain.place.to_string(), "cache:6379");
        assert_eq!((plain.tls, plain.user, plain.database), (false, None, 0));
        assert_eq!(plain.password, None);

        let full = Address::parse("rediss://shop:p%40ss%2Fw%3Ard@[::1]:7000/12?x=y").unwrap();
        assert_eq!(full.place.host, "::1");
        assert_eq!(full.place.to_string(), "[::1]:7000");
        assert_eq!((full.tls, full.database), (true, 12));
        assert_eq!(full.user.as_deref(), Some("shop"));
        assert_eq!(full.password.as_deref(), Some("p@ss/w:rd"));

        let only_a_password = Address::parse("valkey://:secret@10.0.0.1/").unwrap();
        assert_eq!(only_a_password.user, None);
        assert_eq!(only_a_password.password.as_deref(), Some("secret"));
        assert_eq!(Address::parse("REDIS://h").map(|at| at.tls), Ok(false));
        assert_eq!(Address::parse("valkeys://h").map(|at| at.tls), Ok(true));
    }

    #[test]
    fn what_is_no_address_of_redis_is_refused() {
        let long = format!("redis://{}", "h".repeat(LONGEST));
        for text in [
            "",
            "cache:6379",
            "http://cache",
            "unix:///run/redis",
            "redis+unix:///run/redis",
            "redis://",
            "redis://:1234",
            "redis://cache/one",
            "redis://cache/-1",
            "redis://cache/1/2",
            "redis://cache:65536",
            "redis://cache#insecure",
            "rediss://cache#insecure",
            "redis://a:%ff@cache",
            &long,
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_of_redis_never_prints() {
        let address = Address::parse("redis://user:s3cret@cache/3").unwrap();
        assert_eq!(format!("{address:?}"), "…");
    }
}
