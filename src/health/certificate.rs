//! Checks how long the certificate of a host is still valid.

use std::{
    future::poll_fn,
    net::Ipv6Addr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::{io::AsyncWrite, net::TcpStream};
use tokio_rustls::TlsConnector;

use super::{
    Answer, Check, Role,
    check::BoxError,
    expiry::{DAY, Expiry, left, text},
    ready_made::without_secrets,
    remembered::Remembered,
};
use crate::look_up::LookUp;

/// The days left below which a certificate is degraded.
const DEGRADED: u16 = 30;

/// The days left below which it has failed.
const FAILED: u16 = 7;

/// A certificate lives for weeks, so there is no hurry. A host that was away is asked again before long.
const INTERVAL: Duration = Duration::from_secs(600);

/// A handshake takes several ways to and fro.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    name: ServerName<'static>,
}

/// Notes what a question found, also when it ends without an answer.
struct Found(Arc<Remembered>, Option<i64>);

/// Keeps the certificate of the server, and trusts any. The connection carries nothing.
#[derive(Debug)]
struct Looks {
    provider: Arc<CryptoProvider>,
    certificate: Mutex<Option<CertificateDer<'static>>>,
}

// === impl Check ===

impl Check {
    /// How long the certificate of a host is still valid: `example.org`, `example.org:8443` or `[::1]:443`. Without a port it is
    /// 443. It is degraded if less than 30 days are left, and has failed below 7, when it has expired, and when the host does not
    /// answer.
    ///
    /// It opens a TLS connection with the name of the host (SNI), reads the date of the certificate, and closes it. It sends
    /// nothing, and trusts any certificate: one that has expired or that nobody signed has a date, too. So it does not tell whether
    /// clients trust the host.
    ///
    /// Responses show the days left to everybody, as `12 days left`. The gauge `tls_certificate_expiry_timestamp_seconds{host}` has
    /// the last date that was seen, also while the host does not answer, with the address as it is given here. If several checks
    /// ask one host, it has the first of their dates.
    ///
    /// It is [optional](Role::Optional), since no service is helped if it takes no more requests. It asks every 10 minutes, and an
    /// answer takes at most 5 s. [`role`](Self::role), [`interval`](Self::interval) and [`timeout`](Self::timeout) change it.
    ///
    /// [`HealthBuilder::start`](super::HealthBuilder::start) refuses an address that is not valid as `health.{name}.host`.
    ///
    /// ```
    /// use tower_vitals::health::Check;
    ///
    /// let certificate = Check::certificate("certificate", "example.org");
    /// ```
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "certificates")))]
    #[must_use]
    pub fn certificate(name: &str, host: &str) -> Self {
        Self::certificate_below(name, host, DEGRADED, FAILED)
    }

    /// As [`certificate`](Self::certificate), with other limits: the days left below which it is `degraded` and has `failed`. One
    /// that has expired has always failed.
    ///
    /// [`HealthBuilder::start`](super::HealthBuilder::start) refuses a `failed` that is not below `degraded` as
    /// `health.{name}.failed`.
    #[cfg_attr(tower_vitals_docsrs, doc(cfg(feature = "certificates")))]
    #[must_use]
    pub fn certificate_below(name: &str, host: &str, degraded: u16, failed: u16) -> Self {
        if failed >= degraded {
            let reason = "must be below the number of days at which it is degraded";
            return Self::refused(name, "failed", failed.to_string(), reason);
        }
        let Some(target) = Target::parse(host) else {
            let reason = "expected the name or the address of a host, and a port if it is not 443";
            return Self::refused(name, "host", without_secrets(host), reason);
        };
        let remembered = Remembered::of_host(Expiry::of(host));
        let names = Arc::new(LookUp::default());
        Self::remembering(name, remembered, move |remembered, _| {
            let (target, names) = (target.clone(), Arc::clone(&names));
            async move {
                let mut found = Found(remembered, None);
                let at = target.expires_at(&names).await?;
                found.1 = Some(at);
                judge(left(at), degraded, failed)
            }
        })
        .healthy_label("valid")
        .role(Role::Optional)
        .interval(INTERVAL)
        .timeout(TIMEOUT)
    }
}

fn judge(left: i64, degraded: u16, failed: u16) -> Result<Answer, BoxError> {
    let below = |days: u16| left < i64::from(days) * DAY;
    if left <= 0 || below(failed) {
        Err(text(left).into())
    } else if below(degraded) {
        Ok(Answer::Degraded(text(left)))
    } else {
        Ok(Answer::Healthy)
    }
}

// === impl Target ===

impl Target {
    fn parse(address: &str) -> Option<Self> {
        let (host, port) = match address.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                host.parse::<Ipv6Addr>().ok()?;
                (host, (!rest.is_empty()).then(|| rest.strip_prefix(':')))
            }
            None if address.parse::<Ipv6Addr>().is_ok() => (address, None),
            None => match address.split_once(':') {
                Some((host, port)) => (host, Some(Some(port))),
                None => (address, None),
            },
        };
        let port = match port {
            Some(port) => port?.parse().ok().filter(|port| *port > 0)?,
            None => 443,
        };
        let host = host.to_owned();
        let name = ServerName::try_from(host.clone()).ok()?;
        Some(Self { host, port, name })
    }

    /// When the certificate of the host expires, in seconds since 1970.
    async fn expires_at(&self, names: &LookUp) -> Result<i64, BoxError> {
        let looks = Arc::new(Looks {
            provider: Arc::new(ring::default_provider()),
            certificate: Mutex::default(),
        });
        // A new one each time: a session that goes on shows no certificate.
        let config = ClientConfig::builder_with_provider(Arc::clone(&looks.provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Looks>::clone(&looks))
            .with_no_client_auth();
        let addresses = names.host(&self.host, self.port).await?;
        let socket = TcpStream::connect(&*addresses).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let connected = connector.connect(self.name.clone(), socket).await;
        let certificate = looks.certificate.lock();
        let certificate = certificate.unwrap_or_else(PoisonError::into_inner).take();
        // A server that wants a certificate of its client has shown its own before.
        let Some(certificate) = certificate else {
            connected?;
            return Err("the host has shown no certificate".into());
        };
        if let Ok(mut stream) = connected {
            // Says goodbye. Whether it arrives is no matter.
            let _ = poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx)).await;
        }
        let (_, certificate) = x509_parser::parse_x509_certificate(&certificate)?;
        Ok(certificate.validity().not_after.timestamp())
    }
}

// === impl Found ===

impl Drop for Found {
    fn drop(&mut self) {
        if let Some(expiry) = &self.0.expiry {
            expiry.note(self.1);
        }
    }
}

// === impl Looks ===

impl ServerCertVerifier for Looks {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut kept = self
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(certificate.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Health;

    #[test]
    fn a_certificate_is_judged_by_the_days_left_to_the_second() {
        let said = |left, degraded, failed| match judge(left, degraded, failed) {
            Ok(Answer::Healthy) => "fine".to_owned(),
            Ok(Answer::Degraded(text)) => format!("degraded: {text}"),
            Err(error) => format!("failed: {error}"),
        };
        for (left, expected) in [
            (100 * DAY, "fine"),
            (30 * DAY, "fine"),
            (30 * DAY - 1, "degraded: 29 days left"),
            (7 * DAY, "degraded: 7 days left"),
            (7 * DAY - 1, "failed: 6 days left"),
            (1, "failed: less than a day left"),
            (0, "failed: expired"),
            (-1_000 * DAY, "failed: expired"),
        ] {
            assert_eq!(said(left, DEGRADED, FAILED), expected, "{left}");
        }
        assert_eq!(said(0, 1, 0), "failed: expired");
        assert_eq!(said(1, 1, 0), "degraded: less than a day left");
    }

    #[test]
    fn an_address_is_a_host_with_or_without_a_port() {
        let parsed = |address| Target::parse(address).map(|target| (target.host, target.port));
        for (address, host, port) in [
            ("example.org", "example.org", 443),
            ("example.org:8443", "example.org", 8443),
            ("127.0.0.1", "127.0.0.1", 443),
            ("[::1]:8443", "::1", 8443),
            ("[::1]", "::1", 443),
            ("::1", "::1", 443),
        ] {
            assert_eq!(parsed(address), Some((host.to_owned(), port)), "{address}");
        }
        for address in [
            "",
            ":443",
            "example.org:",
            "example.org:0",
            "example.org:65536",
            "example.org:443:1",
            "https://example.org",
            "example.org/shop",
            "[example.org]:443",
            "[::1]443",
            "[::1",
            "a b",
        ] {
            assert_eq!(parsed(address), None, "{address}");
        }
    }

    #[test]
    fn an_address_and_limits_that_cannot_be_fail_at_start() {
        for (host, failed, field, value) in [
            ("https://example.org", 7, "host", "https://example.org"),
            ("user:key@example.org", 7, "host", "…@example.org"),
            ("example.org", 30, "failed", "30"),
        ] {
            let check = Check::certificate_below("tls", host, 30, failed);
            let error = Health::builder().check(check).start().unwrap_err();
            let field = format!("health.tls.{field}");
            assert_eq!((error.field(), error.value()), (&*field, value));
        }
    }
}
