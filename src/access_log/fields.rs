//! Holds which fields an event has beside those that it always has, and reads them.

use std::sync::Arc;

use http::{Version, header::USER_AGENT};

use super::{client_address::ClientAddress, query::Query};
use crate::{
    facts::{exchange::Exchange, kept_text, logged_request::LoggedRequest},
    observe::RequestHead,
    text::printable,
};

/// The most bytes of a user agent that an event shows.
const LONGEST_AGENT: usize = 256;

/// The fields that the application chose.
#[derive(Clone, Debug, Default)]
pub(super) struct ChosenFields {
    pub(super) client: Option<ClientAddress>,
    pub(super) user_agent: bool,
    pub(super) version: bool,
    pub(super) query: Option<Arc<Query>>,
}

/// The values of the chosen fields for one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extra<'a> {
    chosen: Option<&'a ChosenFields>,
    exchange: &'a Exchange,
}

// === impl ChosenFields ===

impl ChosenFields {
    /// What must be kept of a request from its beginning on. `None` if nothing must.
    pub(super) fn keep(&self, request: &dyn RequestHead) -> Option<Box<LoggedRequest>> {
        let agent = self.user_agent.then(|| request.headers().get(USER_AGENT));
        // A clone would keep the buffer of the connection.
        let copied = |agent: &[u8]| {
            let shown = &agent[..agent.len().min(LONGEST_AGENT + 1)];
            kept_text::copy(shown)
        };
        let kept = LoggedRequest {
            client: self.client.and_then(|client| client.of(request)),
            user_agent: agent.flatten().map(|agent| copied(agent.as_bytes())),
            version: self.version.then_some(request.version()),
        };
        let any = kept.client.is_some() || kept.user_agent.is_some() || kept.version.is_some();
        any.then(|| Box::new(kept))
    }
}

// === impl Extra ===

impl<'a> Extra<'a> {
    pub(super) const fn new(chosen: Option<&'a ChosenFields>, exchange: &'a Exchange) -> Self {
        Self { chosen, exchange }
    }

    pub(super) fn client(&self) -> Option<String> {
        self.kept()?.client.map(|client| client.to_string())
    }

    pub(super) fn user_agent(&self) -> Option<String> {
        let agent = self.kept()?.user_agent.as_ref()?;
        Some(printable(&String::from_utf8_lossy(agent), LONGEST_AGENT))
    }

    pub(super) fn version(&self) -> Option<&'static str> {
        Some(match self.kept()?.version? {
            Version::HTTP_09 => "0.9",
            Version::HTTP_10 => "1.0",
            Version::HTTP_11 => "1.1",
            Version::HTTP_2 => "2",
            Version::HTTP_3 => "3",
            _ => return None,
        })
    }

    pub(super) fn query(&self) -> Option<String> {
        let query = self.chosen?.query.as_ref()?;
        let (_, text) = self.exchange.target().split_once('?')?;
        query.shown(text)
    }

    fn kept(&self) -> Option<&'a LoggedRequest> {
        self.exchange.logged()
    }
}
