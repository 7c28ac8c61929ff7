//! Tells why Redis was not asked, or did not answer. No error shows an address or a password.

use std::{error::Error, fmt, io};

use redis::{ErrorKind, RedisError, ServerError, ServerErrorKind};

/// The longest text of a server that is shown, in characters.
const LONGEST: usize = 200;

/// Why Redis was not asked, or did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkError {
    kind: LinkErrorKind,
    text: String,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkErrorKind {
    /// There is no connection.
    Unreachable,
    /// An answer, or an attempt to connect, took too long.
    TimedOut,
    /// The name or the password is wrong, or the user may not do this.
    NotAllowed,
    /// This is a replica, which takes no writes.
    ReadOnly,
    /// Its memory is full, or it cannot write to its disk.
    NoRoom,
    /// It starts, or has lost its primary.
    NotReady,
    /// A cluster sent us from one node to another, and on.
    Moved,
    /// A script is not known.
    NoScript,
    /// Anything else that was answered.
    Refused,
}

// === impl LinkError ===

impl LinkError {
    pub(super) fn new(kind: LinkErrorKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                Self::new(LinkErrorKind::TimedOut, "no answer in time")
            }
            io::ErrorKind::UnexpectedEof => {
                Self::new(LinkErrorKind::Unreachable, "the connection was closed")
            }
            // What TLS says stands behind this kind.
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                Self::new(LinkErrorKind::Unreachable, short(&error.to_string()))
            }
            kind => Self::new(LinkErrorKind::Unreachable, kind.to_string()),
        }
    }

    /// An answer that is an error, or that is not what was asked for.
    pub(super) fn of_answer(error: RedisError) -> Self {
        let kind = error.kind();
        let text = error.category().to_owned();
        match error.into_server_errors() {
            Some(errors) => match errors.first() {
                Some((_, error)) => Self::of_server(error),
                None => Self::new(LinkErrorKind::Refused, text),
            },
            None if kind == ErrorKind::Parse => {
                Self::new(LinkErrorKind::Refused, "the answer has another form")
            }
            None => Self::new(LinkErrorKind::Refused, text),
        }
    }

    pub(super) fn of_server(error: &ServerError) -> Self {
        let details = error.details().unwrap_or_default();
        // A script passes on what a command answered. Before Redis 7 the code stands within its text.
        let of_script = details.split_once(": -").filter(|_| error.code() == "ERR");
        let of_script = of_script.and_then(|(_, rest)| rest.split_whitespace().next());
        let code = of_script.unwrap_or(error.code());
        let of_command = error.kind().filter(|_| of_script.is_none());
        let kind = match (of_command, code) {
            (Some(ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown), _)
            | (Some(ServerErrorKind::ClusterDown | ServerErrorKind::TryAgain), _)
            | (_, "BUSY") => LinkErrorKind::NotReady,
            (Some(ServerErrorKind::ReadOnly), _) | (_, "READONLY") => LinkErrorKind::ReadOnly,
            (Some(ServerErrorKind::NoPerm), _) | (_, "NOPERM" | "NOAUTH" | "WRONGPASS") => {
                LinkErrorKind::NotAllowed
            }
            (Some(ServerErrorKind::NoScript), _) => LinkErrorKind::NoScript,
            (Some(ServerErrorKind::Moved | ServerErrorKind::Ask), _) => LinkErrorKind::Moved,
            (_, "OOM" | "MISCONF" | "NOREPLICAS") => LinkErrorKind::NoRoom,
            _ => LinkErrorKind::Refused,
        };
        let code = error.code();
        Self::new(kind, short(&format!("{code} {details}")))
    }

    /// The first word of what a server answered, if it is a code.
    pub(super) fn code(&self) -> &str {
        let word = self.text.split(' ').next().unwrap_or_default();
        let is_code = word.bytes().all(|byte| byte.is_ascii_uppercase());
        if is_code { word } else { "another answer" }
    }

    pub(crate) const fn kind(&self) -> LinkErrorKind {
        self.kind
    }

    /// Whether nobody knows what was done.
    pub(super) const fn is_without_answer(&self) -> bool {
        matches!(
            self.kind,
            LinkErrorKind::Unreachable | LinkErrorKind::TimedOut
        )
    }

    /// Whether another server can stand behind the address soon: a replica became the primary, or the other way round.
    pub(super) const fn ends_connection(&self) -> bool {
        matches!(
            self.kind,
            LinkErrorKind::Unreachable
                | LinkErrorKind::TimedOut
                | LinkErrorKind::NotAllowed
                | LinkErrorKind::ReadOnly
                | LinkErrorKind::NotReady
                | LinkErrorKind::Moved
        )
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for LinkError {}

/// One line of at most so many characters.
fn short(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    let text: String = plain.take(LONGEST).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use redis::{Value, parse_redis_value};

    use super::*;

    #[test]
    fn the_answer_of_a_command_in_a_script_is_known_in_each_version_of_redis() {
        for (answer, kind) in [
            (
                "READONLY You can't write against a read only replica. script: a, on @user_script:1.",
                LinkErrorKind::ReadOnly,
            ),
            (
                "ERR Error running script (call to f_a): @user_script:7: -READONLY You can't write.",
                LinkErrorKind::ReadOnly,
            ),
            (
                "ERR Error running script (call to f_a): @user_script:7: -OOM command not allowed.",
                LinkErrorKind::NoRoom,
            ),
            ("ERR unknown command 'COPY'", LinkErrorKind::Refused),
        ] {
            let value = parse_redis_value(format!("-{answer}\r\n").as_bytes()).unwrap();
            let Value::ServerError(error) = value else {
                panic!("{value:?}");
            };
            assert_eq!(LinkError::of_server(&error).kind(), kind, "{answer}");
        }
    }
}
