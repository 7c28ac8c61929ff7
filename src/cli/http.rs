//! Sends one GET request, and reads whatever comes back, within a deadline and a limit.

use std::time::Duration;

use http::{HeaderValue, Uri, header};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

/// The longest body that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// The status and the body of the answer, whatever the status is. Redirects are not followed, and no proxy is asked: a check
/// speaks to the service itself. `timeout` is for everything, from the name's look-up to the last byte.
pub(super) fn get(
    url: &str,
    token: Option<&str>,
    timeout: Duration,
) -> Result<(u16, Vec<u8>), String> {
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
    let mut request = agent.get(uri).header(header::ACCEPT, "application/json");
    if let Some(token) = token {
        let bearer = HeaderValue::try_from(format!("Bearer {token}"));
        let mut bearer = bearer.map_err(|_| "the token cannot be sent: it is not plain text")?;
        bearer.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let explain = |error| match error {
        ureq::Error::Timeout(_) => format!("no answer within {timeout:?}"),
        ureq::Error::BodyExceedsLimit(_) => format!("the answer has over {LONGEST} bytes"),
        error => error.to_string(),
    };
    let mut answer = request.call().map_err(explain)?;
    let body = answer.body_mut().with_config().limit(LONGEST).read_to_vec();
    Ok((answer.status().as_u16(), body.map_err(explain)?))
}
