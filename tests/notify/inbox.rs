//! A server on loopback that keeps what it is sent.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use serde_json::Value;

use crate::LONG;

/// Keeps the requests that come.
pub(crate) struct Inbox {
    at: SocketAddr,
    came: Receiver<Request>,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// With names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

// === impl Inbox ===

impl Inbox {
    /// Answers each request with this status and this text.
    pub(crate) fn answering(status: u16, text: impl Into<String>) -> Self {
        Self::with_header(status, "", text)
    }

    /// As [`answering`](Self::answering), with a header such as `location: /\r\n`.
    pub(crate) fn with_header(status: u16, header: &str, text: impl Into<String>) -> Self {
        let (header, text) = (header.to_owned(), text.into());
        Self::start(move |mut socket| {
            let length = text.len();
            let head = format!("HTTP/1.1 {status} x\r\n{header}content-length: {length}");
            let answer = format!("{head}\r\nconnection: close\r\n\r\n{text}");
            // The client may be gone.
            let _ = socket.write_all(answer.as_bytes());
        })
    }

    /// Answers nobody, and closes no connection.
    pub(crate) fn hanging() -> Self {
        Self::start(|_socket| thread::park())
    }

    fn start(answer: impl Fn(TcpStream) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (comes, came) = mpsc::channel();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (comes, answer) = (comes.clone(), answer.clone());
                thread::spawn(move || take(socket.unwrap(), &comes, answer));
            }
        });
        Self { at, came }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.at
    }

    pub(crate) fn next(&self) -> Request {
        self.came.recv_timeout(LONG).unwrap()
    }

    /// What came until now and was not asked for.
    pub(crate) fn rest(&self) -> Vec<Request> {
        self.came.try_iter().collect()
    }
}

// === impl Request ===

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The content type without its parameters.
    pub(crate) fn content_type(&self) -> &str {
        let content_type = &self.headers["content-type"];
        content_type.split(';').next().unwrap().trim()
    }

    /// What tells a server how to read it.
    pub(crate) fn kind(&self) -> [&str; 3] {
        [&self.method, &self.path, self.content_type()]
    }
}

/// Reads one request whose body has a declared length. What does not come whole is not kept.
fn take(socket: TcpStream, comes: &Sender<Request>, answer: impl Fn(TcpStream)) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line == "\r\n" {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let headers = head[1..].iter().map(|line| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    });
    let headers: BTreeMap<_, _> = headers.collect();
    let length = headers.get("content-length");
    let length = length.map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let mut first = head[0].split(' ').map(str::to_owned);
    let request = Request {
        method: first.next().unwrap(),
        path: first.next().unwrap(),
        headers,
        body: String::from_utf8(body).unwrap(),
    };
    // The test can have ended.
    let _ = comes.send(request);
    answer(socket);
}
