//! Asks Redis on one connection, on the thread that asks.
//!
//! It uses the commands and the parser of crate `redis`, and a connection of its own: each question ends in time, whatever the
//! server does, and a late answer never stands for the next one.

use std::{fmt, io::Write as _, time::Duration};

use redis::{
    ConnectionLike, ErrorKind, FromRedisValue, Parser, Pipeline, RedisError, RedisResult, Value,
};
use tokio::time::Instant;

use super::{
    address::{Address, Place},
    link_error::{LinkError, LinkErrorKind},
    look_up::LookUp,
    settings::Checked,
    socket::{Socket, Tls},
};

/// The pause after an attempt to connect that failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How many times as long as until its next byte a whole answer may take.
const WHOLE_ANSWER: u32 = 5;

/// One connection to Redis, made when something is asked.
pub(crate) struct Link {
    address: Address,
    timeout: Duration,
    pause: Duration,
    tls: Tls,
    names: LookUp,
    /// The node to which a cluster sent us.
    moved: Option<Place>,
    open: Option<Open>,
    /// When the last attempt to connect failed, and why.
    failed: Option<(Instant, LinkError)>,
    /// How many connections there were.
    connections: u64,
}

struct Open {
    socket: Socket,
    parser: Parser,
}

/// One question and its answer.
struct Exchange<'a> {
    open: &'a mut Open,
    /// Why the connection cannot be used any more.
    broken: Option<LinkError>,
    moved: Option<String>,
}

// === impl Link ===

impl Link {
    pub(crate) fn new(checked: &Checked) -> Self {
        Self {
            address: checked.address.clone(),
            timeout: checked.timeout,
            pause: PAUSE,
            tls: Tls::default(),
            names: LookUp::default(),
            moved: None,
            open: None,
            failed: None,
            connections: 0,
        }
    }

    /// The pause after an attempt to connect that failed, if it is less than a second. Until it is over, all questions fail at
    /// once.
    #[must_use]
    pub(crate) fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause.min(PAUSE);
        self
    }

    /// How many connections there were. After a new one, nothing is certain of what was written before: another server can have
    /// taken the place of the one that confirmed it.
    pub(crate) const fn connections(&self) -> u64 {
        self.connections
    }

    /// Asks, and follows one redirection of a cluster. All keys of a question must have one hash tag.
    ///
    /// # Errors
    ///
    /// If there is no connection, no answer in time, or if one of the commands failed. Nobody knows then what of the question
    /// was done.
    pub(crate) fn ask<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<T, LinkError> {
        if let Some(answer) = self.ask_once(pipeline)? {
            return Ok(answer);
        }
        self.ask_once(pipeline)?.ok_or_else(|| {
            let text = "the cluster sends from one node to another";
            LinkError::new(LinkErrorKind::Moved, text)
        })
    }

    /// `None` if a cluster sent us elsewhere.
    fn ask_once<T: FromRedisValue>(&mut self, pipeline: &Pipeline) -> Result<Option<T>, LinkError> {
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.socket.is_stale())
        {
            self.open = None;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        open.allow(self.timeout);
        let mut exchange = Exchange::on(&mut open);
        let answer = pipeline.query(&mut exchange);
        let Exchange { broken, moved, .. } = exchange;
        if let Some(error) = broken {
            self.moved = None;
            return Err(error);
        }
        if let Some(place) = moved {
            self.moved = Some(self.place_of(&place));
            return Ok(None);
        }
        let answer = answer.map_err(LinkError::of_answer);
        match &answer {
            Err(error) if error.ends_connection() => self.moved = None,
            _ => self.open = Some(open),
        }
        answer.map(Some)
    }

    fn connect(&mut self) -> Result<Open, LinkError> {
        if let Some((at, error)) = &self.failed
            && at.elapsed() < self.pause
        {
            return Err(error.clone());
        }
        let connected = self.try_to_connect();
        match &connected {
            Ok(_) => {
                self.failed = None;
                self.connections += 1;
            }
            Err(error) => {
                self.moved = None;
                self.failed = Some((Instant::now(), error.clone()));
            }
        }
        connected
    }

    fn try_to_connect(&mut self) -> Result<Open, LinkError> {
        let end = Instant::now() + self.timeout;
        let place = self.moved.as_ref().unwrap_or(&self.address.place);
        let addresses = self.names.addresses(place, end);
        let addresses = addresses.map_err(|error| LinkError::of_io(&error))?;
        let tls = self.address.tls.then_some((&self.tls, &*place.host));
        let socket = Socket::connect(&addresses, tls, end);
        let mut open = Open {
            socket: socket.map_err(|error| LinkError::of_io(&error))?,
            parser: Parser::new(),
        };
        let greeting = self.greeting();
        if !greeting.is_empty() {
            open.allow(end.saturating_duration_since(Instant::now()));
            let mut exchange = Exchange::on(&mut open);
            let answer: RedisResult<Value> = greeting.query(&mut exchange);
            if let Some(error) = exchange.broken {
                return Err(error);
            }
            answer.map_err(|error| {
                let error = LinkError::of_answer(error);
                let kind = match error.kind() {
                    // Older servers have no code for a wrong password.
                    LinkErrorKind::Refused if self.has_password() => LinkErrorKind::NotAllowed,
                    kind => kind,
                };
                // A server that does not know the command repeats what was said, and that is the password.
                LinkError::new(kind, format!("refused at the greeting: {}", error.code()))
            })?;
        }
        Ok(open)
    }

    const fn has_password(&self) -> bool {
        self.address.password.is_some()
    }

    /// What is said first on a connection.
    fn greeting(&self) -> Pipeline {
        let mut greeting = Pipeline::new();
        if let Some(password) = &self.address.password {
            greeting.cmd("AUTH");
            if let Some(user) = &self.address.user {
                greeting.arg(user);
            }
            greeting.arg(password).ignore();
        }
        if self.address.database != 0 {
            greeting.cmd("SELECT").arg(self.address.database).ignore();
        }
        greeting
    }

    /// A place as a cluster names it: `host:port`, without a host for the one that was asked.
    fn place_of(&self, text: &str) -> Place {
        let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
        let asked = self.moved.as_ref().unwrap_or(&self.address.place);
        let host = if host.is_empty() { &asked.host } else { host };
        Place::new(host, port.parse().unwrap_or(asked.port))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("is_open", &self.open.is_some())
            .finish_non_exhaustive()
    }
}

// === impl Open ===

impl Open {
    fn allow(&mut self, timeout: Duration) {
        self.socket.allow(timeout, timeout * WHOLE_ANSWER);
    }
}

// === impl Exchange ===

impl<'a> Exchange<'a> {
    const fn on(open: &'a mut Open) -> Self {
        Self {
            open,
            broken: None,
            moved: None,
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), LinkError> {
        let socket = &mut self.open.socket;
        let sent = socket.write_all(bytes).and_then(|()| socket.flush());
        sent.map_err(|error| LinkError::of_io(&error))
    }

    fn read(&mut self) -> Result<Value, LinkError> {
        let Open { socket, parser } = &mut *self.open;
        let value = parser.parse_value(socket);
        value.map_err(|error| match error.kind() {
            ErrorKind::Io if error.is_timeout() => {
                LinkError::new(LinkErrorKind::TimedOut, "no answer in time")
            }
            ErrorKind::Io => LinkError::new(LinkErrorKind::Unreachable, "the connection broke"),
            _ => LinkError::new(LinkErrorKind::Unreachable, "the answer is not one of Redis"),
        })
    }

    /// All answers: of `offset` commands that are only queued, and of `count` others.
    fn answers(
        &mut self,
        question: &[u8],
        offset: usize,
        count: usize,
    ) -> Result<RedisResult<Vec<Value>>, LinkError> {
        self.send(question)?;
        let (mut answers, mut refused) = (Vec::with_capacity(count), None);
        for index in 0..offset + count {
            let answer = self.read()?;
            if let Value::ServerError(error) = &answer {
                if error.code() == "MOVED" {
                    // The number of the slot stands before the place.
                    let details = error.details().unwrap_or_default();
                    let place = details.split_whitespace().nth(1);
                    self.moved = self.moved.take().or(place.map(str::to_owned));
                }
                if index < offset && refused.is_none() {
                    refused = Some(RedisError::from(error.clone()));
                }
            }
            if index >= offset {
                answers.push(answer);
            }
        }
        Ok(refused.map_or(Ok(answers), Err))
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

#[cfg(test)]
mod tests;
