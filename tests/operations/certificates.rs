//! Reads the date of a certificate over a socket.

use std::{
    io::Read,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};
use serde_json::Value;
use tower_vitals::{
    Vitals,
    health::{Check, Health, Role, Status},
};

use crate::{exposition::Exposition, nobody::nobody};

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certificates");

/// What `openssl x509 -noout -enddate` says of `server.pem`: Nov  2 08:46:06 2126 GMT.
const EXPIRES: f64 = 4_949_282_766.0;

#[derive(Clone, Copy)]
enum Kind {
    Tls12,
    Tls13,
    /// It refuses a client without a certificate.
    Mutual,
}

/// A server whose certificate nobody trusts. It tells what clients send after the handshake.
fn server(kind: Kind) -> (SocketAddr, std::sync::mpsc::Receiver<Vec<u8>>) {
    let certificate = CertificateDer::from_pem_file(format!("{CERTIFICATES}/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{CERTIFICATES}/server.key")).unwrap();
    let authority = CertificateDer::from_pem_file(format!("{CERTIFICATES}/authority.pem")).unwrap();
    let provider = Arc::new(ring::default_provider());
    let versions = match kind {
        Kind::Tls12 => &[&TLS12][..],
        Kind::Tls13 | Kind::Mutual => &[&TLS13],
    };
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap();
    let config = if matches!(kind, Kind::Mutual) {
        let mut roots = RootCertStore::empty();
        roots.add(authority).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let config = Arc::new(config.with_single_cert(vec![certificate], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sent, sent_here) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            let mut read = Vec::new();
            let _ = stream.read_to_end(&mut read);
            let _ = sent.send(read);
        }
    });
    (address, sent_here)
}

/// The checks once each of them has answered.
async fn answered(checks: impl IntoIterator<Item = Check>) -> Health {
    let mut builder = Health::builder();
    for check in checks {
        builder = builder.check(check);
    }
    let health = builder.start().unwrap();
    while health.reports().iter().any(|check| check.age.is_none()) {
        tokio::task::yield_now().await;
    }
    health
}

#[tokio::test]
async fn the_date_of_a_certificate_that_nobody_trusts_is_read_to_the_second() {
    for kind in [Kind::Tls12, Kind::Tls13, Kind::Mutual] {
        let (address, sent) = server(kind);
        let host = address.to_string();
        let check = || Check::certificate("tls", &host);
        // A second check of one host is no second series.
        let second = Check::certificate_below("again", &host, u16::MAX, 0);
        let health = answered([check(), second]).await;
        let reports = health.reports();
        assert_eq!(reports[0].status, Status::Healthy, "{:?}", reports[0].error);
        assert_eq!(reports[0].role, Role::Optional);
        assert_eq!(reports[1].status, Status::Degraded);
        let vitals = Vitals::builder()
            .isolated()
            .health(health.service())
            .build();
        let scrape = Exposition::of(&vitals.unwrap());
        let name = "tls_certificate_expiry_timestamp_seconds";
        let expiry: Vec<_> = scrape
            .samples
            .iter()
            .filter(|((of, _), _)| of == name)
            .collect();
        let [((_, labels), at)] = expiry[..] else {
            panic!("{expiry:?}")
        };
        assert_eq!((labels["host"].as_str(), *at), (&*host, EXPIRES));
        for _ in 0..2 {
            let sent = sent.recv_timeout(Duration::from_secs(20)).unwrap();
            assert_eq!(sent, b"", "nothing is sent");
        }
    }
}

#[tokio::test]
async fn everybody_may_know_the_days_left() {
    let (address, _sent) = server(Kind::Tls13);
    let host = address.to_string();
    let health = answered([
        Check::certificate("tls", &host),
        Check::certificate_below("soon", &host, u16::MAX, u16::MAX - 1),
    ])
    .await;
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .build()
        .unwrap();
    let request = axum::extract::Request::get("/health")
        .body(axum::body::Body::empty())
        .unwrap();
    let response = tower::ServiceExt::oneshot(vitals.routes::<()>(), request)
        .await
        .unwrap();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let days = ((EXPIRES - now) / 86_400.0).floor();
    for check in ["tls", "soon"] {
        let text = body["checks"][check].as_str().unwrap();
        // A day can end while the test runs.
        let texts = [days, days + 1.0].map(|days| format!("{days} days left"));
        assert!(texts.contains(&text.to_owned()), "{text}");
    }
    assert_eq!(health.reports()[1].status, Status::Unhealthy);
}

#[tokio::test]
async fn a_host_that_does_not_answer_has_failed_and_shows_no_date() {
    let closed = nobody().to_string();
    // It takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = silent.local_addr().unwrap().to_string();
    let health = answered([
        Check::certificate("closed", &closed),
        Check::certificate("hangs", &hangs).timeout(Duration::from_millis(50)),
    ])
    .await;
    for report in health.reports() {
        assert_eq!(report.status, Status::Unhealthy, "{}", report.name);
    }
    let vitals = Vitals::builder()
        .isolated()
        .health(health.service())
        .build();
    let scrape = Exposition::of(&vitals.unwrap());
    let dates = scrape.values("tls_certificate_expiry_timestamp_seconds", "host");
    assert!(dates.is_empty());
}
