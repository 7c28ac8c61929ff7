//! Asks Redis on one connection, on the thread that asks.
//!
//! It uses the commands and the parser of crate `redis`, and a connection of its own: each question ends in time, whatever the
//! server does, and a late answer never stands for the next one.

use std::{fmt, time::Duration};

use redis::{FromRedisValue, Pipeline, RedisResult, Value};
use tokio::time::Instant;

use super::{
    address::{Address, Place},
    exchange::{Exchange, Open},
    link_error::{LinkError, LinkErrorKind},
    look_up::LookUp,
    settings::Checked,
    socket::{Socket, Tls},
};

/// The pause after an attempt to connect that failed.
const PAUSE: Duration = Duration::from_secs(1);

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

    /// Asks, and follows one redirection of a cluster, and one of each command while a slot is on its way to another node. All keys of a
    /// question must have one hash tag.
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
        if self.open.as_ref().is_some_and(|open| open.is_stale()) {
            self.open = None;
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        open.allow(self.timeout);
        let mut elsewhere = |place: &str| {
            let mut open = self.open_at(self.place_of(place))?;
            open.allow(self.timeout);
            Ok(open)
        };
        let mut exchange = Exchange::on(&mut open).following(&mut elsewhere);
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
        let place = self.moved.as_ref().unwrap_or(&self.address.place);
        let connected = self.open_at(place.clone());
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

    fn open_at(&mut self, place: Place) -> Result<Open, LinkError> {
        let end = Instant::now() + self.timeout;
        let addresses = self.names.addresses(&place, end);
        let addresses = addresses.map_err(|error| LinkError::of_io(&error))?;
        let tls = self.address.tls.then_some((&self.tls, &*place.host));
        let socket = Socket::connect(&addresses, tls, end);
        let mut open = Open::on(socket.map_err(|error| LinkError::of_io(&error))?);
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

#[cfg(test)]
mod tests;
