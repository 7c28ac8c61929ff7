//! Sends requests over a socket, one connection for each.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
};

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

/// Sends a request and reads its response to the end.
pub(crate) fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut text = String::new();
    send(address, path)?.read_to_string(&mut text)?;
    Answer::parse(&text).ok_or_else(|| io::Error::other(text.clone()))
}

/// Sends a request, and returns the connection.
pub(crate) fn send(address: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut connection = TcpStream::connect(address)?;
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"
    )?;
    Ok(connection)
}

/// Leaves without reading on.
pub(crate) fn leave(connection: &TcpStream) -> io::Result<()> {
    connection.shutdown(Shutdown::Both)
}

// === impl Answer ===

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Self {
            status,
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(found, value)| (found == name).then_some(value))
    }
}
