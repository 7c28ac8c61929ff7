//! Trusts the certificates that the machine trusts, and those that its operator names.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::Arc,
    thread,
};

use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certificates");

/// A server whose certificate is of a private authority. It answers everything with `200` and `{"status":"healthy"}`.
fn private_server() -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(format!("{CERTIFICATES}/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(format!("{CERTIFICATES}/server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let stream = StreamOwned::new(connection, socket.unwrap());
            thread::spawn(move || answer(stream));
        }
    });
    address
}

/// Answers one request, and ends the connection. A client that does not trust it leaves before.
fn answer(stream: StreamOwned<ServerConnection, std::net::TcpStream>) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    std::io::Read::read_exact(&mut reader, &mut body).unwrap();
    let body = r#"{"status":"healthy"}"#;
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
    let stream = reader.get_mut();
    write!(
        stream,
        "{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
}

#[test]
fn a_private_authority_is_trusted_if_the_operator_names_it() {
    let address = private_server();
    let health = format!("https://{address}/health");
    let dsn = format!("https://public@{address}/1");
    for (named, code) in [(true, 0), (false, 2)] {
        for arguments in [
            &["check", "--url", &health][..],
            &["deploy", "--version", "1.4.2"],
        ] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_vitals-tested"));
            command.args(arguments).env_clear().env("SENTRY_DSN", &dsn);
            if named {
                command.env("SSL_CERT_FILE", format!("{CERTIFICATES}/authority.pem"));
            }
            let output = command.output().unwrap();
            assert_eq!(
                output.status.code(),
                Some(code),
                "{arguments:?}: {output:?}"
            );
        }
    }
}
