//! A server for tests that has a Redis in memory, and breaks when a test says so.

use std::{
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use redis::{FromRedisValue, Parser, Value};

use super::fake::FakeRedis;
use crate::timestamp;

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Behaviour {
    #[default]
    Works,
    /// It takes questions, and gives no answer.
    Hangs,
    /// It closes each connection.
    Closes,
    /// It answers each command with this error.
    Says(&'static str),
}

/// A server on a free port. Its threads end with the connections.
pub(crate) struct FakeServer {
    pub(super) address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    redis: FakeRedis,
    behaviour: Behaviour,
    /// How far the clock of this server runs ahead, in milliseconds.
    ahead: u64,
}

// === impl FakeServer ===

impl FakeServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let of_server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&of_server);
                thread::spawn(move || _ = serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    pub(super) fn behaves(&self, behaviour: Behaviour) {
        self.shared().behaviour = behaviour;
    }

    pub(super) fn runs_ahead(&self, millis: u64) {
        self.shared().ahead = millis;
    }

    /// Looks at, or changes, what is kept.
    pub(super) fn redis<T>(&self, look: impl FnOnce(&mut FakeRedis) -> T) -> T {
        look(&mut self.shared().redis)
    }
}

fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) -> io::Result<()> {
    let mut parser = Parser::new();
    let mut queued: Option<Vec<Vec<Vec<u8>>>> = None;
    while let Ok(Value::Array(words)) = parser.parse_value(&stream) {
        let word = |value: Value| Vec::<u8>::from_redis_value(value).unwrap();
        let command: Vec<_> = words.into_iter().map(word).collect();
        let mut shared = shared.lock().unwrap();
        let now = timestamp::since_1970().as_millis() as u64;
        shared.redis.now = now + shared.ahead;
        let mut answer = Vec::new();
        match (shared.behaviour, &*command[0]) {
            (Behaviour::Hangs, _) => continue,
            (Behaviour::Closes, _) => return Ok(()),
            (Behaviour::Says(error), _) => {
                queued = None;
                write!(answer, "-{error}\r\n")?;
            }
            (Behaviour::Works, b"MULTI") => {
                queued = Some(Vec::new());
                write!(answer, "+OK\r\n")?;
            }
            (Behaviour::Works, b"EXEC") => {
                let commands = queued.take().unwrap_or_default();
                let answers = commands.iter().map(|command| shared.redis.run(command));
                encode(&mut answer, &Value::Array(answers.collect()))?;
            }
            (Behaviour::Works, _) => match &mut queued {
                Some(queued) => {
                    queued.push(command);
                    write!(answer, "+QUEUED\r\n")?;
                }
                None => encode(&mut answer, &shared.redis.run(&command))?,
            },
        }
        drop(shared);
        stream.write_all(&answer)?;
    }
    Ok(())
}

fn encode(bytes: &mut Vec<u8>, value: &Value) -> io::Result<()> {
    match value {
        Value::Nil => write!(bytes, "$-1\r\n"),
        Value::Okay => write!(bytes, "+OK\r\n"),
        Value::Int(number) => write!(bytes, ":{number}\r\n"),
        Value::Array(values) => {
            write!(bytes, "*{}\r\n", values.len())?;
            values.iter().try_for_each(|value| encode(bytes, value))
        }
        Value::BulkString(text) => {
            write!(bytes, "${}\r\n", text.len())?;
            bytes.write_all(text)?;
            write!(bytes, "\r\n")
        }
        other => panic!("no answer of a test: {other:?}"),
    }
}
