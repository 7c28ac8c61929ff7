//! Replaces Sentry on a socket: keeps every byte that arrives, and answers, refuses or hangs as the test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use serde_json::Value;

/// A fake Sentry server.
pub(crate) struct Dsn {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<Vec<u8>>>>,
    answers: Arc<Answers>,
}

/// How many held answers may leave.
#[derive(Default)]
struct Answers {
    allowed: Mutex<usize>,
    changed: Condvar,
}

/// How the fake server answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// It keeps what it reads, and asks not to be sent errors for a minute.
    Limited,
    /// It reads and never answers.
    Never,
    /// It keeps what it reads, and answers 200 when it [may](Dsn::answer).
    Held,
}

// === impl Dsn ===

impl Dsn {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let all = Arc::clone(&taken);
        let answers = Arc::<Answers>::default();
        let allowed = Arc::clone(&answers);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, taken) = (socket.unwrap(), Arc::clone(&all));
                let allowed = Arc::clone(&allowed);
                thread::spawn(move || serve(socket, &taken, answer, &allowed));
            }
        });
        Self {
            address,
            taken,
            answers,
        }
    }

    /// Lets this many held answers leave.
    pub(crate) fn answer(&self, more: usize) {
        *self.answers.allowed.lock().unwrap() += more;
        self.answers.changed.notify_all();
    }

    /// The type of the first item of each envelope, in the order of arrival.
    pub(crate) fn types(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken
            .iter()
            .map(|body| items(body).swap_remove(0).0)
            .collect()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://public@{}/1", self.address)
    }

    /// All bytes of all bodies.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.taken.lock().unwrap().concat()
    }

    /// All items of a type, in the order of arrival.
    pub(crate) fn items(&self, kind: &str) -> Vec<Value> {
        let taken = self.taken.lock().unwrap();
        taken
            .iter()
            .flat_map(|body| items(body))
            .filter(|(found, _)| found == kind)
            .map(|(_, item)| item)
            .collect()
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        self.items("event")
    }

    /// What has arrived since the last call, as items with their types, by envelope.
    pub(crate) fn take(&self) -> Vec<Vec<(String, Value)>> {
        let taken = std::mem::take(&mut *self.taken.lock().unwrap());
        taken.iter().map(|body| items(body)).collect()
    }

    /// The one event that arrived.
    pub(crate) fn event(&self) -> Value {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }
}

fn serve(socket: TcpStream, taken: &Mutex<Vec<Vec<u8>>>, answer: Answer, answers: &Answers) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    let mut socket = socket;
    loop {
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
        reader.read_exact(&mut body).unwrap();
        match answer {
            Answer::Status(status) => {
                if status == 200 {
                    taken.lock().unwrap().push(body);
                }
                send(&mut socket, status, "");
            }
            Answer::Limited => {
                taken.lock().unwrap().push(body);
                let limits = "x-sentry-rate-limits: 60:error:organization\r\n";
                send(&mut socket, 429, limits);
            }
            Answer::Never => thread::park(),
            Answer::Held => {
                taken.lock().unwrap().push(body);
                let allowed = answers.allowed.lock().unwrap();
                let none = |allowed: &mut usize| *allowed == 0;
                *answers.changed.wait_while(allowed, none).unwrap() -= 1;
                send(&mut socket, 200, "");
            }
        }
    }
}

/// Sends an answer as one piece: the client acknowledges a first of several pieces only after 40 ms.
fn send(socket: &mut TcpStream, status: u16, headers: &str) {
    let answer = format!("HTTP/1.1 {status} x\r\n{headers}content-length: 2\r\n\r\n{{}}");
    // The client may be gone.
    let _ = socket.write_all(answer.as_bytes());
}

/// The items of an envelope with their types; an item that is not JSON is a string.
fn items(envelope: &[u8]) -> Vec<(String, Value)> {
    let line = |bytes: &[u8]| {
        bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len())
    };
    let mut rest = &envelope[line(envelope) + 1..];
    let mut items = Vec::new();
    while !rest.is_empty() {
        let end = line(rest);
        let header: Value = serde_json::from_slice(&rest[..end]).unwrap();
        rest = &rest[end + 1..];
        let length = header["length"]
            .as_u64()
            .map_or_else(|| line(rest), |length| length.try_into().unwrap());
        let text = || Value::String(String::from_utf8_lossy(&rest[..length]).into_owned());
        let item = serde_json::from_slice(&rest[..length]).unwrap_or_else(|_| text());
        items.push((header["type"].as_str().unwrap().to_owned(), item));
        rest = rest.get(length + 1..).unwrap_or_default();
    }
    items
}
