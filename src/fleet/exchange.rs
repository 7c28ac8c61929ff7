//! Sends a question over an open connection, and reads its answer.

use std::io::Write as _;

use redis::{ConnectionLike, ErrorKind, Parser, RedisError, RedisResult, ServerError, Value};

use super::{
    link_error::{LinkError, LinkErrorKind},
    parts::{Part, parts},
    socket::Socket,
};

/// How many times as long as until its next byte a whole answer may take.
const WHOLE_ANSWER: u32 = 5;

/// What is said before a part of a question to the node that is only about to own a slot.
const ASKING: &[u8] = b"*1\r\n$6\r\nASKING\r\n";

/// An open connection.
pub(super) struct Open {
    socket: Socket,
    parser: Parser,
}

/// Connects to another node of a cluster.
type Elsewhere<'a> = dyn FnMut(&str) -> Result<Open, LinkError> + 'a;

/// One question and its answer.
pub(super) struct Exchange<'a> {
    open: &'a mut Open,
    elsewhere: Option<&'a mut Elsewhere<'a>>,
    /// Why the connection cannot be used any more.
    pub(super) broken: Option<LinkError>,
    /// Where a cluster sent us.
    pub(super) moved: Option<String>,
}

// === impl Open ===

impl Open {
    pub(super) fn on(socket: Socket) -> Self {
        Self {
            socket,
            parser: Parser::new(),
        }
    }

    pub(super) fn allow(&mut self, timeout: std::time::Duration) {
        self.socket.allow(timeout, timeout * WHOLE_ANSWER);
    }

    pub(super) fn is_stale(&self) -> bool {
        self.socket.is_stale()
    }

    /// Sends commands, and reads so many answers.
    fn ask(&mut self, commands: &[u8], count: usize) -> Result<Vec<Value>, LinkError> {
        let socket = &mut self.socket;
        let sent = socket.write_all(commands).and_then(|()| socket.flush());
        sent.map_err(|error| LinkError::of_io(&error))?;
        (0..count).map(|_| self.read()).collect()
    }

    fn read(&mut self) -> Result<Value, LinkError> {
        let value = self.parser.parse_value(&mut self.socket);
        value.map_err(|error| match error.kind() {
            ErrorKind::Io if error.is_timeout() => {
                LinkError::new(LinkErrorKind::TimedOut, "no answer in time")
            }
            ErrorKind::Io => LinkError::new(LinkErrorKind::Unreachable, "the connection broke"),
            _ => LinkError::new(LinkErrorKind::Unreachable, "the answer is not one of Redis"),
        })
    }
}

// === impl Exchange ===

impl<'a> Exchange<'a> {
    pub(super) const fn on(open: &'a mut Open) -> Self {
        Self {
            open,
            elsewhere: None,
            broken: None,
            moved: None,
        }
    }

    /// Asks another node once for each command whose keys are on their way there.
    pub(super) fn following(mut self, elsewhere: &'a mut Elsewhere<'a>) -> Self {
        self.elsewhere = Some(elsewhere);
        self
    }

    /// All answers: of `offset` commands that are only queued, and of `count` others.
    fn answers(
        &mut self,
        question: &[u8],
        offset: usize,
        count: usize,
    ) -> Result<RedisResult<Vec<Value>>, LinkError> {
        let mut all = self.open.ask(question, offset + count)?;
        self.follow(question, &mut all)?;
        self.moved = all.iter().find_map(|answer| place(answer, "MOVED"));
        let answers = all.split_off(offset);
        let mut refused = all.iter().filter_map(server_error);
        let refused = refused.next().map(|error| RedisError::from(error.clone()));
        Ok(refused.map_or(Ok(answers), Err))
    }

    /// Puts the answers of the node to which keys are on their way in the places of those that said so.
    fn follow(&mut self, question: &[u8], all: &mut [Value]) -> Result<(), LinkError> {
        let found = all.iter().find_map(|answer| place(answer, "ASK"));
        let Some((place, elsewhere)) = found.zip(self.elsewhere.as_mut()) else {
            return Ok(());
        };
        let is_sent_on = |part: &Part| {
            let answers = all.get(part.commands.clone()).unwrap_or_default();
            answers
                .iter()
                .any(|answer| self::place(answer, "ASK").is_some())
        };
        let parts: Vec<_> = parts(question).into_iter().filter(is_sent_on).collect();
        let mut bytes = Vec::new();
        for part in &parts {
            bytes.extend(ASKING);
            bytes.extend(question.get(part.bytes.clone()).unwrap_or_default());
        }
        let count = parts.iter().map(|part| part.commands.len() + 1).sum();
        let mut answers = elsewhere(&place)?.ask(&bytes, count)?.into_iter();
        for part in parts {
            // The one to `ASKING` itself.
            let _ = answers.next();
            let places = all.get_mut(part.commands).unwrap_or_default();
            for (place, answer) in places.iter_mut().zip(answers.by_ref()) {
                *place = answer;
            }
        }
        Ok(())
    }
}

impl ConnectionLike for Exchange<'_> {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        let mut answers = self.req_packed_commands(command, 0, 1)?;
        Ok(answers.pop().unwrap_or(Value::Nil))
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        match self.answers(commands, offset, count) {
            Ok(answers) => answers,
            Err(error) => {
                self.broken = Some(error);
                Err(RedisError::from((ErrorKind::Io, "the connection broke")))
            }
        }
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        self.broken.is_none()
    }

    fn is_open(&self) -> bool {
        self.broken.is_none()
    }
}

const fn server_error(answer: &Value) -> Option<&ServerError> {
    match answer {
        Value::ServerError(error) => Some(error),
        _ => None,
    }
}

/// The place to which an answer with this code sends us.
fn place(answer: &Value, code: &str) -> Option<String> {
    let error = server_error(answer).filter(|error| error.code() == code)?;
    // The number of the slot stands before the place.
    let place = error.details()?.split_whitespace().nth(1)?;
    Some(place.to_owned())
}
