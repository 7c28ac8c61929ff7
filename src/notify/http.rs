//! Posts one message to a checked address, within a deadline and a limit, and says nothing of where.

mod connect;
mod exchange;
mod failed;
mod proxy;

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header, uri::Authority,
};
use http_body_util::Full;

use self::{connect::Connector, exchange::Answered, failed::Failed, proxy::Proxy};

use super::{
    address::Address,
    notifier::NotifyError,
    retry::{self, Judged},
};
use crate::{
    config::{ConfigError, Environment},
    text::printable,
    timestamp,
};

/// The most bytes of an answer's head, and of its body, that are read.
pub(super) const LONGEST: usize = 64 << 10;

/// The most bytes of an error's text, without the ellipsis.
const LONGEST_ERROR: usize = 253;

/// The longest word of an answer that is shown.
const LONGEST_WORD: usize = 64;

/// What each request says of its sender.
const AGENT: &str = concat!("tower-vitals/", env!("CARGO_PKG_VERSION"));

/// The variable with the address of a proxy.
const PROXY: &str = "MONITORING_PROXY";

/// Says that a body is JSON.
pub(super) const JSON: (HeaderName, HeaderValue) = (
    header::CONTENT_TYPE,
    HeaderValue::from_static("application/json"),
);

/// Posts messages.
///
/// Redirects are not followed, and no proxy is asked that a notifier was not given, whatever the environment says. Each message has a
/// connection of its own. Nothing below logs what is sent. rustls can log the name of a host, if another crate turns that on.
pub(super) struct Client {
    connector: Connector,
}

/// One message.
#[derive(Clone, Copy)]
pub(super) struct Post<'p> {
    pub(super) address: &'p Address,
    /// Beside those that every request has. None of their values is shown.
    pub(super) headers: &'p [(HeaderName, HeaderValue)],
    pub(super) body: &'p [u8],
}

/// What somebody answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// How long to wait, if the answer says so.
    pub(super) after: Option<Duration>,
    /// At most 64 KiB of it, as it came. Shorter if it did not come in time.
    pub(super) body: Vec<u8>,
}

// === impl Client ===

impl Client {
    /// Opens nothing yet.
    pub(super) fn new() -> Self {
        Self::by(None)
    }

    /// Asks this proxy for each connection. `field` is the name of the setting.
    ///
    /// # Errors
    ///
    /// If it is no address of an HTTP proxy. The error does not show it.
    pub(super) fn through(field: &str, proxy: &str) -> Result<Self, ConfigError> {
        match Proxy::parse(proxy) {
            Some(proxy) => Ok(Self::by(Some(proxy))),
            None => {
                let reason =
                    "expected the address of a proxy, such as http://proxy.example.com:3128";
                Err(ConfigError::new(field, "…", reason))
            }
        }
    }

    /// Asks the proxy of `MONITORING_PROXY`, if there is one, and no other one of the environment.
    pub(super) fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        match environment.secret(PROXY)? {
            Some(proxy) => Self::through(PROXY, &proxy),
            None => Ok(Self::new()),
        }
    }

    fn by(proxy: Option<Proxy>) -> Self {
        Self {
            connector: Connector::new(proxy),
        }
    }

    /// Posts a message, and judges the answer by its status. `timeout` is for everything, from the name's look-up to the last byte.
    ///
    /// # Errors
    ///
    /// If nobody answered in time, or if the answer is not 2xx. The text has at most 256 bytes, and shows neither the address nor
    /// anything that was sent.
    pub(super) fn post(&self, post: Post<'_>, timeout: Duration) -> Result<Answer, NotifyError> {
        self.ask(post, timeout)?.judged(post)
    }

    /// Posts JSON, as [`post`](Self::post) does.
    pub(super) fn post_json(
        &self,
        address: &Address,
        body: &[u8],
        timeout: Duration,
    ) -> Result<(), NotifyError> {
        let post = Post {
            address,
            headers: &[JSON],
            body,
        };
        self.post(post, timeout).map(drop)
    }

    /// As [`post`](Self::post), and leaves it to the caller to judge the answer.
    pub(super) fn ask(&self, post: Post<'_>, timeout: Duration) -> Result<Answer, NotifyError> {
        let answered = exchange::exchange(&self.connector, post.address, post.request(), timeout);
        let Answered { head, body } = answered.map_err(|failed| NotifyError::Later {
            text: self.explained(&failed, post.address, timeout),
            after: None,
        })?;
        Ok(Answer {
            status: head.status,
            after: after(&head.headers),
            body,
        })
    }

    /// What happened, without the address.
    fn explained(&self, failed: &Failed, address: &Address, timeout: Duration) -> String {
        let text = match failed {
            Failed::Late => format!("no answer within {timeout:?}"),
            Failed::Because(text) => self.connector.hide_in(&address.hide_in(text)),
        };
        printable(&text, LONGEST_ERROR)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

// === impl Post ===

impl Post<'_> {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::from(self.body.to_vec()));
        *request.method_mut() = Method::POST;
        let uri = self.address.uri();
        let path = uri.path_and_query().cloned();
        *request.uri_mut() = path.map(Into::into).unwrap_or_default();
        let headers = request.headers_mut();
        let host = uri.authority().map_or("", Authority::as_str);
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(header::HOST, host);
        }
        let own = [
            (header::USER_AGENT, AGENT),
            (header::ACCEPT_ENCODING, "identity"),
            (header::CONNECTION, "close"),
        ];
        headers.extend(own.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.extend(self.headers.iter().cloned());
        request
    }
}

// === impl Answer ===

impl Answer {
    /// Itself if the message arrived.
    pub(super) fn judged(self, post: Post<'_>) -> Result<Self, NotifyError> {
        let judged = Judged::of(self.status.as_u16());
        if judged == Judged::Sent {
            return Ok(self);
        }
        let mut text = format!("answered {}", self.status.as_u16());
        if self.status.is_redirection() {
            text.push_str(", and redirects are not followed");
        }
        if let Some(word) = self.word(post) {
            text.push_str(": ");
            text.push_str(word);
        }
        Err(match judged {
            Judged::Later => NotifyError::Later {
                text,
                after: self.after,
            },
            _ => NotifyError::Refused { text },
        })
    }

    /// The body, if it is one word such as `invalid_payload`, and nothing that was sent: that could be a secret.
    fn word(&self, post: Post<'_>) -> Option<&str> {
        let word = std::str::from_utf8(&self.body).ok()?.trim();
        let is_word = (1..=LONGEST_WORD).contains(&word.len())
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
        let has_it = |sent: &[u8]| {
            let mut windows = sent.windows(word.len());
            windows.any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
        };
        let address = post.address.uri().to_string();
        let was_sent = || {
            let mut headers = post.headers.iter();
            has_it(address.as_bytes())
                || has_it(post.body)
                || headers.any(|(_, value)| has_it(value.as_bytes()))
        };
        (is_word && !was_sent()).then_some(word)
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The body can repeat what was sent.
        let mut shown = f.debug_struct("Answer");
        shown.field("status", &self.status);
        shown.finish_non_exhaustive()
    }
}

fn after(headers: &HeaderMap) -> Option<Duration> {
    let after = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    retry::asked(after, timestamp::since_1970())
}

#[cfg(test)]
mod tests;
