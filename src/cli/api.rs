//! Asks the monitoring API of a service.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use serde_json::Value;

use super::{
    LONGEST_LINE,
    check::{Format, Token},
    duration, given,
    http::{self, Asked, Reply},
    report::plain_json,
};
use crate::{config::Environment, text::printable};

/// Where the monitoring API is by default.
pub(super) const URL: &str = "http://127.0.0.1:8000/api/v1/monitoring";

/// The variable of the token.
pub(super) const TOKEN: &str = "MONITORING_TOKEN";

/// The longest answer that is read, in bytes. Dashboards and rules of a service with thousands of rules have tens of millions.
pub(super) const LONGEST: u64 = 64 << 20;

/// Where the monitoring API is, and what it is asked with.
#[derive(Args, Clone, Debug)]
pub(super) struct Api {
    /// The address of the monitoring API, http or https [default: http://127.0.0.1:8000/api/v1/monitoring]
    #[arg(long, env = "MONITORING_URL", hide_env_values = true)]
    url: Option<String>,
    /// The token of the monitoring API. Others can see an argument; use the variable MONITORING_TOKEN, or MONITORING_TOKEN_FILE
    /// for a file that holds it
    #[arg(long)]
    token: Option<Token>,
    /// How long to wait for one answer: `10`, `10s` or `500ms`, at most 1 hour
    #[arg(long, env = "TIMEOUT", default_value = "10s", value_parser = duration)]
    pub(super) timeout: Duration,
}

/// How a command shows what it was told.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Output {
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// A list of an answer.
pub(super) struct List {
    pub(super) value: Value,
    /// How many entries had no room in it.
    pub(super) left_out: usize,
}

/// Why there is no answer.
pub(super) enum Failure {
    /// Nobody answered, or the arguments are wrong.
    Nobody(String),
    /// The service answered, and refused.
    Refused(String),
}

// === impl Api ===

impl Api {
    /// The address without a slash at its end.
    pub(super) fn base(&self) -> &str {
        given(self.url.as_deref())
            .unwrap_or(URL)
            .trim_end_matches('/')
    }

    /// The token, if there is one.
    pub(super) fn token(&self) -> Result<Option<String>, String> {
        if let Some(token) = given(self.token.as_ref().map(Token::secret)) {
            return Ok(Some(token.to_owned()));
        }
        let token = Environment::process().secret(TOKEN);
        token.map_err(|error| error.to_string())
    }

    /// Sends one request to a path below the address, a POST if there is JSON.
    pub(super) fn send(&self, path: &str, json: Option<Value>) -> Result<Reply, String> {
        let token = self.token()?;
        http::send(Asked {
            url: &format!("{}{path}", self.base()),
            token: token.as_deref(),
            json: json.map(|json| json.to_string()),
            timeout: self.timeout,
            longest: LONGEST,
        })
    }

    /// The JSON of an answer that is none of an error.
    pub(super) fn json(&self, path: &str, json: Option<Value>) -> Result<Value, Failure> {
        let reply = self.send(path, json).map_err(Failure::Nobody)?;
        answered(&reply)
    }

    /// A list, which says how many entries there are.
    pub(super) fn list(&self, path: &str) -> Result<List, Failure> {
        let reply = self.send(path, None).map_err(Failure::Nobody)?;
        let value = answered(&reply)?;
        let shown = value.as_array().map_or(0, Vec::len);
        let left_out = reply.count.unwrap_or(shown).saturating_sub(shown);
        Ok(List { value, left_out })
    }

    /// The same as [`json`](Self::json), or `None` where the service has no such path.
    pub(super) fn json_if_there(&self, path: &str) -> Result<Option<Value>, Failure> {
        let reply = self.send(path, None).map_err(Failure::Nobody)?;
        match reply.status {
            404 => Ok(None),
            _ => answered(&reply).map(Some),
        }
    }

    /// The text at this path. It is that of a file.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        let reply = self.send(path, None)?;
        if reply.status != 200 {
            let answer = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
            return Err(format!("HTTP {}: {}", reply.status, reason(&answer)));
        }
        String::from_utf8(reply.body).map_err(|_| "the answer is no text".to_owned())
    }
}

// === impl Output ===

impl Output {
    /// Prints a text, or JSON if that is asked for.
    pub(super) fn print(&self, json: &Value, text: impl FnOnce() -> String) {
        let output = match self.format {
            Format::Json => format!("{}\n", plain_json(&json.to_string())),
            Format::Text => text(),
        };
        // Nobody can be told that something was not printed.
        let _ = io::stdout().write_all(output.as_bytes());
    }
}

// === impl List ===

impl List {
    pub(super) fn entries(&self) -> &[Value] {
        self.value.as_array().map(Vec::as_slice).unwrap_or_default()
    }

    /// A line of a table about those that had no room.
    pub(super) fn rest(&self) -> Option<Vec<String>> {
        (self.left_out > 0).then(|| vec![format!("and {} more", self.left_out)])
    }
}

// === impl Failure ===

impl Failure {
    pub(super) fn text(&self) -> &str {
        let (Self::Nobody(text) | Self::Refused(text)) = self;
        text
    }

    /// Prints the reason. The exit code is 2, or `refused` if the service answered.
    pub(super) fn tell(&self, refused: u8) -> ExitCode {
        let (error, code) = match self {
            Self::Nobody(error) => (error, 2),
            Self::Refused(error) => (error, refused),
        };
        let _ = writeln!(io::stderr(), "✗ {}", printable(error, LONGEST_LINE));
        ExitCode::from(code)
    }
}

/// The JSON of an answer that is none of an error.
fn answered(reply: &Reply) -> Result<Value, Failure> {
    let answer = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    match reply.status {
        200..300 if !answer.is_null() => Ok(answer),
        status => Err(Failure::Refused(format!(
            "HTTP {status}: {}",
            reason(&answer)
        ))),
    }
}

/// The sentence of an error.
pub(super) fn reason(answer: &Value) -> &str {
    let sentence = answer["error"].as_str();
    sentence.unwrap_or("is this the address of the monitoring API?")
}
