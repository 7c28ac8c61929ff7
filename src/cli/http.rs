//! Sends one GET request over plain HTTP.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use tokio::time::Instant;

/// The longest response that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The status and the body of the response. HTTPS is not supported: a probe on the same machine needs no certificate.
pub(super) fn get(url: &str, timeout: Duration) -> Result<(u16, String), String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// is asked: a health check speaks to the service itself")?;
    let (authority, path) = match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => (&rest[..at], rest[at..].to_owned()),
        Some(at) => (&rest[..at], format!("/{}", &rest[at..])),
        None => (rest, "/".into()),
    };
    if authority.contains('@') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err("not an address that can be asked".into());
    }
    let bracketed = authority.ends_with(']');
    let port = !bracketed
        && authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let with_port = if port {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let deadline = Instant::now() + timeout;
    let left = || {
        let left = deadline.saturating_duration_since(Instant::now());
        (!left.is_zero())
            .then_some(left)
            .ok_or_else(|| format!("no answer within {timeout:?}"))
    };
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer within {timeout:?}")
        }
        _ => error.to_string(),
    };
    let mut last = "no such host".to_owned();
    for address in with_port
        .to_socket_addrs()
        .map_err(|error| error.to_string())?
    {
        match TcpStream::connect_timeout(&address, left()?) {
            Ok(socket) => return read(socket, authority, &path, left, explain),
            Err(error) => last = explain(error),
        }
    }
    Err(last)
}

fn read(
    mut socket: TcpStream,
    authority: &str,
    path: &str,
    left: impl Fn() -> Result<Duration, String>,
    explain: impl Fn(io::Error) -> String,
) -> Result<(u16, String), String> {
    socket.set_write_timeout(Some(left()?)).map_err(&explain)?;
    // HTTP/1.0: the response ends with the connection.
    let request = format!(
        "GET {path} HTTP/1.0\r\nhost: {authority}\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).map_err(&explain)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        // A slow response must not outlast the deadline.
        socket.set_read_timeout(Some(left()?)).map_err(&explain)?;
        match socket.read(&mut chunk).map_err(&explain)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
        if answer.len() as u64 > LONGEST {
            return Err("the answer has no end".into());
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("not HTTP")?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    Ok((code.ok_or("not HTTP")?, body.to_owned()))
}
