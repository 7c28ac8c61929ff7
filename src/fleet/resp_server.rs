//! A small server for tests, which speaks Redis' protocol and answers what a test says.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use redis::{Parser, Value};

/// What a test answers to a command. `None` ends the connection.
pub(super) type Answers = dyn Fn(&[String]) -> Option<String> + Send + Sync;

/// A server on a free port. Its threads end with the connections.
pub(super) struct RespServer {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

// === impl RespServer ===

impl RespServer {
    pub(super) fn start(
        answers: impl Fn(&[String]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::start_on("127.0.0.1:0", answers)
    }

    pub(super) fn start_on(
        address: &str,
        answers: impl Fn(&[String]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let answers: Arc<Answers> = Arc::new(answers);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let of_server = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, heard) = (Arc::clone(&answers), Arc::clone(&of_server));
                thread::spawn(move || serve(stream, &*answers, &heard));
            }
        });
        Self { address, heard }
    }

    /// All commands so far, with a lower-case name.
    pub(super) fn heard(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answers: &Answers, heard: &Mutex<Vec<Vec<String>>>) {
    let mut parser = Parser::new();
    while let Ok(command) = parser.parse_value(&stream) {
        let command = words(command);
        heard.lock().unwrap().push(command.clone());
        let Some(answer) = answers(&command) else {
            return;
        };
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn words(command: Value) -> Vec<String> {
    let Value::Array(words) = command else {
        panic!("no command: {command:?}");
    };
    let word = |word: Value| match word {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        word => panic!("no word: {word:?}"),
    };
    let mut words: Vec<_> = words.into_iter().map(word).collect();
    words[0].make_ascii_lowercase();
    words
}
