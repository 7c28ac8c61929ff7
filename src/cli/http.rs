//! Sends one request, and reads whatever comes back, within a deadline and a limit.

use std::time::Duration;

use http::{HeaderValue, Request, Uri, header};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// The longest answer of a probe that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// How many entries a list would have if there were room for all.
const COUNT: &str = "x-total-count";

/// A request: a POST with JSON if there is some, else a GET.
pub(super) struct Asked<'a> {
    pub(super) url: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) json: Option<String>,
    /// For everything, from the name's look-up to the last byte.
    pub(super) timeout: Duration,
    /// The longest body that is read, in bytes.
    pub(super) longest: u64,
}

/// What came back, whatever its status is.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The clock of the server, as it sent it.
    pub(super) date: Option<String>,
    /// How many entries the list would have, if it says so.
    pub(super) count: Option<usize>,
    pub(super) body: Vec<u8>,
}

/// The status and the body of the answer, whatever the status is.
pub(super) fn get(
    url: &str,
    token: Option<&str>,
    timeout: Duration,
) -> Result<(u16, Vec<u8>), String> {
    let reply = send(Asked {
        url,
        token,
        json: None,
        timeout,
        longest: LONGEST,
    })?;
    Ok((reply.status, reply.body))
}

/// Sends a request. Redirects are not followed, and no proxy is asked: a command speaks to the service itself.
pub(super) fn send(asked: Asked<'_>) -> Result<Reply, String> {
    let Asked {
        url,
        token,
        json,
        timeout,
        longest,
    } = asked;
    let uri: Uri = url
        .parse()
        .map_err(|_| "not an address that can be asked")?;
    // Also behind a slash, which a password can contain: its first part would be taken for the host.
    if url.contains('@') {
        return Err("an address with a user cannot be asked".into());
    }
    // The roots of the machine, for services with certificates of their own.
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("vitals/", env!("CARGO_PKG_VERSION")));
    let agent = config.build().new_agent();
    let mut request = Request::builder()
        .uri(uri)
        .header(header::ACCEPT, "application/json");
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let mut bearer = bearer.map_err(|_| "the token cannot be sent: it is not plain text")?;
        bearer.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let explain = |error| match error {
        ureq::Error::Timeout(_) => format!("no answer within {timeout:?}"),
        ureq::Error::BodyExceedsLimit(_) => format!("the answer has over {longest} bytes"),
        error => error.to_string(),
    };
    let refused = |_| "not an address that can be asked".to_owned();
    let answer = match json {
        None => agent.run(request.body(()).map_err(refused)?),
        Some(json) => {
            let request = request
                .method("POST")
                .header(header::CONTENT_TYPE, "application/json");
            agent.run(request.body(json).map_err(refused)?)
        }
    };
    let mut answer = answer.map_err(explain)?;
    let date = answer.headers().get(header::DATE);
    let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
    let count = answer.headers().get(COUNT);
    let count = count.and_then(|count| count.to_str().ok()?.parse().ok());
    let body = answer.body_mut().with_config().limit(longest).read_to_vec();
    Ok(Reply {
        status: answer.status().as_u16(),
        date,
        count,
        body: body.map_err(explain)?,
    })
}
