//! Keeps what the access log shows of a request, and nothing else of the exchange has.

use std::net::IpAddr;

use bytes::Bytes;
use http::Version;

/// What a layer for the access log keeps when the request begins. Each part only by choice.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoggedRequest {
    pub(crate) client: Option<IpAddr>,
    pub(crate) user_agent: Option<Bytes>,
    pub(crate) version: Option<Version>,
}
